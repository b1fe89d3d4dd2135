"""Messages that are due: taken by one sender at a time, and what came of sending them."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from app.batches.store.database import Database
from app.batches.webhooks.messages import State
from app.batches.webhooks.webhook_tables import messages, tries

WAITS_S: Final = (5.0, 30.0, 120.0, 600.0, 3_600.0, 10_800.0, 28_800.0)
"""Between one try and the next: eight tries over about twelve hours."""
JITTER: Final = 0.2
"""Each wait is up to this share shorter or longer: what failed together returns one by one."""
GONE: Final = 410

_chance: Final = random.SystemRandom()


@dataclass(frozen=True)
class Letter:
    """A message in the hands of one sender. ``lease``: what shows that it still is."""

    batch_no: int
    id: str
    url: str
    body: bytes
    lease: str


@dataclass(frozen=True)
class Outcome:
    """What came of one try. ``final``: no other try could end differently."""

    status: int | None
    error: str | None
    duration_s: float
    retry_after_s: float = 0.0
    final: bool = False

    @property
    def arrived(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def is_due(database: Database) -> bool:
    """Whether there is anything to take; holds nobody up."""
    with database.reading() as c:
        return c.execute(_due(database).limit(1)).first() is not None


def take(database: Database, most: int, lease_s: float) -> list[Letter]:
    """Up to ``most`` messages that are due, for ``lease_s``, in which nobody else gets them."""

    def taken(c: sa.Connection) -> list[Letter]:
        due = _due(database).order_by(messages.c.due_at).limit(most)
        letters = [
            Letter(row.batch_no, row.id, row.url, row.body, uuid.uuid4().hex)
            for row in c.execute(due.with_for_update(skip_locked=True)).all()
        ]
        for letter in letters:
            held = {"lease": letter.lease, "leased_until": database.now + lease_s}
            c.execute(sa.update(messages).where(*_is(letter)).values(**held))
        return letters

    return database.write(taken)


def record(
    database: Database,
    letter: Letter,
    outcome: Outcome,
    jitter: Callable[[], float] = lambda: _chance.uniform(1.0 - JITTER, 1.0 + JITTER),
) -> State | None:
    """Write down a try and what follows; ``None`` if the message is gone with its batch.

    A sender that was so slow that another one has the message by now only adds to the log, unless
    what it sent has arrived.
    """

    def recorded(c: sa.Connection) -> State | None:
        row = c.execute(sa.select(messages).where(*_is(letter)).with_for_update()).one_or_none()
        if row is None:
            return None
        now = c.scalar(sa.select(database.now))
        assert now is not None
        c.execute(
            sa.insert(tries).values(
                batch_no=letter.batch_no,
                message=letter.id,
                number=row.tries + 1,
                at=now - outcome.duration_s,
                status=outcome.status,
                error=outcome.error,
                duration_s=outcome.duration_s,
            )
        )
        values: dict[str, Any] = {"tries": row.tries + 1}
        if row.lease == letter.lease or outcome.arrived:
            values |= _following(row.round, outcome, now, jitter) | _FREE
        c.execute(sa.update(messages).where(*_is(letter)).values(**values))
        return State(values.get("state", row.state))

    return database.write(recorded)


def give_back(database: Database, letter: Letter) -> None:
    """Nothing came of it, and the sender leaves: it is due for whoever comes next."""
    mine = (*_is(letter), messages.c.lease == letter.lease)
    database.write(lambda c: c.execute(sa.update(messages).where(*mine).values(**_FREE)))


def _due(database: Database) -> sa.Select[Any]:
    return sa.select(messages).where(
        messages.c.due_at <= database.now, messages.c.leased_until <= database.now
    )


def _following(
    round_: int, outcome: Outcome, now: float, jitter: Callable[[], float]
) -> dict[str, Any]:
    """What the message is to be after a try that was number ``round_ + 1`` of its round."""
    if outcome.arrived:
        return {"state": State.DELIVERED, "due_at": None}
    if outcome.status == GONE:
        return {"state": State.REFUSED, "due_at": None}
    if outcome.final or round_ >= len(WAITS_S):
        return {"state": State.FAILED, "due_at": None}
    wait_s = max(WAITS_S[round_] * jitter(), outcome.retry_after_s)
    return {"state": State.WAITING, "due_at": now + wait_s, "round": round_ + 1}


_FREE: Final[dict[str, Any]] = {"lease": None, "leased_until": 0.0}


def _is(letter: Letter) -> tuple[sa.ColumnElement[bool], ...]:
    return messages.c.batch_no == letter.batch_no, messages.c.id == letter.id
