"""What a column's name means: the role that its last part names, and whose it is by its prefix.

``user/profile_pic_url``, ``author_avatar_url`` and ``authorMeta.avatar`` are avatars of a user and
an author; ``cover/url`` is none. Names are split into words at slashes, dots, underscores and
capital letters, so that one table serves all spellings.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import IntEnum
from functools import lru_cache, wraps
from typing import Final, NamedTuple, TypeVar

from app.lists.columns.vocabulary import (
    ENTITIES,
    FIELDS_BY_NAME,
    FLAGS,
    GENERIC_PICTURES,
    LINKS,
    LOCATORS,
    NUMBER,
    OTHER_ACCOUNTS,
    OTHER_THINGS,
    POST_SIGNS,
    PROFILE_PICTURES,
    SIZES_PX,
    TRANSPARENT,
    UNSTATED_SIZE_PX,
)

Words = tuple[str, ...]


class PictureKind(IntEnum):
    """How surely a name means an avatar, the surest first."""

    PROFILE = 0
    GENERIC = 1
    LINK = 2


class PictureName(NamedTuple):
    """A column that may hold avatars. ``size_px``: by its name; ``depth``: of nesting."""

    kind: PictureKind
    scope: Words
    size_px: float
    depth: int


class FieldName(NamedTuple):
    """A column that may hold a field of an account; lower ranks are more telling."""

    field: str
    rank: int
    scope: Words


_PATH_SEPARATORS: Final = re.compile(r"[./:\[\]>|]+|__")
_CAMEL_CASE: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SIGNS: Final = re.compile(r"[\W_]+")


T = TypeVar("T")

NAME_MAX_CHARS: Final = 500
"""A longer name is no column's that is known here; nothing is looked for in it, nor remembered."""


def cached_by_name(function: Callable[[str], T]) -> Callable[[str], T]:
    """``function`` with its last answers; a name that is too long is answered as none is."""
    cached = lru_cache(maxsize=4096)(function)

    @wraps(function)
    def answer(name: str) -> T:
        return cached(name if len(name) <= NAME_MAX_CHARS else "")

    return answer


@cached_by_name
def split_name(name: str) -> tuple[Words, int]:
    """The words of a name in lower case, and how deep it is nested."""
    segments = [segment for segment in _PATH_SEPARATORS.split(name) if segment]
    words = [
        word.lower()
        for segment in segments
        for word in _SIGNS.split(_CAMEL_CASE.sub(" ", segment))
        if word
    ]
    return tuple(words), max(len(segments) - 1, 0)


@cached_by_name
def picture_name(name: str) -> PictureName | None:
    """The picture that a column of this name may hold; ``None`` if its name speaks of none."""
    words, depth = split_name(name)
    core = [word for word in words if not _is_size_or_locator(word)]
    if not core:
        is_link = bool(words) and words[-1] in LINKS and len(words) <= 2
        return PictureName(PictureKind.LINK, (), 0.0, depth) if is_link else None
    if core[0] in GENERIC_PICTURES | PROFILE_PICTURES and words[0] == "default" and depth == 0:
        return None  # what an account without a picture shows
    is_profile_object = depth > 0 and re.search(r"(?i)profile[./:]", name) is not None
    for start in range(len(core)):
        if is_profile_object and core[start] == "profile":
            continue  # `profile.image` is the picture of a nested account
        kind = _kind_of(_strip_url("".join(core[start:])))
        if kind is None:
            continue
        prefix = core[:start]
        if _names_other_thing(prefix) or (prefix and prefix[-1] in FLAGS):
            return None
        if kind is PictureKind.GENERIC and prefix and prefix[-1] in ENTITIES:
            kind = PictureKind.PROFILE  # `user_image`, `author.photo`
        return PictureName(kind, scope_of(tuple(prefix)), _size_px(words), depth)
    return None


def _is_size_or_locator(word: str) -> bool:
    return word in LOCATORS or word in SIZES_PX or NUMBER.fullmatch(word) is not None


def _kind_of(joined: str) -> PictureKind | None:
    if joined in PROFILE_PICTURES:
        return PictureKind.PROFILE
    return PictureKind.GENERIC if joined in GENERIC_PICTURES else None


def _strip_url(joined: str) -> str:
    for ending in ("https", "hd", "url", "uri", "link", "src"):
        joined = joined.removesuffix(ending) or joined
    return joined


def _names_other_thing(prefix: list[str]) -> bool:
    if not OTHER_ACCOUNTS.isdisjoint(prefix):
        return True
    last_entity = max((n for n, word in enumerate(prefix) if word in ENTITIES), default=-1)
    return not OTHER_THINGS.isdisjoint(prefix[last_entity + 1 :])


def _size_px(words: Words) -> float:
    sizes = [SIZES_PX[word] for word in words if word in SIZES_PX]
    sizes += [float(m[1]) for word in words if (m := NUMBER.fullmatch(word))]
    if not sizes:
        return UNSTATED_SIZE_PX + ("https" in words or words[-1].endswith("https"))
    return max(sizes) + ("url" in words) / 2


@cached_by_name
def field_names(name: str) -> tuple[FieldName, ...]:
    """Every field that a column of this name may hold, the longest reading of the name first."""
    words, _ = split_name(name)
    if not OTHER_ACCOUNTS.isdisjoint(words[:-1]):
        return ()
    readings = []
    for start in range(len(words)):
        entry = FIELDS_BY_NAME.get("".join(words[start:]))
        if entry is not None:
            readings.append(FieldName(*entry, scope_of(words[:start])))
    return tuple(readings)


def scope_of(prefix: Words) -> Words:
    """Whose a column is: its prefix without the containers that belong to an account anyway."""
    return tuple(word for word in prefix if word not in TRANSPARENT)


def is_stats_name(name: str) -> bool:
    """Whether a nested member stands in a container of counts, beside the account it counts for."""
    words, depth = split_name(name)
    return depth > 0 and not TRANSPARENT.isdisjoint(words[:-1])


def is_post_sign(name: str) -> bool:
    """Whether a column at the top of a row tells that rows are posts."""
    words, depth = split_name(name)
    return depth == 0 and "".join(words) in POST_SIGNS


def names_other_picture(name: str) -> bool:
    """Whether a column is, by its name, a cover, a banner or media: a picture that is no avatar."""
    words, _ = split_name(name)
    return _names_other_thing(list(words)) or "images" in words or "photos" in words


_IDENTIFIER: Final = re.compile(r"[\w./:\[\]>|#-]+( [\w#]+){0,3}")


def is_column_name(cell: str) -> bool:
    """Whether a cell reads as the name of a column that is known here."""
    cell = cell.strip()
    if not cell or len(cell) > 80 or _IDENTIFIER.fullmatch(cell) is None or cell.isdecimal():
        return False
    picture = picture_name(cell)
    words, _ = split_name(cell)
    whole = "".join(words)
    if whole in FIELDS_BY_NAME or (picture is not None and len(picture.scope) == 0):
        return True
    is_single_identifier = " " not in cell and len(words) > 1
    return is_single_identifier and (picture is not None or bool(field_names(cell)))
