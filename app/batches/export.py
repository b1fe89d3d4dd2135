"""Results → NDJSON, CSV and pages, streamed, in blocks: a list is never in memory as a whole."""

from __future__ import annotations

import csv as csv_module
import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from app.records import Finding, Result

BLOCK_BYTES: Final = 1 << 16
"""What is given out at once: a line at a time would cost more than the line."""

PREFIX: Final = "eyeline_"
"""Before a column of ours whose name the list has already."""

_LEADING: Final = ("seq", "custom_id", "source")
_BEFORE_CHECKS: Final = (
    "outcome",
    "verdict",
    "llr",
    "llr_low",
    "llr_high",
    "likelihood",
    "posterior_at_base_rate",
    "support",
    "template",
    "transform",
)
_BEHIND_CHECKS: Final = ("perceptual_hash", "error", "error_detail")
_FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
_PEEKED: Final = 10_000
"""Results that are looked through for the first analysis, which says what checks there are."""


def line(result: Result) -> bytes:
    """``result`` as a JSON object: the analysis as it is kept, with its item's names before it."""
    head: dict[str, Any] = {"seq": result.seq, "source": result.source}
    if result.failure is not None:
        failed = result.failure
        error = {
            "code": failed.code,
            "title": failed.title,
            "detail": failed.detail,
            "retryable": failed.retryable,
        }
        return _json({**head, "custom_id": result.custom_id, "error": error})
    finding = _found(result)
    opened = _json({**head, "id": _id(result.seq, finding), "custom_id": result.custom_id})[:-1]
    analysis = finding.analysis.strip()
    return opened + (b"," + analysis[1:] if analysis[1:-1].strip() else b"}")


def ndjson(results: Iterable[Result], summary: Mapping[str, Any] | None) -> Iterator[bytes]:
    """A line a result, and last, if there is a ``summary``, ``{"summary": …}``."""
    lines = (line(result) + b"\n" for result in results)
    trailer = () if summary is None else (_json({"summary": summary}) + b"\n",)
    return _blocks(chain(lines, trailer))


def page(results: Iterable[Result], tail: Mapping[str, Any]) -> bytes:
    """One JSON object: ``data`` with an object a result, then the members of ``tail``."""
    data = b",".join(map(line, results))
    return b'{"data":[' + data + b"]" + (b"," + _json(tail)[1:] if tail else b"}")


def csv(results: Iterable[Result], columns: Sequence[str]) -> Iterator[bytes]:
    """The list's own rows, under its own ``columns``, with ours behind, for a spreadsheet.

    Without columns of its own: ``seq``, ``custom_id`` and ``source`` stand before ours. What came
    in and a spreadsheet would take for a formula gets an apostrophe before it. UTF-8, CRLF.
    """
    results, checks = _peeked(results)
    ours = (
        *_BEFORE_CHECKS,
        *(f"{name}_llr" for name in checks),
        *_BEHIND_CHECKS,
        *(("seq",) if columns else ()),
    )
    return _blocks(_csv_rows(results, tuple(columns), ours))


def _csv_rows(
    results: Iterable[Result], columns: tuple[str, ...], ours: tuple[str, ...]
) -> Iterator[bytes]:
    buffer = io.StringIO()
    write = csv_module.writer(buffer).writerow
    write([*map(_safe, columns or _LEADING), *_apart(ours, columns or _LEADING)])
    yield _taken(buffer)
    for result in results:
        if columns:
            cells = [*result.cells[: len(columns)]]
            theirs: list[Any] = [*map(_safe, cells), *[""] * (len(columns) - len(cells))]
        else:
            theirs = [result.seq, _safe(result.custom_id or ""), _safe(result.source)]
        said = _said(result)
        write([*theirs, *(said.get(name, "") for name in ours)])
        yield _taken(buffer)


def _said(result: Result) -> dict[str, Any]:
    """Our cells of a row, by our names."""
    if result.failure is not None:
        # The detail quotes what came in.
        detail = _safe(result.failure.detail)
        return {"seq": result.seq, "error": result.failure.code, "error_detail": detail}
    finding = _found(result)
    analysis = json.loads(finding.analysis)
    low, high = analysis.get("llr_interval") or (None, None)
    return {
        "seq": result.seq,
        "outcome": finding.outcome,
        "verdict": finding.verdict,
        "llr": finding.llr,
        "llr_low": low,
        "llr_high": high,
        "likelihood": analysis.get("likelihood"),
        "posterior_at_base_rate": analysis.get("posterior_at_base_rate"),
        "support": analysis.get("support"),
        "template": finding.template,
        "transform": finding.transform,
        "perceptual_hash": finding.perceptual_hash,
        **{f"{check['name']}_llr": check.get("llr") for check in analysis.get("checks") or ()},
    }


def _peeked(results: Iterable[Result]) -> tuple[Iterator[Result], list[str]]:
    """``results`` again, and the checks of the first analysis among them."""
    stream, seen = iter(results), []
    for result in stream:
        seen.append(result)
        if result.finding is not None:
            checks = json.loads(result.finding.analysis).get("checks") or ()
            return chain(seen, stream), [check["name"] for check in checks]
        if len(seen) == _PEEKED:
            break
    return chain(seen, stream), []


def _apart(ours: Sequence[str], theirs: Sequence[str]) -> Iterator[str]:
    """Our names, with as many prefixes as it takes to differ from the list's own."""
    taken = {name.strip().lower() for name in theirs}
    for name in ours:
        while name in taken:
            name = PREFIX + name
        taken.add(name)
        yield name


def _safe(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULAS) else cell


def _id(seq: int, finding: Finding) -> str:
    """The same for the same list, wherever and whenever it was worked on."""
    digest = hashlib.sha256(f"{seq}\n{finding.sha256}\n".encode() + finding.analysis)
    return f"an_{digest.hexdigest()[:24]}"


def _found(result: Result) -> Finding:
    if result.finding is None:
        raise ValueError(f"result {result.seq} has neither a finding nor a failure")
    return result.finding


def _json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _taken(buffer: io.StringIO) -> bytes:
    said = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return said.encode("utf-8", "replace")


def _blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    block = bytearray()
    for piece in pieces:
        block += piece
        if len(block) >= BLOCK_BYTES:
            yield bytes(block)
            block.clear()
    if block:
        yield bytes(block)
