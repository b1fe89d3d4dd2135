"""HTTP status of another server → the error for the caller."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from yarl import URL

from app.errors import FetchFailed
from app.fetch.signed_urls import is_signed_url

MAX_RETRY_AFTER_S: Final = 600.0
"""The longest pause that a host may ask for: nobody silences it for a day with one answer."""

_STATUS_MESSAGES: Final = {
    401: "The server asks for a login (401): give a URL that is public, or send the bytes.",
    403: "The server forbids fetching this picture (403): it is private, or closed to programs; "
    "send the bytes.",
    404: "There is no picture at this URL (404): it was changed, deleted or never there.",
    408: "The request timed out on the server (408); try again.",
    410: "The picture was removed for good (410).",
    425: "The server is not ready for this request (425); try again.",
    429: "The host asks for fewer requests (429)",
    451: "The server may not show this picture for legal reasons (451).",
}
_EXPIRED_LINK_MESSAGE: Final = (
    "The server refuses this link ({status}): it is a signed link that expires. Get a fresh one, "
    "or send the bytes."
)


def error_from_status(url: URL, status: int, retry_after_s: float | None = None) -> FetchFailed:
    """The error for ``status``, which is not 200."""
    if status in (401, 403) and is_signed_url(str(url)):
        message = _EXPIRED_LINK_MESSAGE.format(status=status)
    elif status == 429 or 500 <= status <= 599:
        message = _STATUS_MESSAGES.get(status, f"The host reports an internal error ({status})")
        message += (
            "; try again later."
            if retry_after_s is None
            else f"; try again in {retry_after_s:.0f} s."
        )
    else:
        message = _STATUS_MESSAGES.get(
            status, f"The server answered {status} instead of a picture."
        )
    return FetchFailed(message, upstream_status=status, retry_after_s=retry_after_s)


def parse_retry_after(value: str | None, now: datetime) -> float | None:
    """A ``Retry-After`` header in seconds, 0 to ten minutes; ``None`` if it cannot be read.

    ``now``: aware; the header may hold a date.
    """
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return float(min(int(text[:9]), MAX_RETRY_AFTER_S))
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return min(max((until - now).total_seconds(), 0.0), MAX_RETRY_AFTER_S)
