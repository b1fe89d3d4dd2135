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


class ListRow(NamedTuple):
    """``cells`` under the list's columns. ``defect``: why it cannot be used, if it cannot.

    A complaint is a sentence's end, to stand behind "Line 7 " or "Item 7 ".
    """

    line: int | None
    cells: Sequence[str]
    defect: str | None = None


@dataclass(frozen=True)
class ListTable:
    """``names``: of the columns, to find out what they mean; empty where a list gives none.

    ``columns``: what is kept of a row and given back; empty where that is only what an item says
    anyway. ``is_platform_list``: rows are a platform's accounts, so that an empty picture is none.
    """

    format: str
    names: tuple[str, ...]
    columns: tuple[str, ...]
    rows: Iterator[ListRow]
    is_platform_list: bool = False


# Names as `squeezed` leaves them, the most telling first.
PICTURE_NAMES: Final = (
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
LINK_NAMES: Final = ("url", "uri", "link", "href", "file", "filename", "path", "source")
"""Names that may lead to a picture, if no better one is there."""

IDENTITY_NAMES: Final = (
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
ACCOUNT_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
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

COUNT_FIELDS: Final = frozenset({"followers_count", "following_count", "posts_count"})

_PARENT_NAMES: Final = frozenset(
    {"publicmetrics", "author", "user", "account", "legacy", "profile", "node", "core", "avatar"}
)


@dataclass(frozen=True)
class ColumnMapping:
    """Indexes of columns: ``picture`` in the order they are tried; ``account`` by our names."""

    picture: tuple[int, ...]
    custom_id: int | None
    account: tuple[tuple[str, int], ...]


def normalize_name(name: str) -> str:
    """A column's name without case, spaces and signs; dots stay: they part a name from its kin."""
    return re.sub(r"[^a-z0-9.]+", "", name.lower())


def base_name(name: str) -> str:
    """A nested member's name without the parents that it is known to stand under."""
    *parents, last_part = normalize_name(name).split(".")
    return last_part if _PARENT_NAMES.issuperset(parents) else normalize_name(name)


_COLUMN_NAMES: Final = frozenset(
    {*PICTURE_NAMES, *LINK_NAMES, *IDENTITY_NAMES}.union(*ACCOUNT_NAMES.values())
)


def is_column_name(cell: str) -> bool:
    """Whether a cell is, by what it says, the name of a column."""
    return base_name(cell) in _COLUMN_NAMES


def map_columns(
    names: Sequence[str],
    sample: Sequence[Sequence[str]],
    is_picture_cell: Callable[[str], bool] = is_url,
) -> ColumnMapping:
    """What the columns mean; raises ``NoAvatars`` if none of them leads to pictures.

    ``sample``: the first rows. ``is_picture_cell``: whether a cell leads to a picture (a URL; in an
    archive, the name of a file in it).
    """
    width = max([len(names), *map(len, sample)], default=0)
    filled_cells = [
        [row[i] for row in sample if i < len(row) and row[i].strip()] for i in range(width)
    ]
    find_columns = _index_by_name(names)
    picture_cell_counts = [sum(map(is_picture_cell, cells)) for cells in filled_cells]
    picture = (
        tuple(i for i in find_columns(PICTURE_NAMES) if picture_cell_counts[i])
        or tuple(i for i in find_columns(LINK_NAMES) if picture_cell_counts[i])[:1]
    )
    if not picture:
        picture = (
            _find_picture_column(filled_cells, picture_cell_counts)
            or (*find_columns(PICTURE_NAMES), *find_columns(LINK_NAMES))[:1]
        )
    if not picture:
        shown_names = ", ".join(name[:40] for name in names[:12] if name)
        raise NoAvatars(
            f"No column of this list ({shown_names or 'none has a name'}) holds URLs of pictures; "
            "add a column `url` with each account's avatar."
        )
    account = tuple(
        (field_name, indexes[0])
        for field_name, column_names in ACCOUNT_NAMES.items()
        if (indexes := find_columns(column_names))
    )
    return ColumnMapping(
        picture,
        _find_identity_column(find_columns, account, filled_cells, picture, len(sample), names),
        account,
    )


def _index_by_name(names: Sequence[str]) -> Callable[[Sequence[str]], list[int]]:
    indexes: dict[str, list[int]] = {}
    for index, name in enumerate(names):
        indexes.setdefault(base_name(name), []).append(index)
    return lambda wanted: [i for name in wanted for i in indexes.get(name, ())]


def _find_picture_column(
    filled_cells: Sequence[Sequence[str]], picture_cell_counts: Sequence[int]
) -> tuple[int, ...]:
    """The column with most picture-like URLs, if URLs are what it mostly holds."""
    candidates = [
        i for i, n in enumerate(picture_cell_counts) if n and 2 * n >= len(filled_cells[i])
    ]
    scores = {
        i: (sum(map(looks_like_picture, filled_cells[i])), picture_cell_counts[i], -i)
        for i in candidates
    }
    return (max(candidates, key=scores.__getitem__),) if candidates else ()


def _find_identity_column(
    find_columns: Callable[[Sequence[str]], list[int]],
    account: Sequence[tuple[str, int]],
    filled_cells: Sequence[Sequence[str]],
    picture: Sequence[int],
    row_count: int,
    names: Sequence[str],
) -> int | None:
    """What a caller knows a row by: by name, else a username, else a column that tells rows apart.

    The last only in a list whose columns bear no names: a name that is not known is left alone.
    """
    if named_columns := [i for i in find_columns(IDENTITY_NAMES) if i not in picture]:
        return named_columns[0]
    if (username := dict(account).get("username")) is not None:
        return username
    if any(names):
        return None
    distinct = (
        i
        for i, cells in enumerate(filled_cells)
        if i not in picture and cells and len(cells) == row_count == len(set(cells))
    )
    return next(distinct, None)
