"""Which text is a valid http(s) URL. Host names are not resolved here.

A URL is sent byte for byte as it was given: signed links (imgproxy, CloudFront, S3, TikTok) are
answered with 403 if their percent-encoding is normalised. Only characters that are illegal in a
URL are encoded.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote, urljoin

from yarl import URL

from app.errors import FetchFailed, UrlInvalid

MAX_URL_CHARS: Final = 4096
REDIRECT_STATUSES: Final = frozenset({301, 302, 303, 307, 308})

_LEGAL_CHARS: Final = "!#$%&'()*+,-./:;=?@[]_~"
"""Besides letters and digits (RFC 3986). Includes ``%``: what is encoded stays encoded."""
_PLAIN_URL: Final = re.compile(
    r"https?://[A-Za-z0-9_]+(?:[.-][A-Za-z0-9_]+)*\.[A-Za-z]+(?::[0-9]{1,4})?"
    r"(?:[/?#][^\s\\\x00-\x1f\x7f\ud800-\udfff]*)?"
)
"""Most URLs of lists, which need no closer look: a million of them pass here."""
_STRAY_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_URL_PARTS: Final = re.compile(
    r"(?P<scheme>[^:/?#]*)://(?P<authority>[^/?#]*)(?P<rest>.*)", re.DOTALL
)


def parse_url(url: str) -> URL:
    """``url`` parsed; raises ``UrlInvalid`` if it is not an absolute http(s) URL.

    Path and query stay byte for byte; only characters that are illegal there are percent-encoded.
    """
    if len(url) > MAX_URL_CHARS:
        raise UrlInvalid(f"A URL may have at most {MAX_URL_CHARS} characters.")
    if any(c <= " " or c == "\x7f" or c.isspace() for c in url):
        raise UrlInvalid("A URL cannot contain spaces or control characters; percent-encode them.")
    if "\\" in url:  # browsers read it as a slash, other clients do not
        raise UrlInvalid("A URL cannot contain backslashes; percent-encode them.")
    matched = _URL_PARTS.fullmatch(url)
    if matched is None:
        raise UrlInvalid("Give an absolute http:// or https:// URL.")
    authority = matched["authority"]
    try:
        # The host is normalised (case, IDNA), as every client does.
        origin = URL(f"{matched['scheme']}://{authority}")
        has_host = bool(origin.host)
        parsed = URL(str(origin.with_path("")) + _encode_illegal(matched["rest"]), encoded=True)
    except ValueError as error:
        raise UrlInvalid("This URL is malformed.") from error
    if origin.scheme not in ("http", "https"):
        raise UrlInvalid("Give an absolute http:// or https:// URL.")
    if not has_host:
        raise UrlInvalid("A URL needs a host: give an absolute http:// or https:// URL.")
    if "[" in authority and ":" not in str(origin.host):
        raise UrlInvalid("Only an IPv6 address may stand in brackets.")
    if "@" in authority:
        raise UrlInvalid("A URL with a user name or password is not fetched; remove them.")
    return parsed


def url_defect(url: str) -> str | None:
    """What is wrong with ``url``, as a sentence; ``None`` if ``parse_url`` takes it."""
    if len(url) <= MAX_URL_CHARS and _PLAIN_URL.fullmatch(url):
        return None
    try:
        parse_url(url)
    except UrlInvalid as error:
        return error.detail
    return None


def is_url(cell: str) -> bool:
    """Whether a cell holds a URL that ``parse_url`` takes, with or without spaces around it."""
    # Most cells of a list are no URLs, and are not worth an error.
    text = cell.strip()
    return text[:4].lower() == "http" and url_defect(text) is None


def resolve_redirect(url: URL, location: str | None, status: int) -> URL:
    """The target of a redirect from ``url`` to ``location``, checked like a caller's own URL.

    An absolute URL, or a path on the same host, is kept byte for byte.
    """
    if not location:
        raise FetchFailed(
            "The server sent a redirect without a target.",
            upstream_status=status,
            retryable=False,
        )
    try:
        return parse_url(_join(url, location))
    except ValueError as error:
        raise UrlInvalid("The server redirects to a malformed URL.") from error


def _join(url: URL, location: str) -> str:
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", location):
        return location
    if location.startswith("//"):
        return f"{url.scheme}:{location}"
    if location.startswith("/"):
        return f"{url.scheme}://{url.raw_authority}{location}"
    return urljoin(str(url), location)


def _encode_illegal(rest: str) -> str:
    """Path, query and fragment with what is illegal in a URL percent-encoded, and nothing else."""
    encoded = quote(rest, safe=_LEGAL_CHARS, encoding="utf-8", errors="surrogateescape")
    encoded = _STRAY_PERCENT.sub("%25", encoded)
    return encoded if encoded[:1] in ("", "/", "?", "#") else f"/{encoded}"
