"""JSON values → rows: pages are opened, members laid flat, platforms known by their members."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from app.lists.columns import ACCOUNT_NAMES, IDENTITY_NAMES, PICTURE_NAMES, ListRow, base_name
from app.lists.json_stream import InvalidValue

LIST_KEYS: Final = (
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

ACCOUNT_COLUMNS: Final = ("id", *ACCOUNT_NAMES, "avatar")
"""The columns of a platform's accounts: ours, for theirs are dozens and nested."""

COLUMNS_MAX: Final = 200
CELL_MAX_CHARS: Final = 10_000
_MAX_DEPTH: Final = 3
_UNSTORABLE_CHARS: Final = re.compile("[\x00\ud800-\udfff]")
_PLATFORM_MEMBERS: Final = (
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

FlatObject = Mapping[str, Any]
"""An object whose nested members have dotted names."""


class BareUrl(str):
    """A text where an object might stand: it can only be a URL."""

    __slots__ = ()


def flatten_accounts(
    values: Iterable[tuple[int | None, Any]],
) -> Iterator[tuple[int | None, FlatObject | str]]:
    """Each account's members, laid flat, or a complaint; pages of accounts are opened."""
    for line, value in values:
        if type(value) is dict and not _is_nested(value):
            yield line, value
        else:
            yield from ((line, _flatten_account(each)) for each in _unwrap_page(value))


def _flatten_account(value: Any) -> FlatObject | str:
    if isinstance(value, dict):
        return _flatten(value)
    if isinstance(value, str):
        return {"url": BareUrl(value)}
    return value.defect if isinstance(value, InvalidValue) else "is neither an object nor a text."


def _is_nested(value: Mapping[str, Any]) -> bool:
    return any(isinstance(member, (dict, list)) for member in value.values())


def _unwrap_page(value: Any) -> Iterator[Any]:
    """The accounts of a page (X and its tools write pages, one a line), or the value itself."""
    if isinstance(value, list):
        for each in value:
            yield from _unwrap_page(each) if isinstance(each, dict) else (each,)
    elif isinstance(value, dict) and (page := _page_accounts(value)) is not None:
        yield from page
    else:
        yield value


def _page_accounts(value: Mapping[str, Any]) -> Sequence[Any] | None:
    """The accounts of a page; beside things that they wrote, those are in ``includes``."""
    includes = value.get("includes")
    users = _object_list(includes.get("users")) if isinstance(includes, dict) else []
    lists = [each for name in LIST_KEYS if (each := _object_list(value.get(name)))]
    if users and not any(_has_picture(each[0]) for each in lists):
        return users
    return None if _has_picture(value) or not lists else lists[0]


def _object_list(value: Any) -> list[Any]:
    """``value``, if it is a list of objects and nothing else; else an empty one."""
    objects = isinstance(value, list) and all(isinstance(each, dict) for each in value)
    return value if objects else []


def _has_picture(value: Mapping[str, Any]) -> bool:
    return any(base_name(name) in PICTURE_NAMES and isinstance(value[name], str) for name in value)


def _flatten(value: Mapping[str, Any]) -> FlatObject:
    flat: dict[str, Any] = {}
    _flatten_into(value, "", _MAX_DEPTH, flat)
    return flat


def _flatten_into(value: Mapping[str, Any], prefix: str, depth: int, flat: dict[str, Any]) -> None:
    for name, member in value.items():
        if isinstance(member, dict):
            if depth > 1:
                _flatten_into(member, f"{prefix}{name}.", depth - 1, flat)
        elif isinstance(member, list):
            flat[f"{prefix}{name}"] = None
        else:
            flat[f"{prefix}{name}"] = member


def detect_platform(sample: Sequence[FlatObject]) -> str | None:
    """The platform whose accounts these are, by members that all of its accounts have."""
    for name, members in _PLATFORM_MEMBERS:
        if sample and all(members <= each.keys() for each in sample):
            return name
    return None


def build_rows(
    accounts: Iterable[tuple[int | None, FlatObject | str]],
    columns: Sequence[str],
    is_platform_list: bool,
) -> Iterator[ListRow]:
    """``accounts`` under their own members, or ``ACCOUNT_COLUMNS`` for a platform's."""
    cells_of = _account_cells if is_platform_list else _object_cells(columns)
    for line, each in accounts:
        if isinstance(each, str):
            yield ListRow(line, (), each)
        else:
            yield ListRow(line, cells_of(each))


def collect_columns(sample: Sequence[FlatObject]) -> tuple[str, ...]:
    """Every member that the first objects have, in the order in which they come up."""
    column_names = dict.fromkeys(_clean_text(name) for each in sample for name in each)
    return tuple(column_names)[:COLUMNS_MAX]


def _object_cells(columns: Sequence[str]) -> Callable[[FlatObject], list[str]]:
    def format_cells(each: FlatObject) -> list[str]:
        get = each.get
        return [format_cell(get(name)) for name in columns]

    return format_cells


def _account_cells(each: FlatObject) -> list[str]:
    cells = []
    for names in _account_member_names(tuple(each)):
        cell = ""
        for name in names:
            if cell := format_cell(each[name]):
                break
        cells.append(cell)
    return cells


@lru_cache(maxsize=256)
def _account_member_names(names: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """For each of ``ACCOUNT_COLUMNS``, the members that may hold it, the most telling first."""
    names_by_base: dict[str, list[str]] = {}
    for name in names:
        names_by_base.setdefault(base_name(name), []).append(name)
    name_groups = (IDENTITY_NAMES, *ACCOUNT_NAMES.values(), PICTURE_NAMES)
    return tuple(
        tuple(n for base in each for n in names_by_base.get(base, ())) for each in name_groups
    )


def format_cell(value: Any) -> str:
    """A member as a cell: nothing for null, JSON's words for the rest."""
    if isinstance(value, str):
        return _clean_text(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float, Decimal)):
        return str(value)
    return ""


def _clean_text(text: str) -> str:
    """Text that can be kept anywhere: no NUL, no half of a surrogate pair, no megabytes."""
    if len(text) > CELL_MAX_CHARS:
        text = text[:CELL_MAX_CHARS]
    return text if text.isascii() and "\x00" not in text else _UNSTORABLE_CHARS.sub("\ufffd", text)
