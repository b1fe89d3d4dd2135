"""What columns are by their names alone, and which of them belong to one account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from app.lists.columns import names as column_names
from app.lists.columns.names import FieldName, PictureName, Words
from app.lists.columns.vocabulary import COUNT_FIELDS, ENTITIES, IDENTITY, POST_IDS, POST_ONLY_DATES

_PLAIN_IDS: Final = frozenset({"id", "idstr", "pk", "uid"})


@dataclass(frozen=True)
class NamedColumns:
    """What the names alone say."""

    pictures: dict[int, PictureName]
    fields: dict[int, tuple[FieldName, ...]] = field(default_factory=dict)
    words: tuple[Words, ...] = ()
    stats: frozenset[int] = frozenset()
    is_post_list: bool = False


def read_names(names: Sequence[str]) -> NamedColumns:
    """What each column may be by its name."""
    pictures = {i: p for i, name in enumerate(names) if (p := column_names.picture_name(name))}
    fields = {i: f for i, name in enumerate(names) if (f := column_names.field_names(name))}
    return NamedColumns(
        pictures,
        fields,
        tuple(column_names.split_name(name)[0] for name in names),
        frozenset(i for i, name in enumerate(names) if column_names.is_stats_name(name)),
        any(map(column_names.is_post_sign, names)),
    )


def order_pictures(named: NamedColumns, candidates: Sequence[int]) -> tuple[int, ...]:
    """Those of the account that the row is about (the least nested one), the largest first."""
    unique = list(dict.fromkeys(candidates))
    if not unique:
        return ()
    pictures = named.pictures
    first = min(unique, key=lambda i: (len(pictures[i].scope), i))
    scope = pictures[first].scope
    own = [i for i in unique if pictures[i].scope == scope]
    return tuple(sorted(own, key=lambda i: (pictures[i].kind, -pictures[i].size_px, i)))


def scope_of_picture(named: NamedColumns, picture: PictureName | None) -> Words:
    """Whose id and facts belong to ``picture``: its prefix's, or of the object that holds both.

    A prefix under which neither an id nor a name stands holds pictures only, and the account is
    what holds it; unless the prefix names an account.
    """
    scope = picture.scope if picture is not None else ()
    while scope:
        has_identity = any(
            reading.scope == scope and reading.field in (IDENTITY, "username")
            for readings in named.fields.values()
            for reading in readings
        )
        is_nested_entity = picture is not None and picture.depth > 0
        is_entity = scope[-1] in ENTITIES and is_nested_entity
        if has_identity or is_entity or scope in named.words:
            return scope
        scope = scope[:-1]
    return scope


def find_field(named: NamedColumns, name: str, scope: Words) -> list[int]:
    """The columns that hold a field of the account under ``scope``, the most telling first."""
    ranked = sorted(
        (reading.rank, i)
        for i, readings in named.fields.items()
        for reading in readings
        if reading.field == name
        and reading.scope == scope
        and not (named.is_post_list and not scope and _is_of_the_post(named, name, i))
    )
    indexes = [i for _, i in ranked]
    if scope and name == "username":
        indexes += [i for i, words in enumerate(named.words) if words == scope]
    if scope and name in COUNT_FIELDS and not indexes:
        indexes = [
            i
            for i in sorted(named.stats)
            if any(reading.field == name for reading in named.fields.get(i, ()))
        ]
    if not scope and name == IDENTITY and named.is_post_list and not indexes:
        indexes = _last_resort_ids(named)
    return list(dict.fromkeys(indexes))


def _is_of_the_post(named: NamedColumns, name: str, index: int) -> bool:
    """Whether a column at the top of a list of posts is the post's: its id, its date.

    A plain ``id`` is the account's where another column names the post's id.
    """
    joined = "".join(named.words[index])
    if name == "created_at":
        return joined in POST_ONLY_DATES
    names_post_id = any("".join(words) in POST_IDS for words in named.words)
    return name == IDENTITY and joined in _PLAIN_IDS and not names_post_id


def _last_resort_ids(named: NamedColumns) -> list[int]:
    """In a list of posts without any name of their authors: the posts' ids tell rows apart."""
    if any(r.field == "username" for readings in named.fields.values() for r in readings):
        return []
    ids = [i for i, f in named.fields.items() if any(r.field == IDENTITY for r in f)]
    return sorted(ids, key=lambda i: "".join(named.words[i]) not in _PLAIN_IDS)[:1]
