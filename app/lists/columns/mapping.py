"""Which columns hold the avatar, the id and the facts of the account: by name, then by content."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.errors import NoAvatars
from app.fetch.avatar_urls import looks_like_picture
from app.fetch.urls import is_url
from app.lists.columns import names as column_names
from app.lists.columns.linked import linked_columns
from app.lists.columns.named import (
    NamedColumns,
    find_field,
    order_pictures,
    read_names,
    scope_of_picture,
)
from app.lists.columns.names import PictureKind, Words
from app.lists.columns.vocabulary import ACCOUNT_FIELDS, IDENTITY, KEY


@dataclass(frozen=True)
class ColumnMapping:
    """Indexes of columns. ``picture``: in the order in which they are tried, the largest first.

    ``custom_id``: the same, for the id. ``account``: by our names. ``others``: columns that also
    hold pictures' URLs and are not read. ``names_avatars``: the column is named as an avatar, so
    an empty cell means an account without one. ``linked``: columns that name linked accounts.
    """

    picture: tuple[int, ...]
    custom_id: tuple[int, ...]
    account: tuple[tuple[str, int], ...]
    others: tuple[int, ...] = ()
    names_avatars: bool = False
    linked: tuple[int, ...] = ()


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
    named = read_names(names)
    picture = _choose_pictures(named, names, filled_cells, picture_cell_counts)
    if not picture:
        raise NoAvatars(_refusal(names, named, filled_cells, how_to_ask))
    scope = scope_of_picture(named, named.pictures.get(picture[0]))
    account = tuple(
        (name, indexes[0])
        for name in ACCOUNT_FIELDS
        if (indexes := [i for i in find_field(named, name, scope) if i not in picture])
    )
    identity = [i for i in find_field(named, IDENTITY, scope) if i not in picture]
    has_names = any(names)
    custom_id = tuple(
        dict.fromkeys(
            [
                *(i for i in identity if filled_cells[i] or not sample),
                *(i for name, i in account if name == "username"),
                *(i for i, words in enumerate(named.words) if words == (KEY,)),
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
    linked = linked_columns(names)
    return ColumnMapping(picture, custom_id, account, others, names_avatars, linked)


def order_by_names(names: Sequence[str], kind: PictureKind | None = None) -> ColumnMapping:
    """What the columns mean by their names alone, for a row whose columns are its own.

    ``kind``: the surest kind of picture that the list has; columns of a lesser kind are left out.
    """
    named = read_names(names)
    kinds = {picture.kind for picture in named.pictures.values()}
    wanted = min(kinds, default=None) if kind is None else kind
    candidates = [i for i, picture in named.pictures.items() if picture.kind == wanted]
    picture = order_pictures(named, candidates)
    scope = scope_of_picture(named, named.pictures.get(picture[0]) if picture else None)
    account = tuple((name, i) for name in ACCOUNT_FIELDS for i in find_field(named, name, scope))
    custom_id = tuple(
        dict.fromkeys(
            [
                *find_field(named, IDENTITY, scope),
                *(i for name, i in account if name == "username"),
                *(i for i, words in enumerate(named.words) if words == (KEY,)),
            ]
        )
    )
    return ColumnMapping(picture, custom_id, account)


def account_scope(names: Sequence[str]) -> Words:
    """Under which prefix the account stands whose picture is among ``names``."""
    named = read_names(names)
    kinds = [p.kind for p in named.pictures.values()]
    if not kinds:
        return ()
    picture = order_pictures(named, [i for i, p in named.pictures.items() if p.kind == min(kinds)])
    return scope_of_picture(named, named.pictures[picture[0]]) if picture else ()


def _choose_pictures(
    named: NamedColumns,
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
            chosen = order_pictures(named, viable or empty)
            scope = named.pictures[chosen[0]].scope
            late = [i for i in empty if named.pictures[i].scope == scope]
            chosen = order_pictures(named, [*chosen, *late]) if viable else chosen
            return chosen[:1] if kind is PictureKind.LINK else chosen
    if named.is_post_list:
        return ()
    found = _find_picture_column(names, filled_cells, picture_cell_counts)
    return found or order_pictures(named, list(named.pictures))[:1]


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
    named: NamedColumns,
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
