"""Shards of an archive → Parquet, one file for each: read, analyzed and written a little at a time.

A shard is a Parquet file with the pictures' bytes, or a tar (WebDataset). It counts as done when
its file is there, which appears whole: so a run goes on where another stopped, and no row is there
twice. A shard whose earlier attempt died is analyzed in a child process, which only the picture to
blame can kill.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from io import BufferedReader
from pathlib import PurePosixPath
from typing import Any, Final

import pyarrow as pa
import pyarrow.fs
import pyarrow.parquet as pq

from app.errors import RequestError
from app.integrations.results_parquet import (
    PARTS_FOLDER,
    RESULT_SUFFIX,
    SCHEMA,
    build_row,
    build_table,
    list_files,
    open_filesystem,
)
from app.lists.archives.tar import read_entries
from app.lists.file_types import PICTURE_SUFFIXES
from app.lists.image_files import item_from_bytes
from app.records import Failure, Item, PictureRecord

SHARD_SUFFIXES: Final = (".parquet", ".tar")
_READ_ROWS: Final = 64
_WRITE_ROWS: Final = 512
_ID_COLUMNS: Final = ("custom_id", "id", "key", "__key__")
_SOURCE_COLUMNS: Final = ("source", "url", "path", "file_name")
_ACCOUNT_COLUMNS: Final = (
    "username", "display_name", "created_at", "followers_count", "following_count", "posts_count",
)  # fmt: skip
_PICTURE_COLUMNS: Final = ("bytes", "image", "jpg", "jpeg", "png", "webp", "content")

AnalyzeBytes = Callable[[bytes], PictureRecord]
"""Raises a ``RequestError`` for bytes that are no picture."""
OpenAnalyze = Callable[[], AbstractContextManager[AnalyzeBytes]]


class ShardUnreadable(ValueError):
    """A shard without pictures in a known place; ``str()`` is one line."""


@dataclass(frozen=True)
class ShardStore:
    """Where shards and results lie. Paths are those of ``source`` and ``target``, without scheme.

    ``root``: the folder of the shards; results have the same names below ``output``.
    """

    source: pyarrow.fs.FileSystem
    root: str
    target: pyarrow.fs.FileSystem
    output: str

    @classmethod
    def open(cls, source_uri: str, target_uri: str) -> ShardStore:
        """From local paths, or URIs such as ``s3://bucket/folder``. Creates the output folder."""
        source, root = open_filesystem(source_uri)
        target, output = open_filesystem(target_uri)
        target.create_dir(f"{output}/{PARTS_FOLDER}", recursive=True)
        return cls(source, root, target, output)

    def list_shards(self) -> list[str]:
        """All shards below the root, sorted."""
        return list_files(self.source, self.root, SHARD_SUFFIXES)

    def list_done(self) -> set[str]:
        """Paths of results that are there."""
        return set(list_files(self.target, self.output, (RESULT_SUFFIX,)))

    def result_path(self, shard: str) -> str:
        """Where the results of ``shard`` are: its own name, with one suffix more."""
        return f"{self.output}/{shard.removeprefix(self.root).strip('/')}{RESULT_SUFFIX}"

    def part_path(self, shard: str, suffix: str) -> str:
        name = shard.removeprefix(self.root).strip("/").replace("/", "--")
        return f"{self.output}/{PARTS_FOLDER}/{name}.{suffix}"

    def exists(self, path: str) -> bool:
        return bool(self.target.get_file_info(path).type != pyarrow.fs.FileType.NotFound)

    def remove_parts(self) -> None:
        """Delete what stopped runs left; only when no shard is being analyzed."""
        self.target.delete_dir_contents(f"{self.output}/{PARTS_FOLDER}", missing_dir_ok=True)


@dataclass(frozen=True)
class ShardReport:
    """What became of a shard. ``again``: an earlier attempt died."""

    shard: str
    rows: int
    failed: int
    again: bool = False
    skipped: bool = False


def analyze_shard(
    store: ShardStore,
    shard: str,
    analyze: AnalyzeBytes,
    open_isolated: OpenAnalyze,
    max_picture_bytes: int,
) -> ShardReport:
    """The results of ``shard``, written whole; what is there already is left as it is.

    ``open_isolated``: opens an analyzer in a child process. Raises ``ShardUnreadable`` and
    ``OSError``.
    """
    result_path, begun_path = store.result_path(shard), store.part_path(shard, "begun")
    if store.exists(result_path):
        return ShardReport(shard, 0, 0, skipped=True)
    again = store.exists(begun_path)
    with store.target.open_output_stream(begun_path) as stream:
        stream.write(b"")
    items = iter_items(store, shard, max_picture_bytes)
    if again:
        with open_isolated() as analyze_isolated:
            rows, failed = _write_results(store, shard, items, analyze_isolated)
    else:
        rows, failed = _write_results(store, shard, items, analyze)
    store.target.delete_file(begun_path)
    return ShardReport(shard, rows, failed, again)


def iter_items(store: ShardStore, shard: str, max_picture_bytes: int) -> Iterator[Item]:
    """The pictures of a shard, in its order. Raises ``ShardUnreadable``."""
    if shard.endswith(".tar"):
        return _iter_tar(store, shard, max_picture_bytes)
    return _iter_parquet(store, shard, max_picture_bytes)


def _write_results(
    store: ShardStore, shard: str, items: Iterator[Item], analyze: AnalyzeBytes
) -> tuple[int, int]:
    part_path = store.part_path(shard, f"{uuid.uuid4().hex}.parquet")
    rows: list[dict[str, Any]] = []
    total, failed = 0, 0
    with pq.ParquetWriter(part_path, SCHEMA, filesystem=store.target, compression="zstd") as writer:
        for item in items:
            answer = answer_item(item, analyze)
            total, failed = total + 1, failed + isinstance(answer, Failure)
            rows.append(build_row(item, answer))
            if len(rows) >= _WRITE_ROWS:
                writer.write_table(build_table(rows))
                rows.clear()
        writer.write_table(build_table(rows))
    result_path = store.result_path(shard)
    store.target.create_dir(str(PurePosixPath(result_path).parent), recursive=True)
    store.target.move(part_path, result_path)
    return total, failed


def answer_item(item: Item, analyze: AnalyzeBytes) -> PictureRecord | Failure:
    """The answer about an item's picture, or why there is none."""
    if item.failure is not None or item.payload is None:
        return item.failure or Failure("internal", "No picture", "The row has no picture.")
    try:
        return analyze(item.payload)
    except RequestError as error:
        return Failure(error.code, error.title, error.detail, error.retryable)


def _iter_parquet(store: ShardStore, shard: str, max_picture_bytes: int) -> Iterator[Item]:
    seq = 0
    with pq.ParquetFile(shard, filesystem=store.source) as file:
        schema = file.schema_arrow
        picture = _find_picture_column(schema, shard)
        custom_id, source = _first_of(schema, _ID_COLUMNS), _first_of(schema, _SOURCE_COLUMNS)
        accounts = [name for name in _ACCOUNT_COLUMNS if name in schema.names]
        wanted = [name for name in (picture, custom_id, source, *accounts) if name is not None]
        for batch in file.iter_batches(_READ_ROWS, columns=wanted):
            for row in batch.to_pylist():
                data = row[picture]
                data = data.get("bytes") if isinstance(data, dict) else data
                name = f"{PurePosixPath(shard).name}#{seq}"
                item = item_from_bytes(seq, name, data or b"", max_picture_bytes)
                yield Item(
                    seq,
                    _text(row.get(source or "")) or name,
                    _text(row.get(custom_id or "")),
                    payload=item.payload,
                    failure=item.failure,
                    account={n: text for n in accounts if (text := _text(row[n]))},
                )
                seq += 1


def _iter_tar(store: ShardStore, shard: str, max_picture_bytes: int) -> Iterator[Item]:
    """The pictures of a WebDataset tar: the name up to its first dot is the ``custom_id``."""
    with store.source.open_input_stream(shard) as stream:
        reader = BufferedReader(stream)
        pictures = (
            entry
            for entry in read_entries(reader, max_picture_bytes)
            if entry.special_type is None
            and PurePosixPath(entry.name).suffix.lower() in PICTURE_SUFFIXES
        )
        for seq, entry in enumerate(pictures):
            item = item_from_bytes(seq, entry.name, entry.data, max_picture_bytes)
            key = PurePosixPath(entry.name).name.partition(".")[0]
            yield Item(seq, item.source, key or None, payload=item.payload, failure=item.failure)


def _find_picture_column(schema: pa.Schema, shard: str) -> str:
    """A column of bytes, or of Hugging Face's {bytes, path}."""
    for name in (*_PICTURE_COLUMNS, *schema.names):
        if name not in schema.names:
            continue
        kind = schema.field(name).type
        is_struct = pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0
        if is_struct or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            return str(name)
    raise ShardUnreadable(f"{shard} has no column with the bytes of pictures")


def _first_of(schema: pa.Schema, names: Sequence[str]) -> str | None:
    return next((name for name in names if name in schema.names), None)


def _text(cell: object) -> str | None:
    """A cell as text; null where it is empty."""
    if cell is None or cell == "":
        return None
    return cell.isoformat() if isinstance(cell, date) else str(cell)
