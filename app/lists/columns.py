"""Which column holds the picture, which the account: found by name, then by content."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from app.errors import NoAvatars
from app.fetch.avatar_urls import is_url, looks_like_picture

SAMPLE_ROWS: Final = 100
"""Rows that are looked at to find out which column holds what."""


class Row(NamedTuple):
    """``cells`` under the list's columns. ``complaint``: why it cannot be used, if it cannot.

    A complaint is a sentence's end, to stand behind "Line 7 " or "Item 7 ".
    """

    line: int | None
    cells: Sequence[str]
    complaint: str | None = None


@dataclass(frozen=True)
class Table:
    """``names``: of the columns, to find out what they mean; empty where a list gives none.

    ``columns``: what is kept of a row and given back; empty where that is only what an item says
    anyway. ``of_accounts``: rows are a platform's accounts, so that an empty picture is none.
    """

    format: str
    names: tuple[str, ...]
    columns: tuple[str, ...]
    rows: Iterator[Row]
    of_accounts: bool = False


# Names as `squeezed` leaves them, the most telling first.
PICTURE: Final = (
    "avatarstatic",
    "profileimageurlhttps",
    "profileimageurl",
    "profilepicurlhd",
    "profilepicurl",
    "avatarurl",
    "avatar",
    "avatarimage",
    "profileimage",
    "profilepicture",
    "profilepictureurl",
    "profilephoto",
    "imageurl",
    "pictureurl",
    "photourl",
    "thumbnailurl",
    "picture",
    "photo",
    "image",
    "img",
    "imgurl",
)
LINK: Final = ("url", "uri", "link", "href", "file", "filename", "path", "source")
"""Names that may lead to a picture, if no better one is there."""

IDENTITY: Final = (
    "customid",
    "idstr",
    "id",
    "userid",
    "useridstr",
    "accountid",
    "twitterid",
    "restid",
    "did",
    "uid",
    "pk",
)
ACCOUNT: Final[Mapping[str, tuple[str, ...]]] = {
    "username": ("username", "screenname", "handle", "login", "acct", "account", "user"),
    "display_name": ("displayname", "fullname", "name"),
    "created_at": ("createdat", "accountcreatedat", "created", "registeredat", "joined"),
    "followers_count": (
        "followerscount",
        "followercount",
        "followers",
        "edgefollowedby.count",
    ),
    "following_count": (
        "followingcount",
        "friendscount",
        "followscount",
        "following",
        "friends",
        "edgefollow.count",
    ),
    "posts_count": (
        "postscount",
        "postcount",
        "statusescount",
        "tweetcount",
        "tweetscount",
        "mediacount",
        "edgeownertotimelinemedia.count",
    ),
}
"""What a list may say of an account, under our names, and what others call it."""

COUNTS: Final = frozenset({"followers_count", "following_count", "posts_count"})

_PARENTS: Final = frozenset(
    {"publicmetrics", "author", "user", "account", "legacy", "profile", "node", "core", "avatar"}
)


@dataclass(frozen=True)
class Plan:
    """Indexes of columns: ``picture`` in the order they are tried; ``account`` by our names."""

    picture: tuple[int, ...]
    custom_id: int | None
    account: tuple[tuple[str, int], ...]


def squeezed(name: str) -> str:
    """A column's name without case, spaces and signs; dots stay: they part a name from its kin."""
    return re.sub(r"[^a-z0-9.]+", "", name.lower())


def own_name(name: str) -> str:
    """A nested member's name without the parents that it is known to stand under."""
    *parents, own = squeezed(name).split(".")
    return own if _PARENTS.issuperset(parents) else squeezed(name)


_KNOWN: Final = frozenset({*PICTURE, *LINK, *IDENTITY}.union(*ACCOUNT.values()))


def is_known(cell: str) -> bool:
    """Whether a cell is, by what it says, the name of a column."""
    return own_name(cell) in _KNOWN


def plan(
    names: Sequence[str],
    sample: Sequence[Sequence[str]],
    points: Callable[[str], bool] = is_url,
) -> Plan:
    """What the columns mean; raises ``NoAvatars`` if none of them leads to pictures.

    ``sample``: the first rows. ``points``: whether a cell leads to a picture (a URL; in an
    archive, the name of a file in it).
    """
    width = max([len(names), *map(len, sample)], default=0)
    filled = [[row[i] for row in sample if i < len(row) and row[i].strip()] for i in range(width)]
    known = _by_name(names)
    pointing = [sum(map(points, cells)) for cells in filled]
    picture = (
        tuple(i for i in known(PICTURE) if pointing[i])
        or tuple(i for i in known(LINK) if pointing[i])[:1]
    )
    if not picture:
        picture = _by_content(filled, pointing) or (*known(PICTURE), *known(LINK))[:1]
    if not picture:
        told = ", ".join(name[:40] for name in names[:12] if name)
        raise NoAvatars(
            f"No column of this list ({told or 'none has a name'}) holds URLs of pictures; "
            "add a column `url` with each account's avatar."
        )
    account = tuple(
        (ours, found[0]) for ours, theirs in ACCOUNT.items() if (found := known(theirs))
    )
    return Plan(picture, _identity(known, account, filled, picture, len(sample), names), account)


def _by_name(names: Sequence[str]) -> Callable[[Sequence[str]], list[int]]:
    owned: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        owned.setdefault(own_name(name), []).append(index)
    return lambda wanted: [i for name in wanted for i in owned.get(name, ())]


def _by_content(filled: Sequence[Sequence[str]], pointing: Sequence[int]) -> tuple[int, ...]:
    """The column with most picture-like URLs, if URLs are what it mostly holds."""
    mostly = [i for i, n in enumerate(pointing) if n and 2 * n >= len(filled[i])]
    ranked = {i: (sum(map(looks_like_picture, filled[i])), pointing[i], -i) for i in mostly}
    return (max(mostly, key=ranked.__getitem__),) if mostly else ()


def _identity(
    known: Callable[[Sequence[str]], list[int]],
    account: Sequence[tuple[str, int]],
    filled: Sequence[Sequence[str]],
    picture: Sequence[int],
    rows: int,
    names: Sequence[str],
) -> int | None:
    """What a caller knows a row by: by name, else a username, else a column that tells rows apart.

    The last only in a list whose columns bear no names: a name that is not known is left alone.
    """
    if found := [i for i in known(IDENTITY) if i not in picture]:
        return found[0]
    if (username := dict(account).get("username")) is not None:
        return username
    if any(names):
        return None
    distinct = (
        i
        for i, cells in enumerate(filled)
        if i not in picture and cells and len(cells) == rows == len(set(cells))
    )
    return next(distinct, None)
