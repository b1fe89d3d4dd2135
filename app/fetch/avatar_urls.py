"""URLs of avatars: which lead to a default picture, and where a larger variant is stored."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from app.errors import FetchFailed, TooLarge
from app.fetch.signed_urls import is_signed_url


async def fetch_with_fallback(
    fetch: Callable[[str], Awaitable[bytes]], url: str, fallback_url: str | None
) -> bytes:
    """The bytes at ``url``, or else those at ``fallback_url``.

    A host that does not respond, or responds with 429 or 503, gets no second request. Raises what
    ``fetch`` raises.
    """
    if fallback_url is None:
        return await fetch(url)
    try:
        return await fetch(url)
    except TooLarge:
        pass
    except FetchFailed as error:
        if error.upstream_status is None or error.upstream_status in (429, 503):
            raise
    return await fetch(fallback_url)


_PICTURE_HINT: Final = re.compile(
    r"\.(?:jpe?g|png|webp|gif|avif)\b|avatar|profile_(?:image|pic)|twimg\.com|/u/\d+", re.IGNORECASE
)
_PLATFORM_HINTS: Final = (
    "twimg.com/",
    "githubusercontent.com/",
    "//cdn.bsky.app/img/avatar",
    "/missing.png",
    "/44884218_345707102882519_2446069589734326272_n",
)
"""Every URL that a pattern below matches contains one of these; five searches cost less than one
match, and a list may have a million URLs."""
_DEFAULT_AVATAR: Final = re.compile(
    r"/default_profile_images/"  # X: an egg, later a grey figure
    r"|/avatars/(?:original|static)/missing\.png"  # Mastodon
    r"|/44884218_345707102882519_2446069589734326272_n\b"  # Instagram
)
_X_AVATAR: Final = re.compile(
    r"(https?://(?:pbs|[a-z]+\d+)\.twimg\.com/profile_images/[^?#]*?)"
    r"_(?:normal|bigger|mini|reasonably_small|x96|200x200)"
    r"((?:\.[a-z]+)?(?:[?#].*)?)",
    re.IGNORECASE,
)
_GITHUB_AVATAR: Final = re.compile(
    r"(?P<path>https?://avatars\d*\.githubusercontent\.com/[^?#]*)(?:\?(?P<query>[^#]*))?(?:#.*)?",
    re.IGNORECASE,
)
_GITHUB_SIDE_PX: Final = 460
_BLUESKY_AVATAR: Final = re.compile(
    r"(?P<base>https://cdn\.bsky\.app/img/avatar)(?:_thumbnail)?"
    r"(?P<rest>/plain/[^/?#]+/(?P<cid>b[a-z2-7]{20,120})(?:@[a-z]+)?)"
)


_HTML_AMPERSAND: Final = re.compile(r"&(?:amp|#38|#x26);", re.IGNORECASE)


class AvatarUrl(NamedTuple):
    """Where a picture is. ``is_default``: it is the platform's default picture.

    ``content_id``: the platform's identifier for the picture's content, if it has one.
    """

    url: str
    fallback_url: str | None = None
    content_id: str | None = None
    is_default: bool = False


def looks_like_picture(cell: str) -> bool:
    """Whether a URL's path suggests a picture, such as an avatar."""
    return _PICTURE_HINT.search(cell) is not None


def resolve_avatar_url(url: str) -> AvatarUrl:
    """Where to fetch the picture of ``url``, which must be valid.

    The larger variant of a platform's thumbnail comes first, with the given URL as the fallback; a
    signed URL is never changed. ``&amp;``, left over from HTML, is read as ``&``.
    """
    if "&" in url and (unescaped := _HTML_AMPERSAND.sub("&", url)) != url:
        avatar_url = resolve_avatar_url(unescaped)
        return avatar_url if avatar_url.fallback_url else avatar_url._replace(fallback_url=url)
    if not _has_hint(url.lower()):
        return AvatarUrl(url)
    if _DEFAULT_AVATAR.search(url):
        return AvatarUrl(url, is_default=True)
    if is_signed_url(url):
        return AvatarUrl(url)
    if match := _X_AVATAR.fullmatch(url):
        return AvatarUrl(f"{match[1]}_400x400{match[2]}", url)
    if match := _GITHUB_AVATAR.fullmatch(url):
        return _github_avatar_url(url, match["path"], match["query"] or "")
    if match := _BLUESKY_AVATAR.fullmatch(url):
        larger = f"{match['base']}{match['rest']}"
        return AvatarUrl(larger, url if larger != url else None, match["cid"])
    return AvatarUrl(url)


def _has_hint(lowered: str) -> bool:
    for hint in _PLATFORM_HINTS:  # noqa: SIM110 - a generator costs more than the searches
        if hint in lowered:
            return True
    return False


def _github_avatar_url(url: str, path: str, query: str) -> AvatarUrl:
    params = query.split("&")
    if f"s={_GITHUB_SIDE_PX}" in params:
        return AvatarUrl(url)
    other_params = [param for param in params if param and not param.startswith(("s=", "size="))]
    return AvatarUrl(f"{path}?{'&'.join([*other_params, f's={_GITHUB_SIDE_PX}'])}", url)
