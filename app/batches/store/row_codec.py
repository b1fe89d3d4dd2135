"""Items and findings as they lie in the database: ASCII JSON, which every text column takes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any, cast

import sqlalchemy as sa

from app.records import Failure, Finding, Item, Result

NO_LLR = -1e300
"""Where failures stand among the findings when the strongest come first."""


def item_text(item: Item) -> str:
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


def item(seq: int, text: str) -> Item:
    """The item without payload and failure; ``url`` is ``None`` if it came with its picture."""
    source, custom_id, line, url, fallback, content_id, cells, account = json.loads(text)
    return Item(
        seq, source, custom_id, line, url, fallback, content_id, cells=tuple(cells), account=account
    )


def source_key(item: Item) -> bytes | None:
    """16 bytes that two items share if they name the same picture; ``None`` if that is not said."""
    if item.url is None:
        return None
    named = f"c{item.content_id}" if item.content_id else f"u{item.url}"
    return blake2b(named.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def failure_text(failure: Failure) -> str:
    """For the column of that name."""
    return json.dumps([failure.code, failure.title, failure.detail, failure.retryable])


def failure(text: str) -> Failure:
    """The failure that became ``text``."""
    return Failure(*json.loads(text))


def finding_text(finding: Finding) -> str:
    """What is kept of a finding beside its analysis, its thumbnail and what is asked for by SQL."""
    return json.dumps(
        [
            finding.perceptual_hash,
            float(finding.eye_llr),
            int(finding.width),
            int(finding.height),
            _floats(finding.eyes),
            _floats(finding.square),
            finding.template,
            finding.transform,
            None if finding.distance is None else float(finding.distance),
        ],
        separators=(",", ":"),
    )


def finding(row: Mapping[str, Any]) -> Finding:
    """The finding of a row of ``pictures``; without a thumbnail if the row holds none."""
    hashed, eye_llr, width, height, eyes, square, template, transform, distance = json.loads(
        row["finding"]
    )
    return Finding(
        sha256=row["sha256"].hex(),
        perceptual_hash=hashed,
        outcome=row["outcome"],
        verdict=row["verdict"],
        llr=row["llr"],
        eye_llr=eye_llr,
        analysis=bytes(row["analysis"]),
        width=width,
        height=height,
        eyes=_four(eyes),
        square=_four(square),
        template=template,
        transform=transform,
        distance=distance,
        thumbnail=bytes(row.get("thumbnail") or b""),
    )


def result(row: sa.RowMapping) -> Result:
    """A row of items, results and pictures joined."""
    of = item(row["seq"], row["item"])
    found = cast(Mapping[str, Any], row)
    return Result(
        of.seq,
        of.source,
        of.custom_id,
        of.line,
        of.cells,
        of.account,
        finding=finding(found) if row["sha256"] is not None else None,
        failure=failure(row["failure"]) if row["failure"] is not None else None,
    )


def _floats(values: Iterable[float] | None) -> list[float] | None:
    return None if values is None else [float(value) for value in values]


def _four(values: list[float] | None) -> tuple[float, float, float, float] | None:
    return None if values is None else cast("tuple[float, float, float, float]", tuple(values))
