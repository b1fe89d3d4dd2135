"""Pieces of work on their way into the database: all of a piece, or nothing, and never twice."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import sqlalchemy as sa

from app.batches.execution import chunks
from app.batches.execution.chunks import Begun
from app.batches.store import tile_sums
from app.batches.store.database import Database
from app.batches.store.models import Status
from app.batches.store.row_codec import NO_LLR, failure_text, finding_text
from app.batches.store.tables import batches, payloads, pictures, results, sources
from app.records import Failure, Finding

PACE_S: Final = 10.0
"""How long throughput is counted before it is told."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture of the batch. ``finding`` is ``None`` once it lies in the database."""

    sha256: bytes
    outcome: str
    verdict: str
    llr: float
    finding: Finding | None = None

    def kept(self) -> Picture:
        """The same, when nothing of it needs to be held in memory any more."""
        return replace(self, finding=None)


@dataclass(frozen=True, eq=False)
class Looked:
    """An item with its answer. ``key``: of the address that the picture came from."""

    seq: int
    answer: Picture | Failure
    key: bytes | None = None


def commit(
    database: Database, begun: Begun, piece: Sequence[Looked], *, forward: bool = False
) -> Status | None:
    """Keep what is new in ``piece``; how the batch stands, ``None`` if it is gone.

    Nothing is kept if the batch is no longer at work. ``forward``: the chunk's marks go, too.
    """
    ordered = sorted(piece, key=lambda looked: looked.seq)
    return database.write(lambda c: _commit(c, database, begun, ordered, forward))


def known(database: Database, batch_no: int, sha256: bytes) -> Picture | None:
    """A picture that the batch has met before."""
    of = sa.select(pictures.c.outcome, pictures.c.verdict, pictures.c.llr).where(
        pictures.c.batch_no == batch_no, pictures.c.sha256 == sha256
    )
    with database.reading() as c:
        row = c.execute(of).one_or_none()
    return None if row is None else Picture(sha256, *row)


def led_to(database: Database, batch_no: int, keys: Sequence[bytes]) -> dict[bytes, Picture]:
    """Which pictures the addresses with these ``keys`` led to, as far as that is known."""
    if not keys:
        return {}
    of = (
        sa.select(
            sources.c.key,
            pictures.c.sha256,
            pictures.c.outcome,
            pictures.c.verdict,
            pictures.c.llr,
        )
        .join(
            pictures,
            sa.and_(
                pictures.c.batch_no == sources.c.batch_no, pictures.c.sha256 == sources.c.sha256
            ),
        )
        .where(sources.c.batch_no == batch_no, sources.c.key.in_(keys))
    )
    with database.reading() as c:
        return {
            bytes(row.key): Picture(bytes(row.sha256), row.outcome, row.verdict, row.llr)
            for row in c.execute(of)
        }


def payload(database: Database, batch_no: int, seq: int) -> bytes | None:
    """The picture that came with an item, if it is still kept."""
    of = sa.select(payloads.c.data).where(payloads.c.batch_no == batch_no, payloads.c.seq == seq)
    with database.reading() as c:
        data = c.scalar(of)
    return None if data is None else bytes(data)


def _commit(
    c: sa.Connection, database: Database, begun: Begun, piece: Sequence[Looked], forward: bool
) -> Status | None:
    batch_no = begun.batch_no
    new = _insert_results(c, database, batch_no, piece)
    _insert_pictures(c, database, begun, new)
    _insert_sources(c, database, batch_no, new)
    _drop_payloads(c, batch_no, new)
    if forward:
        chunks.forward(c, begun)
    # The batch's row comes last: everybody needs it, so nobody holds it for long.
    status = _count(c, database, batch_no, new)
    if status not in chunks.AT_WORK:
        c.rollback()
    return status


def _insert_results(
    c: sa.Connection, database: Database, batch_no: int, piece: Sequence[Looked]
) -> list[Looked]:
    if not piece:
        return []
    rows = [result_row(batch_no, looked.seq, looked.answer) for looked in piece]
    insert = database.insert(results).on_conflict_do_nothing().returning(results.c.seq)
    inserted = set(c.scalars(insert, rows))
    return [looked for looked in piece if looked.seq in inserted]


def result_row(batch_no: int, seq: int, answer: Picture | Failure) -> dict[str, Any]:
    """A row of ``results``."""
    row: dict[str, Any] = {"batch_no": batch_no, "seq": seq, "rank": NO_LLR, "retryable": False}
    row |= {"verdict": None, "sha256": None, "failure": None}
    if isinstance(answer, Failure):
        return row | {"failure": failure_text(answer), "retryable": answer.retryable}
    return row | {"rank": answer.llr, "verdict": answer.verdict, "sha256": answer.sha256}


def _insert_pictures(
    c: sa.Connection, database: Database, begun: Begun, new: Sequence[Looked]
) -> None:
    fresh: dict[bytes, Finding] = {}
    for looked in new:
        if isinstance(looked.answer, Picture) and looked.answer.finding is not None:
            fresh[looked.answer.sha256] = looked.answer.finding
    if not fresh:
        return
    rows = [_picture_row(begun.batch_no, sha256, fresh[sha256]) for sha256 in sorted(fresh)]
    insert = database.insert(pictures).on_conflict_do_nothing().returning(pictures.c.sha256)
    inserted = [bytes(sha256) for sha256 in c.scalars(insert, rows)]
    first_met = [fresh[sha256] for sha256 in inserted]
    tile_sums.add(c, database, begun.batch_no, begun.key.chunk % tile_sums.SHARDS, first_met)


def _picture_row(batch_no: int, sha256: bytes, finding: Finding) -> dict[str, Any]:
    return {
        "batch_no": batch_no,
        "sha256": sha256,
        "outcome": finding.outcome,
        "verdict": finding.verdict,
        "llr": float(finding.llr) + 0.0,  # no -0.0: the order of a page is by this number
        "finding": finding_text(finding),
        "analysis": finding.analysis,
        "thumbnail": finding.thumbnail,
    }


def _insert_sources(
    c: sa.Connection, database: Database, batch_no: int, new: Sequence[Looked]
) -> None:
    led = {
        looked.key: looked.answer.sha256
        for looked in new
        if looked.key is not None and isinstance(looked.answer, Picture)
    }
    if led:
        rows = [{"batch_no": batch_no, "key": key, "sha256": led[key]} for key in sorted(led)]
        c.execute(database.insert(sources).on_conflict_do_nothing(), rows)


def _drop_payloads(c: sa.Connection, batch_no: int, new: Sequence[Looked]) -> None:
    """Pictures that were looked at are not kept; those that may be tried again are."""
    seqs = [
        looked.seq
        for looked in new
        if looked.key is None
        and not (isinstance(looked.answer, Failure) and looked.answer.retryable)
    ]
    if seqs:
        c.execute(
            sa.delete(payloads).where(payloads.c.batch_no == batch_no, payloads.c.seq.in_(seqs))
        )


def _count(
    c: sa.Connection, database: Database, batch_no: int, new: Sequence[Looked]
) -> Status | None:
    row = c.execute(
        sa.select(
            batches.c.status,
            batches.c.completed,
            batches.c.failed,
            batches.c.outcomes,
            batches.c.verdicts,
            batches.c.pace,
            batches.c.paced_from,
            batches.c.paced_items,
            database.now.label("now"),
        )
        .where(batches.c.no == batch_no)
        .with_for_update()
    ).one_or_none()
    if row is None:
        return None
    status = Status(row.status)
    if not new or status not in chunks.AT_WORK:
        return status
    found = [looked.answer for looked in new if isinstance(looked.answer, Picture)]
    c.execute(
        sa.update(batches)
        .where(batches.c.no == batch_no)
        .values(
            completed=row.completed + len(found),
            failed=row.failed + len(new) - len(found),
            outcomes=_added(row.outcomes, [picture.outcome for picture in found]),
            verdicts=_added(row.verdicts, [picture.verdict for picture in found]),
            revision=batches.c.revision + 1,
            changed_at=row.now,
            **_pace(row, len(new)),
        )
    )
    return status


def _added(text: str, names: Sequence[str]) -> str:
    return json.dumps(dict(sorted((Counter(json.loads(text)) + Counter(names)).items())))


def _pace(row: sa.Row[*tuple[Any, ...]], new: int) -> dict[str, float | None]:
    """Items a second over the last stretch, and the stretch that is being counted."""
    count, began = row.paced_items + new, row.paced_from
    if began is None:
        return {"paced_from": row.now, "paced_items": 0}
    if row.now - began < PACE_S:
        return {"paced_items": count}
    return {"pace": count / (row.now - began), "paced_from": row.now, "paced_items": 0}
