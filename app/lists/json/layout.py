"""Where in a JSON document the accounts are: chosen from its outline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from app.fetch.urls import is_url
from app.lists.columns.names import picture_name
from app.lists.columns.platforms import NEVER_ACCOUNTS
from app.lists.json import accounts as json_accounts
from app.lists.json.outline import OutlineArray, OutlineMap
from app.lists.json.stream import JsonPath

ITEMS_KEY: Final = "items"
OPTION_NAMES: Final = frozenset(
    {"prior", "webhook_url", "flagged_threshold", "metadata", "title", "keep_columns"}
)
"""What may stand beside our own ``items``."""
_OWN_MEMBERS: Final = frozenset({"custom_id", "url"})
_KEYED_MAX_DEPTH: Final = 8


@dataclass(frozen=True)
class JsonLayout:
    """``kind``: an array, a map of accounts, columns side by side, or the document itself.

    ``columns``: the names for rows that are arrays, where the document gives them. ``left_out``:
    other places with accounts, and how many stand there.
    """

    kind: Literal["array", "map", "columns", "value"]
    path: JsonPath = ()
    columns: tuple[str, ...] = ()
    total: int = 0
    left_out: tuple[tuple[JsonPath, int], ...] = ()


def find_layout(documents: Sequence[Any]) -> JsonLayout:
    """Where the accounts are, by the first document that holds any."""
    layouts = [_layout_of(document) for document in documents]
    return next(
        (each for score, each in layouts if score > 0.0),
        layouts[0][1] if layouts else JsonLayout("value"),
    )


def is_own_body(document: Mapping[str, Any]) -> bool:
    """Whether a document with ``items`` is our own request body, and no platform's page."""
    items = document[ITEMS_KEY]
    objects = [each for each in items if isinstance(each, dict)]
    others = set(document) - {ITEMS_KEY}
    are_own_items = all(_OWN_MEMBERS.issuperset(each) for each in objects)
    return others <= OPTION_NAMES or are_own_items


def _layout_of(document: Any) -> tuple[float, JsonLayout]:
    if not isinstance(document, dict):
        return 1.0, JsonLayout("array")
    if isinstance(document.get(ITEMS_KEY), list) and is_own_body(document):
        return 1.0, JsonLayout("array", (ITEMS_KEY,))
    if columns := _split_columns(document):
        return 1.0, JsonLayout("array", ("data",), columns)
    if _is_transposed(document):
        return 1.0, JsonLayout("columns")
    return _best_place(document)


def _best_place(document: dict[str, Any]) -> tuple[float, JsonLayout]:
    lists = [
        (path, score, elements)
        for path, score, elements in json_accounts.candidate_lists(document)
        if elements
    ]
    keyed = list(_walk_keyed(document, ()))
    own = json_accounts.score_account(document)
    best = lists[0][1] if lists else 0.0
    left_out = [
        (path, _total(elements))
        for path, score, elements in lists
        if score >= json_accounts.SCORE_GENERIC
    ]
    left_out += [(path, len(members)) for path, members in keyed]
    if keyed and best <= json_accounts.score_list(keyed[0][1].values()):
        path, members = keyed[0]
        rest = tuple(each for each in left_out if each[0][: len(path)] != path)
        return best + 1.0, JsonLayout("map", path, (), _total(members), rest)
    has_own_picture = any(
        isinstance(member, str) and picture_name(name) is not None and is_url(member)
        for name, member in document.items()
    )
    if best >= json_accounts.SCORE_LINK and not has_own_picture:
        path, _, elements = lists[0]
        rest = tuple(each for each in left_out if each[0] != path)
        return best, JsonLayout("array", path, (), _total(elements), rest)
    if own >= json_accounts.SCORE_LINK:
        return own, JsonLayout("value")
    if lists:
        path, _, elements = max(lists, key=lambda each: each[1])
        return 0.0, JsonLayout("array", path, (), _total(elements))
    return 0.0, JsonLayout("value")


def _walk_keyed(
    value: Mapping[str, Any], path: JsonPath
) -> Iterator[tuple[JsonPath, Mapping[str, Any]]]:
    """The maps of accounts in a document, the outermost first."""
    if json_accounts.is_keyed(value):
        yield path, value
        return
    for name, member in value.items():
        if isinstance(member, dict) and name not in NEVER_ACCOUNTS and len(path) < _KEYED_MAX_DEPTH:
            yield from _walk_keyed(member, (*path, name))


def _split_columns(document: Mapping[str, Any]) -> tuple[str, ...]:
    """The columns of pandas' ``orient="split"``."""
    columns, data = document.get("columns"), document.get("data")
    is_split = (
        isinstance(columns, list)
        and isinstance(data, list)
        and all(isinstance(row, list) and len(row) == len(columns) for row in data)
        and all(isinstance(name, str) for name in columns)
    )
    return tuple(columns) if is_split and columns else ()


def _is_transposed(document: Mapping[str, Any]) -> bool:
    """Whether a document holds columns: maps with the same keys, or lists of the same length."""
    members = list(document.values())
    if not any(picture_name(name) is not None for name in document):
        return False
    if all(isinstance(member, dict) and member for member in members):
        keys = [list(member) for member in members]
        return all(each == keys[0] for each in keys) and not any(
            isinstance(cell, dict) for member in members for cell in member.values()
        )
    return (
        len(members) > 0
        and all(isinstance(member, OutlineArray) for member in members)
        and len({member.total for member in members}) == 1
        and not any(isinstance(cell, dict) for member in members for cell in member)
    )


def _total(container: Any) -> int:
    return container.total if isinstance(container, (OutlineArray, OutlineMap)) else len(container)


def describe(document: Any) -> str:
    """What a document holds, for a refusal: its lists, how long they are, and of what."""
    if not isinstance(document, dict):
        return "a list"
    lists = json_accounts.candidate_lists(document)[:4]
    described = [
        f"`{'.'.join(path)}` ({_total(elements)} × {_describe_element(elements)})"
        for path, _, elements in lists
    ]
    names = ", ".join(f"`{name[:40]}`" for name in list(document)[:8])
    return "the lists " + ", ".join(described) if described else f"the members {names}"


def _describe_element(elements: Sequence[Any]) -> str:
    first = elements[0] if elements else None
    if isinstance(first, dict):
        return "object with " + ", ".join(name[:30] for name in list(first)[:6])
    return "nothing" if first is None else type(first).__name__
