"""What one process answered any other finds, for its owner and for a time, within a bound."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from app.batches.answers import AnswerKey, AnswerStore, delete_expired
from app.batches.store.database import Database, open_database
from app.batches.store.tables import answers

KEYS = [AnswerKey("anna", f"{n:064x}", 0.1, "model") for n in range(4)]


@pytest.fixture
def database(url: str | None, tmp_path: Path) -> Iterator[Database]:
    opened = open_database(url, tmp_path)
    yield opened
    opened.close()


def keep(database: Database, key: AnswerKey, analysis: bytes = b"{}") -> None:
    AnswerStore(database).keep(key, analysis, max_answers=2, retention_s=60)


def found(database: Database, keys: list[AnswerKey]) -> list[bytes | None]:
    return [AnswerStore(database.for_requests()).find(key) for key in keys]


def test_an_answer_is_found_by_all_that_it_depends_on(database: Database) -> None:
    keep(database, KEYS[0], b"an answer")
    others = [
        replace(KEYS[0], owner="ben"),
        replace(KEYS[0], prior=0.1000001),
        replace(KEYS[0], model="another"),
        KEYS[1],
    ]
    assert found(database, [KEYS[0], *others]) == [b"an answer", *[None] * 4]


def test_the_oldest_make_room_and_one_kept_again_is_the_newest(database: Database) -> None:
    for key in (KEYS[0], KEYS[1], KEYS[0], KEYS[2]):
        keep(database, key)
    assert [each is not None for each in found(database, KEYS)] == [True, False, True, False]
    with database.reading() as c:
        assert c.scalar(sa.select(sa.func.count()).select_from(answers)) == 2


def test_what_expired_is_not_found_and_goes(database: Database) -> None:
    keep(database, KEYS[0])
    keep(database, KEYS[1])
    expired = answers.c.sha256 == bytes.fromhex(KEYS[0].sha256)
    database.write(lambda c: c.execute(sa.update(answers).where(expired).values(expires_at=1.0)))
    assert [each is not None for each in found(database, KEYS[:2])] == [False, True]
    delete_expired(database)
    with database.reading() as c:
        assert c.scalars(sa.select(answers.c.sha256)).all() == [bytes.fromhex(KEYS[1].sha256)]
