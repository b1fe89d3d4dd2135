"""What another server's status means, and when it may be asked again."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from app.errors import FetchFailed
from app.fetch.signed_urls import is_signed_url
from app.fetch.status_errors import (
    MAX_RETRY_AFTER_S,
    error_from_status,
    parse_retry_after,
)
from tests.fetch.scripted_server import empty_response, fetch_reply, run_bounded

NOW = datetime(2026, 7, 1, 12, 0, 0, tzinfo=UTC)
STATUSES = [204, 206, 304, 400, 401, 403, 404, 408, 410, 418, 425, 429, 451, 500, 502, 503, 504]


@pytest.mark.parametrize("status", STATUSES)
def test_anything_but_200_is_told_with_its_status(status: int) -> None:
    with pytest.raises(FetchFailed) as caught:
        run_bounded(fetch_reply(empty_response(f"{status} X")))
    assert caught.value.upstream_status == status
    assert str(status) in caught.value.detail
    assert caught.value.retryable is (status in (408, 425, 429) or status >= 500)


def test_each_has_a_sentence_of_its_own() -> None:
    details = {
        error_from_status(URL("http://a/"), s).detail.replace(str(s), "")
        for s in (401, 403, 404, 410)
    }
    details |= {
        error_from_status(URL("http://a/"), s).detail.replace(str(s), "")
        for s in (408, 429, 451, 500)
    }
    assert len(details) == 8
    assert all(sentence.endswith(".") for sentence in details)


SIGNED = [
    "https://scontent.cdninstagram.com/v/a.jpg?stp=x&oh=00_AY&oe=66A0&_nc_sid=1",
    "https://cdn.discordapp.com/avatars/1/a.png?ex=66a&is=66b&hm=abc&",
    "https://b.s3.amazonaws.com/a.jpg?X-Amz-Expires=60&X-Amz-Signature=aa",
    "https://storage.googleapis.com/a.jpg?X-Goog-Signature=aa",
    "https://d1.cloudfront.net/a.jpg?Expires=1&Signature=s&Key-Pair-Id=k",
    "https://x.blob.core.windows.net/a.jpg?se=2026&sig=s",
    "https://p16.tiktokcdn.com/a.jpeg?x-expires=1&x-signature=s",
    "https://media.licdn.com/dms/image/a?e=1&v=beta&t=s",
]


@pytest.mark.parametrize("url", SIGNED)
@pytest.mark.parametrize("status", [401, 403])
def test_a_signed_link_that_is_refused_has_expired(url: str, status: int) -> None:
    assert is_signed_url(url)
    error = error_from_status(URL(url), status)
    assert "expires" in error.detail
    assert not error.retryable
    assert "expires" not in error_from_status(URL(url), 404).detail


@pytest.mark.parametrize(
    "url",
    ["https://a.example/a.jpg", "https://a.example/a.jpg?s=400&v=4", "https://a.example/?e=1"],
)
def test_an_ordinary_link_is_not_signed(url: str) -> None:
    assert not is_signed_url(url)
    assert "private" in error_from_status(URL(url), 403).detail


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("１２", None),
        ("0", 0.0),
        ("7", 7.0),
        (" 120 ", 120.0),
        ("99999999999999999999", MAX_RETRY_AFTER_S),
        ("Wed, 01 Jul 2026 12:00:30 GMT", 30.0),
        ("Wed, 01 Jul 2026 12:00:30 -0000", 30.0),
        ("Wed, 01 Jul 2026 14:00:30 +0200", 30.0),
        ("Wed, 01 Jul 2026 11:00:00 GMT", 0.0),
        ("Wed, 01 Jul 9999 11:00:00 GMT", MAX_RETRY_AFTER_S),
        ("Wed, 99 Foo 2026 11:00:00 GMT", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value, NOW) == seconds


@given(st.text(max_size=60))
def test_any_retry_after_is_bounded_or_nothing(value: str) -> None:
    seconds = parse_retry_after(value, NOW)
    assert seconds is None or 0.0 <= seconds <= MAX_RETRY_AFTER_S


@pytest.mark.parametrize("status", ["429 X", "503 X"])
def test_when_to_come_back_is_kept(status: str) -> None:
    with pytest.raises(FetchFailed) as caught:
        run_bounded(fetch_reply(empty_response(status, "Retry-After: 90")))
    assert caught.value.retry_after_s == 90.0
    assert "90 s" in caught.value.detail
    with pytest.raises(FetchFailed) as caught:
        run_bounded(fetch_reply(empty_response(status)))
    assert caught.value.retry_after_s is None
