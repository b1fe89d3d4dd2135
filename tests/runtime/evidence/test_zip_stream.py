"""A zip as a stream: whole at its end, never in memory, the same every time, with its sums."""

import hashlib
import io
import subprocess
import zipfile
from datetime import UTC, datetime
from pathlib import Path

from app.runtime.evidence.zip_stream import SUMS_NAME, ZipStream

AT = datetime(2026, 3, 1, 12, 30, 10, tzinfo=UTC)
FILES = {"README.txt": b"read me\n" * 50, "overlays/item-000001.webp": bytes(range(256))}


def make_zip(at: datetime = AT) -> bytes:
    stream = ZipStream(at)
    pieces = [p for name, data in FILES.items() for p in stream.add(name, [data[:100], data[100:]])]
    return b"".join([*pieces, *stream.finish()])


def test_every_file_comes_out_and_has_its_sum(tmp_path: Path) -> None:
    data = make_zip()
    with zipfile.ZipFile(io.BytesIO(data)) as bundle:
        assert bundle.testzip() is None
        assert bundle.namelist() == [*FILES, SUMS_NAME]
        assert {name: bundle.read(name) for name in FILES} == FILES
        assert bundle.infolist()[0].date_time == (2026, 3, 1, 12, 30, 10)
        bundle.extractall(tmp_path)
    result = subprocess.run(
        ["sha256sum", "--check", SUMS_NAME], cwd=tmp_path, capture_output=True, check=False
    )
    assert result.returncode == 0, result.stderr


def test_same_files_same_bytes() -> None:
    assert make_zip() == make_zip()
    assert make_zip(datetime(1970, 1, 1, tzinfo=UTC)) != make_zip()


def test_a_large_file_passes_through_in_pieces() -> None:
    block = hashlib.sha256(b"seed").digest() * 32_768  # 1 MiB
    stream = ZipStream(AT)
    largest = max(len(piece) for piece in stream.add("thumbnails/a.jpg", [block] * 20))
    assert largest < 2 * len(block)
