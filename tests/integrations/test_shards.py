from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.errors import NotAnImage
from app.integrations.results_parquet import iter_results
from app.integrations.shards import (
    AnalyzeBytes,
    ShardReport,
    ShardStore,
    ShardUnreadable,
    analyze_shard,
    iter_items,
)
from app.records import PictureRecord
from tests.api.picture_server import shade_png
from tests.integrations.make_results import make_record

MAX_BYTES = 10_000
STORED = b'{"checks": [], "model": {"calibration": "0"}}'


class Killed(BaseException):
    """The end of the process that analyzes."""


class Analyze:
    """Answers by the bytes; counts; dies at ``fatal``."""

    def __init__(self, fatal: bytes = b"") -> None:
        self.fatal, self.pictures = fatal, 0

    def __call__(self, data: bytes) -> PictureRecord:
        self.pictures += 1
        if data == self.fatal:
            raise Killed
        if len(data) < 60:
            raise NotAnImage("these bytes are no picture")
        return make_record(3.0, sha256=hashlib.sha256(data).hexdigest(), analysis=STORED)


def open_nothing() -> AbstractContextManager[AnalyzeBytes]:
    raise AssertionError("nothing is isolated here")


@pytest.fixture
def store(tmp_path: Path) -> ShardStore:
    (tmp_path / "in" / "more").mkdir(parents=True)
    return ShardStore.open(str(tmp_path / "in"), str(tmp_path / "out"))


def write_parquet(
    path: Path, pictures: Sequence[bytes | None], **columns: Sequence[object]
) -> None:
    pq.write_table(pa.table({"bytes": pa.array(pictures, pa.binary()), **columns}), path)


def add_to_tar(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    archive.addfile(info, io.BytesIO(data))


def test_rows_of_a_parquet_shard(store: ShardStore) -> None:
    shard = f"{store.root}/a.parquet"
    pictures = [shade_png(1), b"", shade_png(2) + bytes(MAX_BYTES), None]
    write_parquet(
        Path(shard), pictures, id=[7, 8, 9, 10], url=["u1", None, "u3", "u4"],
        followers_count=[3, None, 5, 6],
    )  # fmt: skip
    items = list(iter_items(store, shard, MAX_BYTES))
    assert [item.custom_id for item in items] == ["7", "8", "9", "10"]
    assert [item.source for item in items] == ["u1", "a.parquet#1", "u3", "u4"]
    assert [item.failure and item.failure.code for item in items] == [
        None, "not_an_image", "too_large", "not_an_image",
    ]  # fmt: skip
    assert items[0].account == {"followers_count": "3"}
    nested = pa.array([{"bytes": shade_png(3), "path": "x.png"}])
    pq.write_table(pa.table({"image": nested}), shard)
    (item,) = iter_items(store, shard, MAX_BYTES)
    assert (item.payload, item.custom_id) == (shade_png(3), None)
    pq.write_table(pa.table({"text": ["no pictures"]}), shard)
    with pytest.raises(ShardUnreadable, match="no column"):
        list(iter_items(store, shard, MAX_BYTES))


def test_pictures_of_a_web_dataset(store: ShardStore) -> None:
    shard = f"{store.root}/a.tar"
    with tarfile.open(shard, "w") as archive:
        add_to_tar(archive, "0001.png", shade_png(1))
        add_to_tar(archive, "0001.json", b"{}")
        add_to_tar(archive, "more/0002.seg.jpg", b"no picture")
    items = list(iter_items(store, shard, MAX_BYTES))
    assert [(item.custom_id, item.payload is not None) for item in items] == [
        ("0001", True),
        ("0002", False),
    ]


def test_a_shard_becomes_a_file_that_is_there_whole_or_not_at_all(store: ShardStore) -> None:
    shard = f"{store.root}/more/b.parquet"
    write_parquet(Path(shard), [shade_png(n) for n in range(5)] + [b"text"])
    assert store.list_shards() == [shard]
    analyze = Analyze(fatal=shade_png(3))
    with pytest.raises(Killed):
        analyze_shard(store, shard, analyze, open_nothing, MAX_BYTES)
    assert store.list_done() == set()
    isolated = Analyze()

    @contextmanager
    def open_isolated() -> Iterator[AnalyzeBytes]:
        yield isolated

    report = analyze_shard(store, shard, analyze, open_isolated, MAX_BYTES)
    assert report == ShardReport(shard, rows=6, failed=1, again=True)
    assert (analyze.pictures, isolated.pictures) == (4, 5)
    assert store.list_done() == {store.result_path(shard)}
    assert store.result_path(shard).endswith("/out/more/b.parquet.parquet")
    skipped = analyze_shard(store, shard, analyze, open_nothing, MAX_BYTES)
    assert skipped == ShardReport(shard, 0, 0, skipped=True)
    results = list(iter_results([(store.target, [store.result_path(shard)])]))
    assert [result.source for result in results] == [f"b.parquet#{n}" for n in range(6)]
    assert [result.record is not None for result in results] == [True] * 5 + [False]
    store.remove_parts()
    assert list(Path(store.output, "_parts").iterdir()) == []
