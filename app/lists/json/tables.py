"""JSON values → a table: objects under their members, arrays under their columns."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Final

from app.errors import ListEmpty, ListUnreadable, NoAvatars
from app.fetch.urls import is_url
from app.lists.columns import platforms
from app.lists.columns.linked import is_linked_name
from app.lists.columns.mapping import account_scope, map_columns
from app.lists.columns.names import PictureKind, field_names, is_column_name, picture_name
from app.lists.columns.table import (
    SAMPLE_MAX_CHARS,
    SAMPLE_ROWS,
    ListRow,
    ListTable,
    take_sample,
)
from app.lists.csv_reader import COLUMNS_MAX
from app.lists.json.accounts import flatten_accounts
from app.lists.json.flatten import BareUrl, FlatObject
from app.lists.json.rows import (
    ACCOUNT_COLUMNS,
    bounded_row,
    build_account_rows,
    build_own_rows,
    collect_columns,
    format_cell,
)
from app.lists.json.stream import (
    NODE_COST_CHARS,
    OPENING,
    InvalidValue,
    JsonEvent,
    build_value,
    skip_value,
)
from app.lists.notes import ListNotes, quote_names
from app.lists.personal_data import is_personal_name, note_dropped, personal_columns

Values = Iterator[tuple[int | None, Any]]

_LATE_SAMPLE_ROWS: Final = 2000
"""Rows that are read where none of the first names a picture: platforms leave empty ones out."""
_TRANSPOSED_MAX_BYTES: Final = 1 << 25
_CELL_COST_BYTES: Final = 60
_EXPORTS_WITHOUT_PICTURES: Final = frozenset({"x_archive", "instagram_export"})


def build_table(
    format_name: str, values: Values, notes: ListNotes, keep: Collection[str], found: str = ""
) -> ListTable:
    """The rows of ``values`` under the columns that the first of them name.

    ``keep``: personal columns that were asked for. ``found``: what the document holds, for a
    refusal. Raises ``ListEmpty`` and ``NoAvatars``.
    """
    objects = flatten_accounts(values)
    sample = _take_sample(objects)
    if not sample:
        raise ListEmpty("There is no row in this list; send one object an account.")
    flat = [each for _, each in sample if not isinstance(each, str)]
    names = collect_columns(flat)
    platform = platforms.detect_platform(flat)
    advice = platforms.how_to_ask(names)
    if platform in _EXPORTS_WITHOUT_PICTURES:
        raise NoAvatars(advice)
    kind = _surest_kind(flat)
    is_account_list = platform is not None or account_scope(names) != ()
    if kind is None and (is_account_list or advice or not _has_links(flat)):
        raise NoAvatars(_refusal(names, advice, found))
    rows = chain(sample, objects)
    if is_account_list:
        wanted = {name.lower() for name in keep}
        kept = tuple(n for n in names if n.lower() in wanted or is_linked_name(n))
        _note_members(names, kept, notes)
        columns = (*ACCOUNT_COLUMNS, *kept)
        return ListTable(
            platform or format_name, columns, columns, build_account_rows(rows, kind, kept), True
        )
    cells = [[format_cell(each.get(name)) for name in names] for each in flat[:SAMPLE_ROWS]]
    dropped = {names[i] for i in personal_columns(names, cells, keep)}
    note_dropped(sorted(dropped), notes)
    columns = tuple(name for name in names if name not in dropped)
    is_url_list = all(set(each) == {"url"} and isinstance(each["url"], BareUrl) for each in flat)
    map_columns(
        columns, [[row[names.index(n)] for n in columns] for row in cells], how_to_ask=advice
    )
    own_rows = build_own_rows(rows, columns)
    return ListTable(
        format_name, ("",) if is_url_list else columns, () if is_url_list else columns, own_rows
    )


def _take_sample(
    objects: Iterator[tuple[int | None, FlatObject | str]],
) -> list[tuple[int | None, FlatObject | str]]:
    """The first rows; more of them while none names an avatar."""
    sample = latest = take_sample(objects, _size_chars)
    total_chars = sum(map(_size_chars, sample))
    while latest and len(sample) < _LATE_SAMPLE_ROWS and total_chars < SAMPLE_MAX_CHARS:
        if any(map(_names_avatar, latest)):
            break
        latest = take_sample(objects, _size_chars)
        sample = [*sample, *latest]
        total_chars += sum(map(_size_chars, latest))
    return sample


def _names_avatar(row: tuple[int | None, FlatObject | str]) -> bool:
    names = row[1] if not isinstance(row[1], str) else ()
    return any(
        (picture := picture_name(name)) and picture.kind is PictureKind.PROFILE for name in names
    )


def _size_chars(row: tuple[int | None, FlatObject | str]) -> int:
    """What an object holds, for a sample."""
    each = row[1]
    if isinstance(each, str):
        return NODE_COST_CHARS
    texts = sum(len(value) for value in each.values() if isinstance(value, str))
    return texts + sum(map(len, each)) + NODE_COST_CHARS * len(each)


def _surest_kind(flat: Sequence[FlatObject]) -> PictureKind | None:
    """The surest kind of picture of which some row gives a URL; an empty avatar counts as one."""
    kinds: set[PictureKind] = set()
    is_empty_only = True
    for each in flat:
        for name, value in each.items():
            picture = picture_name(name)
            if picture is None:
                continue
            if isinstance(value, str) and is_url(value):
                kinds.add(picture.kind)
            elif picture.kind is PictureKind.PROFILE and value not in (None, ""):
                is_empty_only = False
    names_avatar = any(
        (picture := picture_name(name)) and picture.kind is PictureKind.PROFILE
        for each in flat
        for name in each
    )
    if PictureKind.PROFILE not in kinds and names_avatar and is_empty_only:
        return PictureKind.PROFILE
    return min(kinds, default=None)


def _has_links(flat: Sequence[FlatObject]) -> bool:
    """Whether some text is a URL, or stands where a picture's URL should."""
    return any(
        isinstance(value, str) and (is_url(value) or picture_name(name) is not None)
        for each in flat
        for name, value in each.items()
    ) or any(picture_name(name) is not None for each in flat for name in each)


def _refusal(names: Sequence[str], advice: str, found: str) -> str:
    place = f" (found: {found})" if found else ""
    members = quote_names(names) or "nothing"
    return (
        f"These accounts have no URLs of avatars{place}; each has {members}. Please "
        f"{advice or 'add the URL of each avatar as `avatar_url`. ' + JQ_HINT}"
    )


JQ_HINT: Final = (
    "If they stand elsewhere in the file, cut them out, for example: "
    "jq -c '.path.to.list[] | {custom_id: .id, url: .avatar_url}' list.json > accounts.ndjson ."
)


def _note_members(names: Sequence[str], kept: Sequence[str], notes: ListNotes) -> None:
    """Write down what is kept of accounts that have dozens of members."""
    others = f" and {quote_names(kept)}" if kept else ""
    notes.add(f"Kept of each account: {quote_names(ACCOUNT_COLUMNS)}{others}; nothing else.")
    note_dropped([name for name in names if is_personal_name(name) and name not in kept], notes)


def build_array_table(
    format_name: str,
    rows: Values,
    columns: Sequence[str],
    notes: ListNotes,
    keep: Collection[str],
) -> ListTable:
    """Rows that are arrays, under ``columns``, or under the first row if it names them."""
    first_rows = take_sample(rows, _array_size_chars)
    if not first_rows:
        raise ListEmpty("There is no row in this list; send one row an account.")
    first = first_rows[0][1]
    if not columns and isinstance(first, list) and _is_header(first):
        columns = tuple(format_cell(cell) for cell in first)
        del first_rows[0]
    width = len(columns) or max(len(row) for _, row in first_rows if isinstance(row, list))
    if width > COLUMNS_MAX:
        raise ListUnreadable(f"This list has {width} columns; send {COLUMNS_MAX} at most.")
    names = tuple(columns) or ("",) * width
    shown = tuple(columns) or tuple(f"column_{n + 1}" for n in range(width))
    cells = [[format_cell(c) for c in row] for _, row in first_rows if isinstance(row, list)]
    dropped = set(personal_columns(names, cells, keep))
    note_dropped([shown[i] for i in sorted(dropped)], notes)
    wanted = [i for i in range(width) if i not in dropped]
    return ListTable(
        format_name,
        tuple(names[i] for i in wanted),
        tuple(shown[i] for i in wanted),
        _array_rows(chain(first_rows, rows), wanted),
    )


def _array_size_chars(row: tuple[int | None, Any]) -> int:
    cells = row[1] if isinstance(row[1], list) else ()
    return sum(NODE_COST_CHARS + (len(c) if isinstance(c, str) else 0) for c in cells)


def _cell_bytes(value: Any) -> int:
    """About what a cell takes in memory."""
    if not isinstance(value, str):
        return _CELL_COST_BYTES
    return _CELL_COST_BYTES + len(value) * (1 if value.isascii() else 4)


def _is_header(row: Sequence[Any]) -> bool:
    texts = [cell for cell in row if isinstance(cell, str)]
    return (
        len(texts) == len(row) and not any(map(is_url, texts)) and any(map(is_column_name, texts))
    )


def _array_rows(rows: Iterable[tuple[int | None, Any]], wanted: Sequence[int]) -> Iterator[ListRow]:
    for line, row in rows:
        if not isinstance(row, list):
            defect = row.defect if isinstance(row, InvalidValue) else "is no array as others are."
            yield ListRow(line, (), defect)
        else:
            cells = [format_cell(row[i]) if i < len(row) else "" for i in wanted]
            yield bounded_row(line, cells)


def read_columns(stream: Iterator[JsonEvent], keep: Collection[str]) -> Values:
    """The rows of a document that holds columns (pandas' ``orient="columns"``, dicts of lists).

    They can be given only once all of it was read: what is not needed is passed over, and
    ``ListUnreadable`` says what to do about one that is too large.
    """
    keys: list[str] = []
    columns: dict[str, list[Any]] = {}
    cost_bytes = 0
    next(stream, None)
    for kind, name in stream:
        if kind == "end_map":
            break
        event = next(stream)
        is_known = picture_name(name) is not None or field_names(name) or is_linked_name(name)
        is_needed = is_known or name in keep
        if not is_needed or event[0] not in OPENING:
            skip_value(event, stream)
            continue
        is_map = event[0] == "start_map"
        cells: list[Any] = []
        for inner_kind, inner in stream:
            if inner_kind in ("end_map", "end_array"):
                break
            if is_map and len(cells) == len(keys):
                keys.append(inner)
            value = build_value(next(stream) if is_map else (inner_kind, inner), stream)
            cells.append(value)
            cost_bytes += _cell_bytes(value)
            if cost_bytes > _TRANSPOSED_MAX_BYTES:
                raise ListUnreadable(
                    "This JSON holds columns, and is too large to be turned into rows; write it "
                    'with pandas\' `to_json(orient="records", lines=True)`.'
                )
        columns[name] = cells
    has_identity = any(f.field == "id" for name in columns for f in field_names(name))
    for row in range(max(map(len, columns.values()), default=0)):
        values = {name: cells[row] if row < len(cells) else None for name, cells in columns.items()}
        if not has_identity and row < len(keys):
            values["key"] = keys[row]
        yield None, values
