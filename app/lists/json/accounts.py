"""JSON values → accounts: pages and maps of accounts are opened, members flattened."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

from app.fetch.urls import is_url
from app.lists.columns.names import (
    PictureKind,
    cached_by_name,
    field_names,
    picture_name,
    split_name,
)
from app.lists.columns.platforms import LIST_KEYS, NEVER_ACCOUNTS
from app.lists.columns.vocabulary import ENTITIES, words
from app.lists.json.flatten import MAX_DEPTH, OTHER_OBJECTS, BareUrl, FlatObject, flatten
from app.lists.json.stream import InvalidValue

_SCORED_ELEMENTS: Final = 5
_WRAPPERS: Final = frozenset(LIST_KEYS) | words(
    "result payload page user_results itemContent content list meta pageInfo paging "
    "includes schema snippet legacy core stats thumbnails avatar picture image"
)


def flatten_accounts(
    values: Iterable[tuple[int | None, Any]],
) -> Iterator[tuple[int | None, FlatObject | str]]:
    """Each account's members, flattened, or why there is none; pages of accounts are opened."""
    for line, value in values:
        if type(value) is dict and not _is_nested(value):
            if "type" not in value or not _is_page_mark(value):
                yield line, value
        else:
            yield from ((line, _flatten_account(each)) for each in iter_accounts(value))


def _flatten_account(value: Any) -> FlatObject | str:
    if isinstance(value, dict):
        return flatten(value)
    if isinstance(value, str):
        return {"url": BareUrl(value)}
    return value.defect if isinstance(value, InvalidValue) else "is neither an object nor a text."


def _is_nested(value: Mapping[str, Any]) -> bool:
    return any(isinstance(member, (dict, list)) for member in value.values())


def iter_accounts(value: Any, depth: int = 0) -> Iterator[Any]:
    """The accounts in a value: of a page, of a map of accounts, or the value itself."""
    if depth > MAX_DEPTH:
        yield value
    elif isinstance(value, list):
        for each in value:
            if isinstance(each, (dict, list)):
                yield from () if _is_page_mark(each) else iter_accounts(each, depth + 1)
            else:
                yield each
    elif isinstance(value, dict) and _is_page_mark(value):
        return
    elif isinstance(value, dict) and not _has_own_picture(value) and not _is_about_account(value):
        inner = _inner_accounts(value)
        if inner is None:
            yield value
        else:
            yield from iter_accounts(inner, depth + 1)
    else:
        yield value


def _is_page_mark(value: Any) -> bool:
    """Whether an element of X's timelines is a cursor or an instruction, and no account."""
    if not isinstance(value, dict):
        return False
    is_instruction = str(value.get("type", "")).startswith("Timeline")
    is_cursor = str(value.get("entryId", "")).startswith(("cursor-", "messageprompt-"))
    return is_cursor or (is_instruction and "entries" not in value and "entry" not in value)


def _is_about_account(value: Mapping[str, Any]) -> bool:
    """Whether a row holds an account, such as a post its author, and is no page of accounts."""
    is_about = False
    for name, member in value.items():
        if isinstance(member, list) and member and name in LIST_KEYS:
            return False
        is_about = is_about or (
            isinstance(member, dict) and name in ENTITIES and _has_own_picture(member)
        )
    return is_about


def _inner_accounts(value: Mapping[str, Any]) -> list[Any] | None:
    """The accounts of a page or of a map; ``None`` if ``value`` is an account itself."""
    lists = [each for each in candidate_lists(value) if each[1] >= SCORE_LINK]
    is_nested_account = score_account(value) >= SCORE_GENERIC
    for path, _, elements in lists:
        if not is_nested_account or path[-1] in LIST_KEYS:
            return elements
    if keyed := keyed_accounts(value):
        return keyed
    if is_nested_account or lists:
        return None
    empty = [member for name, member in value.items() if name in LIST_KEYS and member == []]
    objects = [
        member
        for name in LIST_KEYS
        if isinstance(member := value.get(name), list) and any(isinstance(m, dict) for m in member)
    ]
    return (objects or empty or [None])[0]


def candidate_lists(
    value: Mapping[str, Any], path: tuple[str, ...] = ()
) -> list[tuple[tuple[str, ...], float, list[Any]]]:
    """The lists below ``value`` (not within lists): their paths, scores and elements, best first.

    A list of accounts with avatars goes before one of accounts without; then a name that is known
    for accounts, then the shallower, then the earlier one.
    """
    return sorted(_walk_lists(value, path), key=lambda each: _preference(each[0], each[1]))


def _walk_lists(
    value: Mapping[str, Any], path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], float, list[Any]]]:
    for name, member in value.items():
        if name in NEVER_ACCOUNTS or name in OTHER_OBJECTS:
            continue
        if isinstance(member, list):
            yield (*path, name), score_list(member), member
        elif isinstance(member, dict) and len(path) < MAX_DEPTH:
            yield from _walk_lists(member, (*path, name))


def _preference(path: tuple[str, ...], score: float) -> tuple[float, int, int]:
    known = min((LIST_KEYS.index(name) for name in path if name in LIST_KEYS), default=99)
    return -score, known, len(path)


SCORE_PROFILE: Final = 4.0
SCORE_GENERIC: Final = 3.0
SCORE_LINK: Final = 2.0
SCORE_ACCOUNT: Final = 1.0
_NESTING_DISCOUNT: Final = 0.125


def score_list(elements: Iterable[Any], depth: int = MAX_DEPTH) -> float:
    """How much the elements of a list look like accounts with avatars.

    ``depth``: of the lists within lists that are looked into.
    """
    first = islice(elements, _SCORED_ELEMENTS if depth else 0)
    return max((_score(each, depth - 1) for each in first), default=0.0)


def _score(value: Any, depth: int) -> float:
    if isinstance(value, str):
        return SCORE_LINK if is_url(value) else 0.0
    if isinstance(value, list):
        if any(isinstance(cell, str) and is_url(cell) for cell in value):
            return SCORE_LINK
        return score_list(value, depth) - _NESTING_DISCOUNT if value else 0.0
    if not isinstance(value, dict):
        return 0.0
    own = score_account(value)
    if own >= SCORE_GENERIC:
        return own
    lists = (
        score_list(member, depth) - _NESTING_DISCOUNT
        for name, member in value.items()
        if isinstance(member, list) and name not in NEVER_ACCOUNTS
    )
    return max(own, max(lists, default=0.0))


def score_account(value: Mapping[str, Any]) -> float:
    """How much an object looks like one account, or a row about one."""
    score = 0.0
    for name, member in flatten(value).items():
        picture = picture_name(name)
        if picture is not None and isinstance(member, str) and is_url(member):
            score = max(score, _SCORES[picture.kind])
        elif picture is not None and picture.kind is PictureKind.PROFILE:
            score = max(score, SCORE_LINK)
        elif score < SCORE_ACCOUNT and field_names(name):
            score = SCORE_ACCOUNT
    return score


_SCORES: Final = {
    PictureKind.PROFILE: SCORE_PROFILE,
    PictureKind.GENERIC: SCORE_GENERIC,
    PictureKind.LINK: SCORE_LINK,
}


def _has_own_picture(value: Mapping[str, Any]) -> bool:
    """Whether an object names, at its top, a picture of its own."""
    return any(
        isinstance(member, str) and _is_strong_picture_name(name) for name, member in value.items()
    )


@cached_by_name
def _is_strong_picture_name(name: str) -> bool:
    picture = picture_name(name)
    return picture is not None and picture.kind is not PictureKind.LINK


def keyed_accounts(value: Mapping[str, Any]) -> list[Any] | None:
    """The accounts of a map of accounts by id or name, each with its key; ``None`` for none.

    ``{"ada": {"avatar_url": …}}`` and ``{"ada": "https://…"}`` are; an object with nested members
    of known names (``author``, ``stats``) is an account itself.
    """
    if not is_keyed(value):
        return None
    return [keyed_account(key, member) for key, member in value.items() if is_entry(member)]


def is_keyed(value: Mapping[str, Any]) -> bool:
    """Whether a map holds accounts under their ids or names, or their avatars' URLs."""
    objects = [member for member in value.values() if isinstance(member, dict)]
    if objects:
        return (
            (len(objects) > 1 or len(value) == 1)
            and not any(
                _is_container_name(name) for name, m in value.items() if isinstance(m, dict)
            )
            and not any(isinstance(member, list) for member in value.values())
            and all(_is_keyed_account(each) for each in objects[:_SCORED_ELEMENTS])
        )
    texts = [member for member in value.values() if isinstance(member, str)]
    return (
        bool(texts)
        and not any(_is_known_name(name) for name in value)
        and all(member is None or isinstance(member, str) for member in value.values())
        and all(map(is_url, texts[:_SCORED_ELEMENTS]))
    )


def is_entry(member: Any) -> bool:
    """Whether a member of a map of accounts is one of them, and no count or cursor beside them."""
    return (
        member is None
        or isinstance(member, (dict, InvalidValue))
        or (isinstance(member, str) and is_url(member))
    )


def keyed_account(key: str, member: Any) -> Any:
    """An account with the name under which it stands in its map."""
    if isinstance(member, dict):
        return member if "key" in member else {**member, "key": key}
    if isinstance(member, str):
        return {"custom_id": key, "url": BareUrl(member)}
    return {"key": key} if member is None else member


def _is_keyed_account(value: Mapping[str, Any]) -> bool:
    return score_account(value) >= SCORE_LINK


@cached_by_name
def _is_container_name(name: str) -> bool:
    return name in _WRAPPERS or "".join(split_name(name)[0]) in ENTITIES or _is_known_name(name)


def _is_known_name(name: str) -> bool:
    """Whether a member's name is, as a whole, one that accounts have."""
    return picture_name(name) is not None or any(each.scope == () for each in field_names(name))
