"""Which columns hold the avatar, the id and the facts of the account: by name, then by content."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from app.errors import NoAvatars
from app.fetch.avatar_urls import is_url, looks_like_picture
from app.lists import column_names
from app.lists.column_names import (
    ACCOUNT_FIELDS,
    IDENTITY,
    FieldName,
    PictureKind,
    PictureName,
    Words,
)

SAMPLE_ROWS: Final = 100
"""Rows that are read before the columns are chosen."""


class ListRow(NamedTuple):
    """``cells`` under the list's columns. ``defect``: why it cannot be used, if it cannot.

    A defect is the end of a sentence that begins with "Line 7 " or "Item 7 ". ``fallback``: a
    smaller variant of the row's picture, where the reader chose among several itself.
    """

    line: int | None
    cells: Sequence[str]
    defect: str | None = None
    fallback: str = ""


@dataclass(frozen=True)
class ListTable:
    """``names``: of the columns, by which their meaning is found; empty where a list has none.

    ``columns``: the names under which a row's cells are kept and given back; empty where an item
    holds all of it anyway. ``is_platform_list``: rows are a platform's accounts, so an empty
    picture means that the account has none. ``how_to_ask``: what to send instead, for a refusal.
    """

    format: str
    names: tuple[str, ...]
    columns: tuple[str, ...]
    rows: Iterator[ListRow]
    is_platform_list: bool = False
    how_to_ask: str = ""


@dataclass(frozen=True)
class ColumnMapping:
    """Indexes of columns. ``picture``: in the order in which they are tried, the largest first.

    ``custom_id``: the same, for the id. ``account``: by our names. ``others``: columns that also
    hold pictures' URLs and are not read. ``names_avatars``: the column is named as an avatar, so
    an empty cell means an account without one.
    """

    picture: tuple[int, ...]
    custom_id: tuple[int, ...]
    account: tuple[tuple[str, int], ...]
    others: tuple[int, ...] = ()
    names_avatars: bool = False


@dataclass(frozen=True)
class _NamedColumns:
    """What the names alone say."""

    pictures: dict[int, PictureName]
    fields: dict[int, tuple[FieldName, ...]] = field(default_factory=dict)
    words: tuple[Words, ...] = ()
    stats: frozenset[int] = frozenset()
    is_post_list: bool = False


def _read_names(names: Sequence[str]) -> _NamedColumns:
    pictures = {i: p for i, name in enumerate(names) if (p := column_names.picture_name(name))}
    fields = {i: f for i, name in enumerate(names) if (f := column_names.field_names(name))}
    return _NamedColumns(
        pictures,
        fields,
        tuple(column_names.split_name(name)[0] for name in names),
        frozenset(i for i, name in enumerate(names) if column_names.is_stats_name(name)),
        any(map(column_names.is_post_sign, names)),
    )


def map_columns(
    names: Sequence[str],
    sample: Sequence[Sequence[str]],
    is_picture_cell: Callable[[str], bool] = is_url,
    how_to_ask: str = "",
) -> ColumnMapping:
    """What the columns mean; raises ``NoAvatars`` if none of them leads to pictures.

    ``sample``: the first rows. ``is_picture_cell``: whether a cell leads to a picture (a URL; in an
    archive, the name of a file in it).
    """
    width = max([len(names), *map(len, sample)], default=0)
    filled_cells = [
        [row[i] for row in sample if i < len(row) and row[i].strip()] for i in range(width)
    ]
    picture_cell_counts = [sum(map(is_picture_cell, cells)) for cells in filled_cells]
    named = _read_names(names)
    picture = _choose_pictures(named, names, filled_cells, picture_cell_counts)
    if not picture:
        raise NoAvatars(_refusal(names, named, filled_cells, how_to_ask))
    scope = _account_scope(named, named.pictures.get(picture[0]))
    account = tuple(
        (name, indexes[0])
        for name in ACCOUNT_FIELDS
        if (indexes := [i for i in _find_field(named, name, scope) if i not in picture])
    )
    identity = [i for i in _find_field(named, IDENTITY, scope) if i not in picture]
    has_names = any(names)
    custom_id = tuple(
        dict.fromkeys(
            [
                *(i for i in identity if filled_cells[i] or not sample),
                *(i for name, i in account if name == "username"),
                *(i for i, words in enumerate(named.words) if words == (column_names.KEY,)),
            ]
        )
    )
    if not custom_id and not has_names:
        custom_id = _find_distinct_column(filled_cells, picture, len(sample))
    others = tuple(
        i
        for i, count in enumerate(picture_cell_counts)
        if count and i not in picture and (i in named.pictures or _mostly_pictures(filled_cells[i]))
    )
    first = named.pictures.get(picture[0])
    names_avatars = first is not None and first.kind is PictureKind.PROFILE
    return ColumnMapping(picture, custom_id, account, others, names_avatars)


def order_by_names(names: Sequence[str], kind: PictureKind | None = None) -> ColumnMapping:
    """What the columns mean by their names alone, for a row whose columns are its own.

    ``kind``: the surest kind of picture that the list has; columns of a lesser kind are left out.
    """
    named = _read_names(names)
    kinds = {picture.kind for picture in named.pictures.values()}
    wanted = min(kinds, default=None) if kind is None else kind
    candidates = [i for i, picture in named.pictures.items() if picture.kind == wanted]
    picture = _order_pictures(named, candidates)
    scope = _account_scope(named, named.pictures.get(picture[0]) if picture else None)
    account = tuple((name, i) for name in ACCOUNT_FIELDS for i in _find_field(named, name, scope))
    custom_id = tuple(
        dict.fromkeys(
            [
                *_find_field(named, IDENTITY, scope),
                *(i for name, i in account if name == "username"),
                *(i for i, words in enumerate(named.words) if words == (column_names.KEY,)),
            ]
        )
    )
    return ColumnMapping(picture, custom_id, account)


def picture_kind(names: Sequence[str]) -> PictureKind | None:
    """The surest kind of picture among columns of these names."""
    found = [p.kind for name in names if (p := column_names.picture_name(name))]
    return min(found, default=None)


def account_scope(names: Sequence[str]) -> Words:
    """Under which prefix the account stands whose picture is among ``names``."""
    named = _read_names(names)
    kinds = [p.kind for p in named.pictures.values()]
    if not kinds:
        return ()
    picture = _order_pictures(named, [i for i, p in named.pictures.items() if p.kind == min(kinds)])
    return _account_scope(named, named.pictures[picture[0]]) if picture else ()


def _choose_pictures(
    named: _NamedColumns,
    names: Sequence[str],
    filled_cells: Sequence[Sequence[str]],
    picture_cell_counts: Sequence[int],
) -> tuple[int, ...]:
    """The columns of the surest kind that can hold pictures: of one account, the largest first.

    A column named as an avatar stays a candidate while its cells are empty; only cells that are
    filled with something else rule it out. In a list of posts, nothing but an avatar will do.
    """
    for kind in PictureKind:
        if kind is not PictureKind.PROFILE and named.is_post_list:
            break
        of_kind = [i for i, picture in named.pictures.items() if picture.kind == kind]
        viable = [i for i in of_kind if picture_cell_counts[i]]
        empty = [i for i in of_kind if not filled_cells[i]]
        if viable or (empty and kind is PictureKind.PROFILE):
            chosen = _order_pictures(named, viable or empty)
            scope = named.pictures[chosen[0]].scope
            late = [i for i in empty if named.pictures[i].scope == scope]
            chosen = _order_pictures(named, [*chosen, *late]) if viable else chosen
            return chosen[:1] if kind is PictureKind.LINK else chosen
    if named.is_post_list:
        return ()
    found = _find_picture_column(names, filled_cells, picture_cell_counts)
    return found or _order_pictures(named, list(named.pictures))[:1]


def _order_pictures(named: _NamedColumns, candidates: Sequence[int]) -> tuple[int, ...]:
    """Those of the account that the row is about (the least nested one), the largest first."""
    unique = list(dict.fromkeys(candidates))
    if not unique:
        return ()
    pictures = named.pictures
    first = min(unique, key=lambda i: (len(pictures[i].scope), i))
    scope = pictures[first].scope
    own = [i for i in unique if pictures[i].scope == scope]
    return tuple(sorted(own, key=lambda i: (pictures[i].kind, -pictures[i].size_px, i)))


def _account_scope(named: _NamedColumns, picture: PictureName | None) -> Words:
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
        is_entity = scope[-1] in column_names.ENTITIES and is_nested_entity
        if has_identity or is_entity or scope in named.words:
            return scope
        scope = scope[:-1]
    return scope


def _find_field(named: _NamedColumns, name: str, scope: Words) -> list[int]:
    """The columns that hold a field of the account under ``scope``, the most telling first."""
    ranked = sorted(
        (reading.rank, i)
        for i, readings in named.fields.items()
        for reading in readings
        if reading.field == name
        and reading.scope == scope
        and not (named.is_post_list and not scope and _is_of_the_post(name, named.words[i]))
    )
    indexes = [i for _, i in ranked]
    if scope and name == "username":
        indexes += [i for i, words in enumerate(named.words) if words == scope]
    if scope and name in column_names.COUNT_FIELDS and not indexes:
        indexes = [
            i
            for i in sorted(named.stats)
            if any(reading.field == name for reading in named.fields.get(i, ()))
        ]
    if not scope and name == IDENTITY and named.is_post_list and not indexes:
        indexes = [i for i, f in named.fields.items() if any(r.field == IDENTITY for r in f)][:1]
        username = any(r.field == "username" for f in named.fields.values() for r in f)
        indexes = [] if username else indexes
    return list(dict.fromkeys(indexes))


def _is_of_the_post(name: str, words: Words) -> bool:
    """Whether a column at the top of a list of posts is the post's: its id, its date."""
    joined = "".join(words)
    if name == "created_at":
        return joined in column_names.POST_ONLY_DATES
    return name == IDENTITY and joined in ("id", "idstr", "pk", "uid")


def _find_picture_column(
    names: Sequence[str],
    filled_cells: Sequence[Sequence[str]],
    picture_cell_counts: Sequence[int],
) -> tuple[int, ...]:
    """The column with most picture-like URLs, if URLs are what it mostly holds."""
    candidates = [
        i
        for i, n in enumerate(picture_cell_counts)
        if n
        and 2 * n >= len(filled_cells[i])
        and not (i < len(names) and column_names.names_other_picture(names[i]))
    ]
    scores = {
        i: (sum(map(looks_like_picture, filled_cells[i])), picture_cell_counts[i], -i)
        for i in candidates
    }
    return (max(candidates, key=scores.__getitem__),) if candidates else ()


def _find_distinct_column(
    filled_cells: Sequence[Sequence[str]], picture: Sequence[int], row_count: int
) -> tuple[int, ...]:
    """In a list without names: the first column that tells all rows of the sample apart."""
    distinct = (
        i
        for i, cells in enumerate(filled_cells)
        if i not in picture and cells and len(cells) == row_count == len(set(cells))
    )
    return tuple(distinct)[:1]


def _mostly_pictures(cells: Sequence[str]) -> bool:
    return 2 * sum(map(looks_like_picture, cells)) > len(cells)


def _refusal(
    names: Sequence[str],
    named: _NamedColumns,
    filled_cells: Sequence[Sequence[str]],
    how_to_ask: str,
) -> str:
    """What was found, and what to send instead."""
    shown = [f"`{name[:40]}`" for name in names if name][:12]
    found = f"the columns {', '.join(shown)}" if shown else f"{len(filled_cells)} unnamed columns"
    if named.is_post_list:
        reason = "These rows are posts, and no column holds the avatars of their authors"
    else:
        reason = "No column of this list holds URLs of avatars"
    advice = how_to_ask or "add a column `avatar_url` with the URL of each account's avatar."
    return f"{reason} (found: {found}); {advice}"
