"""Results → NDJSON, CSV and pages, streamed, in blocks: a list is never in memory as a whole."""

from __future__ import annotations

import csv as csv_module
import hashlib
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from app.records import Decision, ItemResult, PictureRecord

BLOCK_BYTES: Final = 1 << 16
"""What is given out at once: a line at a time would cost more than the line."""

COLUMN_PREFIX: Final = "eyeline_"
"""Before a column of ours whose name the list has already."""

_LEADING_COLUMNS: Final = ("seq", "custom_id", "source")
_COLUMNS_BEFORE_CHECKS: Final = (
    "outcome",
    "verdict",
    "llr",
    "llr_low",
    "llr_high",
    "llr_ordinary",
    "llr_framed",
    "likelihood",
    "posterior_at_base_rate",
    "support",
    "template",
    "transform",
)
_DECISION_COLUMNS: Final = ("decision", "decision_by", "decision_at", "decision_note")
_COLUMNS_AFTER_CHECKS: Final = (
    *("pdq", "pdq_quality", "warnings", "error", "error_detail"),
    *_DECISION_COLUMNS,
)
_CELL_STARTS: Final = ("\t", "\r", "\n")
_FORMULA: Final = re.compile(
    "(^|[;\t\r\n])(?=[ \xa0]{0,8}[=+\\-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b])"
)
"""What a spreadsheet may run: the signs of a formula, also of full width, where a cell begins, or
where one does that splits at other separators."""


def format_line(result: ItemResult) -> bytes:
    """``result`` as a JSON object: the analysis as it is kept, with its item's names before it."""
    head: dict[str, Any] = {"seq": result.seq, "source": result.source}
    names = {"custom_id": result.custom_id, **decision_members(result.decision)}
    if result.failure is not None:
        failure = result.failure
        error = {
            "code": failure.code,
            "title": failure.title,
            "detail": failure.detail,
            "retryable": failure.retryable,
        }
        return _encode_json({**head, **names, "error": error})
    record = _require_record(result)
    opening = _encode_json({**head, "id": _analysis_id(result.seq, record), **names})[:-1]
    analysis = record.analysis.strip()
    return opening + (b"," + analysis[1:] if analysis[1:-1].strip() else b"}")


def decision_members(decision: Decision | None) -> dict[str, Any]:
    """What a person said of an item, as members of a JSON object; all null where nobody did."""
    if decision is None:
        return dict.fromkeys(_DECISION_COLUMNS)
    at = decision.at.strftime("%Y-%m-%dT%H:%M:%SZ")
    values = decision.choice, decision.by or None, at, decision.note or None
    return dict(zip(_DECISION_COLUMNS, values, strict=True))


def stream_ndjson(
    results: Iterable[ItemResult], summary: Mapping[str, Any] | None
) -> Iterator[bytes]:
    """A line a result, and last, if there is a ``summary``, ``{"summary": …}``."""
    lines = (format_line(result) + b"\n" for result in results)
    trailer = () if summary is None else (_encode_json({"summary": summary}) + b"\n",)
    return _join_blocks(chain(lines, trailer))


def format_page(results: Iterable[ItemResult], extra_members: Mapping[str, Any]) -> bytes:
    """One JSON object: ``data`` with an object a result, then the members of ``extra_members``."""
    data = b",".join(map(format_line, results))
    return (
        b'{"data":['
        + data
        + b"]"
        + (b"," + _encode_json(extra_members)[1:] if extra_members else b"}")
    )


def stream_csv(
    results: Iterable[ItemResult], columns: Sequence[str], checks: Sequence[str]
) -> Iterator[bytes]:
    """The list's own rows, under its own ``columns``, with ours behind, for a spreadsheet.

    ``checks``: the names of those that have a column.
    Without columns of its own: ``seq``, ``custom_id`` and ``source`` stand before ours. What came
    in and a spreadsheet would take for a formula gets an apostrophe before it. UTF-8, CRLF.
    """
    our_columns = (
        *_COLUMNS_BEFORE_CHECKS,
        *(f"{name}_llr" for name in checks),
        *_COLUMNS_AFTER_CHECKS,
        *(("seq",) if columns else ()),
    )
    return _join_blocks(_stream_csv_rows(results, tuple(columns), our_columns))


def _stream_csv_rows(
    results: Iterable[ItemResult], columns: tuple[str, ...], our_columns: tuple[str, ...]
) -> Iterator[bytes]:
    buffer = io.StringIO()
    write_row = csv_module.writer(buffer).writerow
    write_row(
        [
            *map(_escape_formula, columns or _LEADING_COLUMNS),
            *_prefix_taken_names(our_columns, columns or _LEADING_COLUMNS),
        ]
    )
    yield _drain(buffer)
    for result in results:
        if columns:
            cells = [*result.cells[: len(columns)]]
            list_cells: list[Any] = [
                *map(_escape_formula, cells),
                *[""] * (len(columns) - len(cells)),
            ]
        else:
            list_cells = [
                result.seq,
                _escape_formula(result.custom_id or ""),
                _escape_formula(result.source),
            ]
        our_cells = _our_cells(result)
        write_row([*list_cells, *(our_cells.get(name, "") for name in our_columns)])
        yield _drain(buffer)


def _our_cells(result: ItemResult) -> dict[str, Any]:
    """Our cells of a row, by our names."""
    cells = {"seq": result.seq, **decision_members(result.decision)}
    cells["decision_note"] = _escape_formula(cells["decision_note"] or "")
    if result.failure is not None:
        # The detail quotes what came in.
        detail = _escape_formula(result.failure.detail)
        return {**cells, "error": result.failure.code, "error_detail": detail}
    record = _require_record(result)
    analysis = json.loads(record.analysis)
    low, high = analysis.get("llr_interval") or (None, None)
    return {
        **cells,
        "outcome": record.outcome,
        "verdict": record.verdict,
        "llr": record.llr,
        "llr_low": low,
        "llr_high": high,
        "llr_ordinary": record.llr_ordinary,
        "llr_framed": record.llr_framed,
        "warnings": " ".join(record.warnings),
        "likelihood": analysis.get("likelihood"),
        "posterior_at_base_rate": analysis.get("posterior_at_base_rate"),
        "support": analysis.get("support"),
        "template": record.template,
        "transform": record.transform,
        "pdq": record.pdq,
        "pdq_quality": record.pdq_quality,
        **{f"{check['name']}_llr": check.get("llr") for check in analysis.get("checks") or ()},
    }


def check_names(analysis: bytes) -> tuple[str, ...]:
    """The checks of an analysis, measured or not."""
    return tuple(check["name"] for check in json.loads(analysis).get("checks") or ())


def _prefix_taken_names(our_columns: Sequence[str], list_columns: Sequence[str]) -> Iterator[str]:
    """Our names, with as many prefixes as it takes to differ from the list's own."""
    used_names = {name.strip().lower() for name in list_columns}
    for name in our_columns:
        while name in used_names:
            name = COLUMN_PREFIX + name
        used_names.add(name)
        yield name


def _escape_formula(cell: str) -> str:
    """``cell`` with an apostrophe before whatever a spreadsheet might run."""
    escaped = _FORMULA.sub(r"\1'", cell)
    return f"'{escaped}" if escaped.startswith(_CELL_STARTS) else escaped


def _analysis_id(seq: int, record: PictureRecord) -> str:
    """The same for the same list, wherever and whenever it was worked on."""
    digest = hashlib.sha256(f"{seq}\n{record.sha256}\n".encode() + record.analysis)
    return f"an_{digest.hexdigest()[:24]}"


def _require_record(result: ItemResult) -> PictureRecord:
    if result.record is None:
        raise ValueError(f"result {result.seq} has neither a finding nor a failure")
    return result.record


def _encode_json(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _drain(buffer: io.StringIO) -> bytes:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text.encode("utf-8", "replace")


def _join_blocks(chunks: Iterable[bytes]) -> Iterator[bytes]:
    block = bytearray()
    for chunk in chunks:
        block += chunk
        if len(block) >= BLOCK_BYTES:
            yield bytes(block)
            block.clear()
    if block:
        yield bytes(block)
