from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from app.cli.inputs import NoPictures, find_inputs
from app.errors import FetchFailed, UrlBlocked, UrlInvalid
from app.fetch.policy import FetchPolicy
from app.fetch.rate_limit import HostCooldowns
from tests.api.picture_server import run_picture_server

FETCH_POLICY = FetchPolicy(max_bytes=10)


def test_a_file_that_is_named_is_tried_whatever_its_name(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(b"bytes")
    (item,) = find_inputs(str(path), FETCH_POLICY)
    assert (item.name, item.read(), item.remote) == (str(path), b"bytes", False)


def test_a_folder_is_the_pictures_below_it_sorted(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    for name in ("c.png", "a.AVIF", "b/z.jpeg", "notes.txt", ".hidden"):
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "folder.png").mkdir()
    assert [item.read() for item in find_inputs(str(tmp_path), FETCH_POLICY)] == [
        b"a.AVIF",
        b"b/z.jpeg",
        b"c.png",
    ]


def test_a_folder_without_pictures(tmp_path: Path) -> None:
    with pytest.raises(NoPictures):
        list(find_inputs(str(tmp_path), FETCH_POLICY))


def test_standard_input_is_read_no_further_than_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"x" * 100)))
    (item,) = find_inputs("-", FETCH_POLICY)
    assert len(item.read()) == FETCH_POLICY.max_bytes + 1


@pytest.mark.parametrize(
    ("url", "refusal"),
    [
        ("http://127.0.0.1/a.png", UrlBlocked),
        ("HTTPS://[::1]/a.png", UrlBlocked),
        ("http://user@127.0.0.1/", UrlInvalid),
    ],
)
def test_a_url_goes_through_the_guard(url: str, refusal: type[Exception]) -> None:
    (item,) = find_inputs(url, FETCH_POLICY)
    assert item.remote
    with pytest.raises(refusal):
        item.read()


def test_a_host_that_asked_for_rest_has_it_from_the_next_url() -> None:
    policy, holds = FetchPolicy(max_bytes=10_000, allow=("127.0.0.1",)), HostCooldowns()
    with run_picture_server() as there:
        there.failing_paths.add("/1.png")
        there.retry_after_s = 3600
        for shade in (1, 2):
            (item,) = find_inputs(there.url(shade), policy, holds)
            with pytest.raises(FetchFailed):
                item.read()
        assert dict(there.requests) == {"/1.png": 1}
