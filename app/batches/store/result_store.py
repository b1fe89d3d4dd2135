"""Stores outcomes: all of a commit or nothing, and each item once."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from app.batches.execution import chunks
from app.batches.execution.chunks import ChunkRun
from app.batches.store import tile_sums
from app.batches.store.database import Database
from app.batches.store.drawing_store import insert_drawings
from app.batches.store.models import PACE_WINDOW_S, Status
from app.batches.store.row_codec import (
    FAILURE_RANK,
    UNSCORED_RANK,
    decode_picture_record,
    encode_failure,
    encode_picture_record,
)
from app.batches.store.tables import batches, payloads, pictures, results, sources
from app.batches.webhooks.flagged_threshold import is_reached, record_reached
from app.records import Failure, PictureRecord


@dataclass(frozen=True, eq=False)
class ItemOutcome:
    """An item's answer before it is stored. ``source_key``: of the picture's address.

    The record of a picture that is stored already has no payload.
    """

    seq: int
    answer: PictureRecord | Failure
    source_key: bytes | None = None


_RECORD_COLUMNS: Final = tuple(
    pictures.c[name] for name in ("sha256", "outcome", "verdict", "llr", "finding")
)
"""Of a picture, all but its payload."""


def commit_outcomes(
    database: Database,
    run: ChunkRun,
    outcomes: Sequence[ItemOutcome],
    *,
    mark_progress: bool = False,
) -> Status | None:
    """Store what is new in ``outcomes``; the batch's status, ``None`` if it is gone.

    Nothing is stored unless the batch is in progress. ``mark_progress``: clear the chunk's marks.
    """
    ordered = sorted(outcomes, key=lambda outcome: outcome.seq)
    return database.write(lambda c: _commit_outcomes(c, database, run, ordered, mark_progress))


def find_picture(database: Database, batch_no: int, sha256: str) -> PictureRecord | None:
    """The batch's picture with this SHA-256 (hex), without its payload."""
    statement = sa.select(*_RECORD_COLUMNS).where(
        pictures.c.batch_no == batch_no, pictures.c.sha256 == bytes.fromhex(sha256)
    )
    with database.reading() as c:
        row = c.execute(statement).mappings().one_or_none()
    return None if row is None else decode_picture_record(row)


def find_by_source(
    database: Database, batch_no: int, keys: Sequence[bytes]
) -> dict[bytes, PictureRecord]:
    """Pictures that the addresses with these ``keys`` led to, as far as known; without payload."""
    if not keys:
        return {}
    statement = (
        sa.select(sources.c.key, *_RECORD_COLUMNS)
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
            bytes(row["key"]): decode_picture_record(row) for row in c.execute(statement).mappings()
        }


def read_payload(database: Database, batch_no: int, seq: int) -> bytes | None:
    """The picture uploaded with an item, if it is still stored."""
    statement = sa.select(payloads.c.data).where(
        payloads.c.batch_no == batch_no, payloads.c.seq == seq
    )
    with database.reading() as c:
        data = c.scalar(statement)
    return None if data is None else bytes(data)


def _commit_outcomes(
    c: sa.Connection,
    database: Database,
    run: ChunkRun,
    outcomes: Sequence[ItemOutcome],
    mark_progress: bool,
) -> Status | None:
    batch_no = run.batch_no
    new_outcomes = _insert_results(c, database, batch_no, outcomes)
    new_pictures = _insert_pictures(c, database, run, new_outcomes)
    _insert_sources(c, database, batch_no, new_outcomes)
    _drop_payloads(c, batch_no, new_outcomes)
    if mark_progress:
        chunks.record_progress(c, run)
    # The batch's row comes last: everybody needs it, so nobody holds it for long.
    kept_bytes = sum(len(each.analysis) + len(each.thumbnail) for each in new_pictures)
    kept_bytes += insert_drawings(c, database, batch_no, new_pictures)
    status = _update_counts(c, database, batch_no, new_outcomes, kept_bytes)
    if status not in chunks.ACTIVE_STATUSES:
        c.rollback()
    return status


def _insert_results(
    c: sa.Connection, database: Database, batch_no: int, outcomes: Sequence[ItemOutcome]
) -> list[ItemOutcome]:
    if not outcomes:
        return []
    rows = [result_row(batch_no, outcome.seq, outcome.answer) for outcome in outcomes]
    insert = database.insert(results).on_conflict_do_nothing().returning(results.c.seq)
    inserted = set(c.scalars(insert, rows))
    return [outcome for outcome in outcomes if outcome.seq in inserted]


def result_row(batch_no: int, seq: int, answer: PictureRecord | Failure) -> dict[str, Any]:
    """A row of ``results``."""
    row: dict[str, Any] = {
        "batch_no": batch_no,
        "seq": seq,
        "rank": FAILURE_RANK,
        "retryable": False,
    }
    row |= {"verdict": None, "sha256": None, "failure": None}
    if isinstance(answer, Failure):
        return row | {"failure": encode_failure(answer), "retryable": answer.retryable}
    return row | {
        "rank": _rank(answer),
        "verdict": answer.verdict,
        "sha256": bytes.fromhex(answer.sha256),
    }


def _insert_pictures(
    c: sa.Connection, database: Database, run: ChunkRun, new_outcomes: Sequence[ItemOutcome]
) -> list[PictureRecord]:
    records = {
        outcome.answer.sha256: outcome.answer
        for outcome in new_outcomes
        if isinstance(outcome.answer, PictureRecord) and outcome.answer.analysis
    }
    if not records:
        return []
    rows = [_picture_row(run.batch_no, records[sha256]) for sha256 in sorted(records)]
    insert = database.insert(pictures).on_conflict_do_nothing().returning(pictures.c.sha256)
    inserted = [bytes(sha256).hex() for sha256 in c.scalars(insert, rows)]
    inserted_records = [records[sha256] for sha256 in inserted]
    tile_sums.add_tiles(
        c, database, run.batch_no, run.key.chunk % tile_sums.SHARDS, inserted_records
    )
    return inserted_records


def _picture_row(batch_no: int, record: PictureRecord) -> dict[str, Any]:
    return {
        "batch_no": batch_no,
        "sha256": bytes.fromhex(record.sha256),
        "outcome": record.outcome,
        "verdict": record.verdict,
        "llr": _ranked_llr(record),
        "finding": encode_picture_record(record),
        "analysis": record.analysis,
        "thumbnail": record.thumbnail,
    }


def _rank(record: PictureRecord) -> float:
    """A picture's place in the order by llr: without a score, after all that have one."""
    return _ranked_llr(record) if record.outcome == "scored" else UNSCORED_RANK


def _ranked_llr(record: PictureRecord) -> float:
    """Never -0.0: pages are ordered by this number."""
    return float(record.llr) + 0.0


def _insert_sources(
    c: sa.Connection, database: Database, batch_no: int, new_outcomes: Sequence[ItemOutcome]
) -> None:
    sha256_by_key = {
        outcome.source_key: bytes.fromhex(outcome.answer.sha256)
        for outcome in new_outcomes
        if outcome.source_key is not None and isinstance(outcome.answer, PictureRecord)
    }
    if sha256_by_key:
        rows = [
            {"batch_no": batch_no, "key": key, "sha256": sha256_by_key[key]}
            for key in sorted(sha256_by_key)
        ]
        c.execute(database.insert(sources).on_conflict_do_nothing(), rows)


def _drop_payloads(c: sa.Connection, batch_no: int, new_outcomes: Sequence[ItemOutcome]) -> None:
    """Delete pictures that were analyzed, but for those that can be retried."""
    seqs = [
        outcome.seq
        for outcome in new_outcomes
        if outcome.source_key is None
        and not (isinstance(outcome.answer, Failure) and outcome.answer.retryable)
    ]
    if seqs:
        c.execute(
            sa.delete(payloads).where(payloads.c.batch_no == batch_no, payloads.c.seq.in_(seqs))
        )


def _update_counts(
    c: sa.Connection,
    database: Database,
    batch_no: int,
    new_outcomes: Sequence[ItemOutcome],
    kept_bytes: int,
) -> Status | None:
    row = c.execute(
        sa.select(
            batches.c.status,
            batches.c.completed,
            batches.c.failed,
            batches.c.outcomes,
            batches.c.verdicts,
            batches.c.flagged_threshold,
            batches.c.flagged_at,
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
    if not new_outcomes or status not in chunks.ACTIVE_STATUSES:
        return status
    analyzed = [
        outcome.answer for outcome in new_outcomes if isinstance(outcome.answer, PictureRecord)
    ]
    verdicts = _add_counts(row.verdicts, [picture.verdict for picture in analyzed])
    c.execute(
        sa.update(batches)
        .where(batches.c.no == batch_no)
        .values(
            completed=row.completed + len(analyzed),
            failed=row.failed + len(new_outcomes) - len(analyzed),
            kept_bytes=batches.c.kept_bytes + kept_bytes,
            outcomes=json.dumps(
                _add_counts(row.outcomes, [picture.outcome for picture in analyzed])
            ),
            verdicts=json.dumps(verdicts),
            revision=batches.c.revision + 1,
            changed_at=row.now,
            **_pace_columns(row, len(new_outcomes)),
        )
    )
    if row.flagged_at is None and is_reached(row.flagged_threshold, verdicts):
        record_reached(c, database, batch_no)
    return status


def _add_counts(text: str, names: Sequence[str]) -> dict[str, int]:
    return dict(sorted((Counter(json.loads(text)) + Counter(names)).items()))


def _pace_columns(row: sa.Row[*tuple[Any, ...]], count_new: int) -> dict[str, float | None]:
    """Items a second over the last window, and the counts of the current one."""
    count, began = row.paced_items + count_new, row.paced_from
    if began is None:
        return {"paced_from": row.now, "paced_items": 0}
    if row.now - began < PACE_WINDOW_S:
        return {"paced_items": count}
    return {"pace": count / (row.now - began), "paced_from": row.now, "paced_items": 0}
