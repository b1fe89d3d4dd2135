"""Which text is a URL that may be tried. Names are not looked up here."""

from __future__ import annotations

import re
from typing import Final

from yarl import URL

from app.errors import FetchFailed, UrlInvalid

MAX_URL_CHARS: Final = 4096
REDIRECT_STATUSES: Final = frozenset({301, 302, 303, 307, 308})


def parse_url(url: str) -> URL:
    """``url``, if it is one that may be tried; raises ``UrlInvalid``."""
    if len(url) > MAX_URL_CHARS:
        raise UrlInvalid(f"A URL may have {MAX_URL_CHARS} characters at most.")
    if any(c <= " " or c == "\x7f" or c.isspace() for c in url):
        raise UrlInvalid("A URL holds no spaces or control characters; percent-encode them.")
    if "\\" in url:  # a slash to browsers, part of a name to others: the two must not disagree
        raise UrlInvalid("A URL holds no backslashes; percent-encode them.")
    try:
        parsed = URL(url)
        has_host = bool(parsed.host)
    except ValueError as error:
        raise UrlInvalid("This is not a URL that can be read.") from error
    if parsed.scheme not in ("http", "https") or not has_host:
        raise UrlInvalid("Give an absolute http:// or https:// URL.")
    authority = re.split(r"[/?#]", url.split("//", 1)[1], maxsplit=1)[0]
    if "[" in authority and ":" not in str(parsed.host):
        raise UrlInvalid("In brackets stands an IPv6 address.")
    if "@" in authority:
        raise UrlInvalid("A URL with a user name or a password in it is not fetched.")
    return parsed


def resolve_redirect(url: URL, location: str | None, status: int) -> URL:
    """Where ``location``, answered by ``url``, leads: checked as a caller's own URL is."""
    if not location:
        raise FetchFailed("A redirect without a target.", upstream_status=status, retryable=False)
    try:
        joined = str(url.join(URL(location)))  # what is wrong with it may show only here
    except ValueError as error:
        raise UrlInvalid("It redirects to something that is not a URL.") from error
    return parse_url(joined)
