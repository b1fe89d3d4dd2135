"""Items and records as they lie in the database: ASCII JSON, which every text column takes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, cast

import sqlalchemy as sa

from app.evidence import Outcome, Verdict
from app.records import Decision, DecisionChoice, Failure, Item, ItemResult, PictureRecord

_EYES_AT = 5
"""Where the eyes stand in what ``encode_picture_record`` writes."""
SHOWN_ACCOUNT_CHARS = 256
"""Of each value of an account where a row is read without its cells."""
FAILURE_RANK = -1e300
UNSCORED_RANK = -1e200
"""Pictures without a score stand behind all that have one, and before failures."""
"""Where failures stand among the findings when the strongest come first."""


def encode_item(item: Item) -> str:
    """An item without its payload and failure, which lie elsewhere."""
    return json.dumps(
        [
            item.source,
            item.custom_id,
            item.line,
            item.url,
            item.fallback_url,
            item.content_id,
            item.cells,
            dict(item.account),
        ],
        separators=(",", ":"),
    )


def decode_item(seq: int, text: str, *, cells_too: bool = True) -> Item:
    """The item without payload and failure; ``url`` is ``None`` if it came with its picture.

    ``cells_too``: its cells, which may be far larger than the rest; without them, what they say of
    the account is cut short as well.
    """
    source, custom_id, line, url, fallback, content_id, cells, account = json.loads(text)
    if not cells_too:
        shown = {name: value[:SHOWN_ACCOUNT_CHARS] for name, value in account.items()}
        return Item(seq, source, custom_id, line, url, fallback, content_id, account=shown)
    return Item(
        seq, source, custom_id, line, url, fallback, content_id, cells=tuple(cells), account=account
    )


def source_key(item: Item) -> bytes | None:
    """16 bytes that two items share if they name the same picture; ``None`` if that is not said."""
    if item.url is None:
        return None
    name = f"c{item.content_id}" if item.content_id else f"u{item.url}"
    return blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def encode_failure(failure: Failure) -> str:
    """For the column of that name."""
    return json.dumps([failure.code, failure.title, failure.detail, failure.retryable])


def decode_failure(text: str) -> Failure:
    """The failure that became ``text``."""
    return Failure(*json.loads(text))


def encode_picture_record(record: PictureRecord) -> str:
    """The part of a record that has no column of its own."""
    return json.dumps(
        [
            record.pdq,
            int(record.pdq_quality),
            float(record.eye_llr),
            int(record.width),
            int(record.height),
            _as_floats(record.eyes),
            _as_floats(record.square),
            record.template,
            record.transform,
            _as_float(record.distance),
            _as_float(record.llr_ordinary),
            _as_float(record.llr_framed),
            list(record.warnings),
        ],
        separators=(",", ":"),
    )


def decode_picture_record(row: Mapping[Any, Any]) -> PictureRecord:
    """The record of a row of ``pictures``, without an analysis or thumbnail if the row has none."""
    (
        pdq, pdq_quality, eye_llr, width, height, eyes, square, template, transform, distance,
        llr_ordinary, llr_framed, warnings,
    ) = json.loads(row["finding"])  # fmt: skip
    return PictureRecord(
        sha256=row["sha256"].hex(),
        pdq=pdq,
        pdq_quality=pdq_quality,
        outcome=Outcome(row["outcome"]),
        verdict=Verdict(row["verdict"]),
        llr=row["llr"],
        llr_ordinary=llr_ordinary,
        llr_framed=llr_framed,
        eye_llr=eye_llr,
        analysis=bytes(row.get("analysis") or b""),
        width=width,
        height=height,
        eyes=_as_four(eyes),
        square=_as_four(square),
        template=template,
        transform=transform,
        distance=distance,
        warnings=tuple(warnings),
        thumbnail=bytes(row.get("thumbnail") or b""),
    )


def decode_eyes(finding: str) -> tuple[float, float, float, float] | None:
    """The eyes of a record, from the column that ``encode_picture_record`` wrote."""
    return _as_four(json.loads(finding)[_EYES_AT])


def decode_decision(choice: str, by: str, at: float, note: str) -> Decision:
    """A row of ``decisions``; to the second."""
    decided_at = datetime.fromtimestamp(int(at), UTC)
    return Decision(cast(DecisionChoice, choice), by, decided_at, json.loads(note))


def decode_result(row: sa.RowMapping, *, cells_too: bool = True) -> ItemResult:
    """A row of items, results, pictures and decisions joined.

    ``cells_too``: as for ``decode_item``.
    """
    list_item = decode_item(row["seq"], row["item"], cells_too=cells_too)
    return ItemResult(
        list_item.seq,
        list_item.source,
        list_item.custom_id,
        list_item.line,
        list_item.cells,
        list_item.account,
        record=decode_picture_record(row) if row["sha256"] is not None else None,
        failure=decode_failure(row["failure"]) if row["failure"] is not None else None,
        decision=None
        if row["choice"] is None
        else decode_decision(row["choice"], row["decided_by"], row["decided_at"], row["note"]),
    )


def _as_float(value: float | None) -> float | None:
    return None if value is None else float(value)


def _as_floats(values: Iterable[float] | None) -> list[float] | None:
    return None if values is None else [float(value) for value in values]


def _as_four(values: list[float] | None) -> tuple[float, float, float, float] | None:
    return None if values is None else cast("tuple[float, float, float, float]", tuple(values))
