"""Results as Parquet: one row a picture, with all that a list's statements are computed from.

``square`` and ``eyes`` are unrounded (``PictureRecord``). A row has an answer, or ``error_code``
and its words. Files of several shards together are a list.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.fs
import pyarrow.parquet as pq

from app import __version__
from app.evidence import Outcome, Verdict
from app.records import Failure, Item, ItemResult, PictureRecord

FORMAT_KEY: Final = b"eyeline.results"
FORMAT: Final = b"1"
RESULT_SUFFIX: Final = ".parquet"
PARTS_FOLDER: Final = "_parts"
"""Below a folder of results: what is not whole yet, and which shards were begun."""
_READ_ROWS: Final = 8192
_FOUR: Final = pa.list_(pa.float64(), 4)
_CHECKS: Final = pa.list_(
    pa.struct(
        [("name", pa.string()), ("value", pa.float64()), ("llr", pa.float64()),
         ("reason", pa.string())]
    )
)  # fmt: skip
SCHEMA: Final = pa.schema(
    [
        ("source", pa.string()), ("custom_id", pa.string()),
        ("account", pa.map_(pa.string(), pa.string())),
        ("sha256", pa.string()), ("pdq", pa.string()), ("pdq_quality", pa.int16()),
        ("outcome", pa.string()), ("verdict", pa.string()),
        ("llr", pa.float64()), ("llr_ordinary", pa.float64()), ("llr_framed", pa.float64()),
        ("eye_llr", pa.float64()), ("eyes", _FOUR), ("square", _FOUR),
        ("template", pa.string()), ("transform", pa.string()), ("distance", pa.float64()),
        ("width", pa.int32()), ("height", pa.int32()),
        ("warnings", pa.list_(pa.string())), ("checks", _CHECKS), ("calibration", pa.string()),
        ("error_code", pa.string()), ("error_title", pa.string()), ("error_detail", pa.string()),
        ("retryable", pa.bool_()),
    ],
    metadata={FORMAT_KEY: FORMAT, b"eyeline.version": __version__.encode()},
)  # fmt: skip
_COHORT_COLUMNS: Final = (
    "source", "custom_id", "account", "sha256", "pdq", "pdq_quality", "outcome", "verdict", "llr",
    "llr_ordinary", "llr_framed", "eye_llr", "square", "template", "transform", "distance",
    "width", "height", "error_code", "error_title", "error_detail", "retryable",
)  # fmt: skip


class NotResults(ValueError):
    """A Parquet file that holds no results of ours; ``str()`` is one line."""


def build_row(item: Item, answer: PictureRecord | Failure) -> dict[str, Any]:
    """The row of an item; columns that are left out are null."""
    row: dict[str, Any] = {
        "source": item.source,
        "custom_id": item.custom_id,
        "account": list(item.account.items()),
    }
    if isinstance(answer, Failure):
        return row | {
            "error_code": answer.code,
            "error_title": answer.title,
            "error_detail": answer.detail,
            "retryable": answer.retryable,
        }
    stored = json.loads(answer.analysis)
    checks = [
        {name: check.get(name) for name in ("name", "value", "llr", "reason")}
        for check in stored["checks"]
    ]
    return row | {
        "sha256": answer.sha256,
        "pdq": answer.pdq,
        "pdq_quality": answer.pdq_quality,
        "outcome": answer.outcome,
        "verdict": answer.verdict,
        "llr": answer.llr,
        "llr_ordinary": answer.llr_ordinary,
        "llr_framed": answer.llr_framed,
        "eye_llr": answer.eye_llr,
        "eyes": answer.eyes,
        "square": answer.square,
        "template": answer.template,
        "transform": answer.transform,
        "distance": answer.distance,
        "width": answer.width,
        "height": answer.height,
        "warnings": answer.warnings,
        "checks": checks,
        "calibration": stored["model"]["calibration"],
    }


def build_table(rows: Sequence[dict[str, Any]]) -> pa.Table:
    """Rows as Arrow."""
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def open_filesystem(uri: str) -> tuple[pyarrow.fs.FileSystem, str]:
    """The file system of a URI (``s3://bucket/folder``) or a local path, and the path in it."""
    if "://" in uri:
        filesystem, path = pyarrow.fs.FileSystem.from_uri(uri)
        return filesystem, path.rstrip("/")
    return pyarrow.fs.LocalFileSystem(), str(Path(uri).resolve())


def list_files(
    filesystem: pyarrow.fs.FileSystem, folder: str, suffixes: tuple[str, ...]
) -> list[str]:
    """Files below ``folder`` with one of ``suffixes``, sorted; none of ``PARTS_FOLDER``."""
    selector = pyarrow.fs.FileSelector(folder, recursive=True)
    return sorted(
        info.path
        for info in filesystem.get_file_info(selector)
        if info.is_file
        and info.path.endswith(suffixes)
        and not info.path.startswith(f"{folder}/{PARTS_FOLDER}/")
    )


def find_results(uris: Iterable[str]) -> list[tuple[pyarrow.fs.FileSystem, list[str]]]:
    """The result files that ``uris`` name, or that lie below them.

    Raises ``NotResults`` for a folder without any, and ``OSError``.
    """
    found = []
    for uri in uris:
        filesystem, path = open_filesystem(uri)
        kind = filesystem.get_file_info(path).type
        is_folder = kind == pyarrow.fs.FileType.Directory
        paths = list_files(filesystem, path, (RESULT_SUFFIX,)) if is_folder else [path]
        if not paths:
            raise NotResults(f"{uri} has no {RESULT_SUFFIX} file in it")
        found.append((filesystem, paths))
    return found


def iter_results(
    found: Iterable[tuple[pyarrow.fs.FileSystem, Sequence[str]]],
) -> Iterator[ItemResult]:
    """The results of all files as one list, numbered through; some thousand are in memory.

    Raises ``NotResults``, and ``OSError``.
    """
    seq = 0
    for filesystem, paths in found:
        for batch in chain.from_iterable(_iter_batches(filesystem, path) for path in paths):
            columns = [batch.column(name).to_pylist() for name in _COHORT_COLUMNS]
            for cells in zip(*columns, strict=True):
                yield _result_from_cells(seq, *cells)
                seq += 1


def _iter_batches(filesystem: pyarrow.fs.FileSystem, path: str) -> Iterator[Any]:
    try:
        file = pq.ParquetFile(path, filesystem=filesystem)
    except pa.ArrowInvalid as error:
        raise NotResults(f"{path} is no Parquet file") from error
    with file:
        if (file.schema_arrow.metadata or {}).get(FORMAT_KEY) != FORMAT:
            raise NotResults(f"{path} holds no results of Eyeline's, or of another format")
        yield from file.iter_batches(_READ_ROWS, columns=list(_COHORT_COLUMNS))


def _result_from_cells(
    seq: int, source: str, custom_id: str | None, account: list[tuple[str, str]] | None,
    sha256: str | None, pdq: str, pdq_quality: int, outcome: str, verdict: str, llr: float,
    llr_ordinary: float | None, llr_framed: float | None, eye_llr: float,
    square: list[float] | None, template: str | None, transform: str | None,
    distance: float | None, width: int, height: int, error_code: str | None,
    error_title: str, error_detail: str, retryable: bool,
) -> ItemResult:  # fmt: skip
    named = dict(account) if account else {}
    if sha256 is None:
        failure = Failure(error_code or "internal", error_title, error_detail, bool(retryable))
        return ItemResult(seq, source, custom_id, account=named, failure=failure)
    record = PictureRecord(
        sha256=sha256,
        pdq=pdq,
        pdq_quality=pdq_quality,
        outcome=Outcome(outcome),
        verdict=Verdict(verdict),
        llr=llr,
        llr_ordinary=llr_ordinary,
        llr_framed=llr_framed,
        eye_llr=eye_llr,
        analysis=b"",
        width=width,
        height=height,
        square=(square[0], square[1], square[2], square[3]) if square else None,
        template=template,
        transform=transform,
        distance=distance,
    )
    return ItemResult(seq, source, custom_id, account=named, record=record)
