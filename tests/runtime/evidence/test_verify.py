"""A bundle that was tampered with, is damaged, or is none: told, bounded, and never unpacked."""

from __future__ import annotations

import hashlib
import io
import json
import random
import zipfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import pytest

from app.analysis.recompute import AnswerChecker
from app.cohort.parameters import CohortParameters, default_parameters
from app.errors import ListUnreadable, TooLarge
from app.runtime.evidence import check_files, check_results, verify
from app.runtime.evidence.check_results import Installed
from app.runtime.evidence.findings import MAX_SHOWN, BundleCheck
from app.runtime.evidence.verify import verify_bundle
from app.runtime.evidence.zip_stream import ZipStream
from app.settings import Settings

FAILURE = {"code": "fetch_failed", "title": "Not fetched", "detail": "404"}
LINE = json.dumps({"seq": 0, "source": "a.jpg", "custom_id": None, "error": FAILURE}).encode()
FILES = {"README.txt": b"read me", "results.ndjson": LINE + b"\n"}


@pytest.fixture(scope="module")
def checker() -> AnswerChecker:
    return AnswerChecker.load(Settings())


@pytest.fixture(scope="module")
def parameters() -> CohortParameters:
    return default_parameters()


@pytest.fixture
def check(
    checker: AnswerChecker, parameters: CohortParameters
) -> Callable[[bytes], list[BundleCheck]]:
    installed = Installed(checker, parameters)
    return lambda data: list(verify_bundle(io.BytesIO(data), installed))


Check = Callable[[bytes], list[BundleCheck]]


def make_bundle(files: Mapping[str, bytes] = FILES) -> bytes:
    stream = ZipStream(datetime(2026, 1, 1, tzinfo=UTC))
    pieces = [piece for name, data in files.items() for piece in stream.add(name, [data])]
    return b"".join([*pieces, *stream.finish()])


def rewrite(data: bytes, change: Callable[[str, bytes], bytes | None], **more: bytes) -> bytes:
    """The zip with each file as ``change`` gives it, ``None`` for those left out, and ``more``."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            content = change(name, old.read(name))
            if content is not None:
                new.writestr(name, content)
        for name, content in more.items():
            new.writestr(name, content)
    return buffer.getvalue()


def mismatches(checks: list[BundleCheck]) -> str:
    return " ".join(each.detail for each in checks if each.status == "mismatch")


def test_an_untouched_bundle_holds(check: Check) -> None:
    (files,) = check(make_bundle())
    assert (files.name, files.status) == ("files", "ok")
    with zipfile.ZipFile(io.BytesIO(make_bundle())) as bundle:
        assert hashlib.sha256(bundle.read("SHA256SUMS")).hexdigest() in files.detail


def test_what_was_changed_taken_or_added_is_named(check: Check) -> None:
    data = make_bundle()
    changed = rewrite(data, lambda name, d: d + b"!" if name == "README.txt" else d)
    assert "'README.txt' has changed" in mismatches(check(changed))
    taken = rewrite(data, lambda name, d: None if name == "README.txt" else d)
    assert "'README.txt' is missing" in mismatches(check(taken))
    added = rewrite(data, lambda _, d: d, **{"more.txt": b"", ".hidden": b"x"})
    told = mismatches(check(added))
    assert "'more.txt' is not in SHA256SUMS" in told
    assert "'.hidden' is not in SHA256SUMS" in told


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_that_comes_twice_is_told(check: Check) -> None:
    twice = rewrite(make_bundle(), lambda _, d: d, **{"README.txt": b"read me"})
    assert "2 times" in mismatches(check(twice))


def test_sums_that_are_none_are_told(check: Check) -> None:
    sums = rewrite(make_bundle(), lambda name, d: d + b"nonsense" if name == "SHA256SUMS" else d)
    assert "a line that is none" in mismatches(check(sums))


def test_results_that_are_none_are_told_and_counted(check: Check) -> None:
    lines = [
        b"{",
        b"[]",
        b'{"seq": "x"}',
        b"[" * 9_000,
        b'{"seq":1,"source":"","custom_id":null}',
    ]
    many = make_bundle({"results.ndjson": b"\n".join(lines * 4) + b"\n"})
    rows = [each for each in check(many) if each.name == "answers"]
    assert len(rows) == MAX_SHOWN + 1
    assert rows[-1].detail == "and 10 more"
    assert "no results.ndjson" in mismatches(check(make_bundle({"README.txt": b""})))


@pytest.mark.parametrize(
    "data",
    [b"", b"PK", b"no zip at all" * 100, make_bundle()[:-40]],
    ids=["empty", "two bytes", "text", "cut"],
)
def test_what_is_no_zip_is_refused(check: Check, data: bytes) -> None:
    with pytest.raises(ListUnreadable):
        check(data)


def test_any_other_zip_is_refused(check: Check) -> None:
    without_sums = rewrite(make_bundle(), lambda name, d: None if name == "SHA256SUMS" else d)
    with pytest.raises(ListUnreadable, match="no SHA256SUMS"):
        check(without_sums)


def test_reading_is_bounded(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TooLarge):  # far more than its own size
        check(make_bundle({"results.ndjson": b"\0" * 30_000_000}))
    noise = random.Random(1).randbytes(3_000_000).replace(b"\n", b"\0")
    bomb = make_bundle({"results.ndjson": noise})
    with pytest.raises(ListUnreadable, match="too long"):
        check(bomb)
    monkeypatch.setattr(check_files, "MAX_BYTES", 2_000_000)
    with pytest.raises(ListUnreadable, match="more than a bundle does"):
        check(bomb)
    monkeypatch.setattr(verify, "MAX_FILES", 1)
    with pytest.raises(ListUnreadable, match="more than 1 files"):
        check(make_bundle())
    assert check_results.MAX_LINE_BYTES < 3_000_000
