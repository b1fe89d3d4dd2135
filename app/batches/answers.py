"""Answers about single pictures, kept beside the lists: one that any process gave, all may give.

No picture is kept. An answer belongs to the owner who sent the picture: nobody learns what others
have sent.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from app.batches.store.database import Database
from app.batches.store.tables import answers


@dataclass(frozen=True)
class AnswerKey:
    """What an answer is about. ``sha256``: of the bytes, hex.

    ``model``: what the answer depends on beside bytes and prior, as text.
    """

    owner: str
    sha256: str
    prior: float
    model: str


class AnswerStore:
    """Any thread may call it, and none on an event loop. Raises what the database reports."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, key: AnswerKey) -> bytes | None:
        """The answer as it was kept; ``None`` where there is none, or its time is over."""
        statement = sa.select(answers.c.analysis).where(
            *_filter(key), answers.c.expires_at > self._database.now
        )
        with self._database.reading() as c:
            analysis = c.scalar(statement)
        return None if analysis is None else bytes(analysis)

    def keep(self, key: AnswerKey, analysis: bytes, *, max_answers: int, retention_s: int) -> None:
        """Keep an answer for ``retention_s``; of more than ``max_answers`` the oldest go."""
        expires_at = self._database.now + retention_s
        row = {
            "owner": key.owner,
            "sha256": bytes.fromhex(key.sha256),
            "prior": key.prior,
            "model": key.model,
            "analysis": analysis,
            "expires_at": expires_at,
        }

        def transaction(c: sa.Connection) -> None:
            # Deleted first, so that it becomes the newest.
            c.execute(sa.delete(answers).where(*_filter(key)))
            insert = self._database.insert(answers).values(**row).on_conflict_do_nothing()
            number = c.scalar(insert.returning(answers.c.no))
            if number is not None:
                # Numbers have gaps: this keeps so many, or fewer.
                c.execute(sa.delete(answers).where(answers.c.no <= number - max_answers))

        self._database.write(transaction)


def delete_expired(database: Database) -> None:
    """Delete answers whose time is over."""
    expired = sa.delete(answers).where(answers.c.expires_at <= database.now)
    database.write(lambda c: c.execute(expired))


def _filter(key: AnswerKey) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        answers.c.owner == key.owner,
        answers.c.sha256 == bytes.fromhex(key.sha256),
        answers.c.prior == key.prior,
        answers.c.model == key.model,
    )
