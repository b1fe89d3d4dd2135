"""JSON values → rows: pages are opened, members laid flat, platforms known by their members."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from app.lists.columns import ACCOUNT, IDENTITY, PICTURE, Row, own_name
from app.lists.json_stream import Unusable

LISTS: Final = (
    "items",
    "data",
    "followers",
    "follows",
    "following",
    "users",
    "accounts",
    "profiles",
    "members",
    "friends",
    "results",
)
"""Names under which a page keeps its accounts, the likeliest first."""

ACCOUNT_COLUMNS: Final = ("id", *ACCOUNT, "avatar")
"""The columns of a platform's accounts: ours, for theirs are dozens and nested."""

COLUMNS_MAX: Final = 200
CELL_MAX_CHARS: Final = 10_000
_DEPTH: Final = 3
_SURROGATE: Final = re.compile("[\x00\ud800-\udfff]")
_PLATFORMS: Final = (
    ("x_archive", {"follower.accountId"}),
    ("x_archive", {"following.accountId"}),
    ("instagram_export", {"string_list_data"}),
    ("x_v1", {"profile_image_url_https", "screen_name"}),
    ("x_v1", {"legacy.profile_image_url_https"}),
    ("x_v2", {"profile_image_url", "username"}),
    ("mastodon", {"acct", "avatar"}),
    ("bluesky", {"did", "handle"}),
    ("github", {"login", "avatar_url"}),
    ("instagram", {"profile_pic_url"}),
    ("instagram", {"profile_pic_url_hd"}),
    ("instagram", {"node.profile_pic_url"}),
)

Flat = Mapping[str, Any]
"""An object whose nested members have dotted names."""


class Bare(str):
    """A text where an object might stand: it can only be a URL."""

    __slots__ = ()


def records(values: Iterable[tuple[int | None, Any]]) -> Iterator[tuple[int | None, Flat | str]]:
    """Each account's members, laid flat, or a complaint; pages of accounts are opened."""
    for line, value in values:
        if type(value) is dict and not _is_nested(value):
            yield line, value
        else:
            yield from ((line, _record(each)) for each in _opened(value))


def _record(value: Any) -> Flat | str:
    if isinstance(value, dict):
        return _flat(value)
    if isinstance(value, str):
        return {"url": Bare(value)}
    return value.complaint if isinstance(value, Unusable) else "is neither an object nor a text."


def _is_nested(value: Mapping[str, Any]) -> bool:
    return any(isinstance(member, (dict, list)) for member in value.values())


def _opened(value: Any) -> Iterator[Any]:
    """The accounts of a page (X and its tools write pages, one a line), or the value itself."""
    if isinstance(value, list):
        for each in value:
            yield from _opened(each) if isinstance(each, dict) else (each,)
    elif isinstance(value, dict) and (page := _page(value)) is not None:
        yield from page
    else:
        yield value


def _page(value: Mapping[str, Any]) -> Sequence[Any] | None:
    """The accounts of a page; beside things that they wrote, those are in ``includes``."""
    included = value.get("includes")
    users = _objects(included.get("users")) if isinstance(included, dict) else []
    lists = [each for name in LISTS if (each := _objects(value.get(name)))]
    if users and not any(_pictured(each[0]) for each in lists):
        return users
    return None if _pictured(value) or not lists else lists[0]


def _objects(value: Any) -> list[Any]:
    """``value``, if it is a list of objects and nothing else; else an empty one."""
    objects = isinstance(value, list) and all(isinstance(each, dict) for each in value)
    return value if objects else []


def _pictured(value: Mapping[str, Any]) -> bool:
    return any(own_name(name) in PICTURE and isinstance(value[name], str) for name in value)


def _flat(value: Mapping[str, Any]) -> Flat:
    flat: dict[str, Any] = {}
    _lay(value, "", _DEPTH, flat)
    return flat


def _lay(value: Mapping[str, Any], prefix: str, depth: int, flat: dict[str, Any]) -> None:
    for name, member in value.items():
        if isinstance(member, dict):
            if depth > 1:
                _lay(member, f"{prefix}{name}.", depth - 1, flat)
        elif isinstance(member, list):
            flat[f"{prefix}{name}"] = None
        else:
            flat[f"{prefix}{name}"] = member


def platform(sample: Sequence[Flat]) -> str | None:
    """The platform whose accounts these are, by members that all of its accounts have."""
    for name, members in _PLATFORMS:
        if sample and all(members <= each.keys() for each in sample):
            return name
    return None


def rows(
    found: Iterable[tuple[int | None, Flat | str]], columns: Sequence[str], of_accounts: bool
) -> Iterator[Row]:
    """``found`` under ``columns``: their own members, or ``ACCOUNT_COLUMNS`` for a platform's."""
    cells_of = _account_cells if of_accounts else _own_cells(columns)
    for line, each in found:
        if isinstance(each, str):
            yield Row(line, (), each)
        else:
            yield Row(line, cells_of(each))


def columns_of(sample: Sequence[Flat]) -> tuple[str, ...]:
    """Every member that the first objects have, in the order in which they come up."""
    named = dict.fromkeys(_clean(name) for each in sample for name in each)
    return tuple(named)[:COLUMNS_MAX]


def _own_cells(columns: Sequence[str]) -> Callable[[Flat], list[str]]:
    def cells(each: Flat) -> list[str]:
        get = each.get
        return [cell_of(get(name)) for name in columns]

    return cells


def _account_cells(each: Flat) -> list[str]:
    cells = []
    for names in _account_names(tuple(each)):
        cell = ""
        for name in names:
            if cell := cell_of(each[name]):
                break
        cells.append(cell)
    return cells


@lru_cache(maxsize=256)
def _account_names(names: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """For each of ``ACCOUNT_COLUMNS``, the members that may hold it, the most telling first."""
    owned: dict[str, list[str]] = {}
    for name in names:
        owned.setdefault(own_name(name), []).append(name)
    wanted = (IDENTITY, *ACCOUNT.values(), PICTURE)
    return tuple(tuple(n for own in each for n in owned.get(own, ())) for each in wanted)


def cell_of(value: Any) -> str:
    """A member as a cell: nothing for null, JSON's words for the rest."""
    if isinstance(value, str):
        return _clean(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float, Decimal)):
        return str(value)
    return ""


def _clean(text: str) -> str:
    """Text that can be kept anywhere: no NUL, no half of a surrogate pair, no megabytes."""
    if len(text) > CELL_MAX_CHARS:
        text = text[:CELL_MAX_CHARS]
    return text if text.isascii() and "\x00" not in text else _SURROGATE.sub("\ufffd", text)
