"""Rows → items: the columns' mapping says which cell is what; a wrong row stays and says why."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final

from app.errors import ListEmpty
from app.fetch.avatar_urls import resolve_avatar_url
from app.fetch.urls import MAX_URL_CHARS, is_url, url_defect
from app.lists import failures
from app.lists.archives.files import ArchiveFiles
from app.lists.columns.account_values import clean_id, clean_text, is_rounded_id, parse_count
from app.lists.columns.linked import LinkedReader
from app.lists.columns.mapping import ColumnMapping, map_columns
from app.lists.columns.mapping_notes import note_mapping
from app.lists.columns.table import ListRow, ListTable, take_sample
from app.lists.columns.vocabulary import COUNT_FIELDS
from app.lists.notes import ListNotes
from app.records import Failure, Item

CUSTOM_ID_MAX_CHARS: Final = 256
_SHOWN_CELL_CHARS: Final = 1000
_SPREADSHEET_MARKS: Final = ("=", "'")
_ROUNDED_NOTES: Final = (
    "1 id was rounded by a spreadsheet (such as 9.00E+17) and names no account any more; the "
    "username was taken where there is one. Export the ids as text.",
    "{n} ids were rounded by a spreadsheet (such as 9.00E+17) and name no account any more; the "
    "username was taken where there is one. Export the ids as text.",
)


@dataclass(frozen=True)
class ReadContext:
    """What a list is read with. ``keep``: personal columns that were asked for, by name."""

    notes: ListNotes
    keep: Collection[str] = ()
    files: ArchiveFiles | None = None


def build_items(table: ListTable, context: ReadContext) -> tuple[ColumnMapping, Iterator[Item]]:
    """The mapping and the items of ``table``; no more than a sample is read before the first item.

    Raises ``ListEmpty`` and ``NoAvatars`` at once; what its rows raise, later.
    """
    sample = take_sample(table.rows, ListRow.size_chars)
    if not sample:
        raise ListEmpty("There is no row in this list; send one row an account.")
    valid_rows = [row.cells for row in sample if row.defect is None]
    files = context.files

    def is_picture_cell(cell: str) -> bool:
        return is_url(clean_text(cell)) or (files is not None and files.has(cell))

    mapping = map_columns(table.names, valid_rows, is_picture_cell, table.how_to_ask)
    note_mapping(table, mapping, context.notes)
    return mapping, _iter_items(table, mapping, chain(sample, table.rows), context)


def _iter_items(
    table: ListTable, mapping: ColumnMapping, rows: Iterator[ListRow], context: ReadContext
) -> Iterator[Item]:
    width = len(table.names)
    kept_width = width if table.columns else 0
    read = _RowReader(mapping, context.notes)
    linked = LinkedReader(mapping.linked, context.notes) if mapping.linked else None
    for seq, (line, row, defect, smaller) in enumerate(rows):
        cells = row
        if defect is None and width and len(cells) != width:
            cells, defect = _fit_to_width(cells, width)
        if defect is not None:
            yield _defective_item(seq, line, cells, defect, kept_width)
            continue
        source, fallback, custom_id, account = read(cells)
        item = _build_item(
            seq, line, source, custom_id, tuple(cells) if kept_width else (), account
        )
        if item.failure is not None:
            item = _explain_failure(item, mapping, context.files)
        elif item.fallback_url is None and (smaller or fallback):
            item = _with_fallback(item, smaller or fallback)
        yield item if linked is None else linked.add_edges(item, cells)


class _RowReader:
    """What a row's cells say by the mapping: source, fallback, id and the account's fields.

    A million rows pass here: most cells need nothing undone, and no call.
    """

    def __init__(self, mapping: ColumnMapping, notes: ListNotes) -> None:
        self._pictures, self._custom_ids, self._notes = mapping.picture, mapping.custom_id, notes
        self._picture, self._has_several = mapping.picture[0], len(mapping.picture) > 1
        self._custom_id = mapping.custom_id[0] if mapping.custom_id else None
        self._fields = [(name, index, name in COUNT_FIELDS) for name, index in mapping.account]

    def __call__(self, cells: Sequence[str]) -> tuple[str, str, str | None, dict[str, str]]:
        source, fallback = cells[self._picture].strip(), ""
        if self._has_several or source[:1] in _SPREADSHEET_MARKS:
            source, fallback = _find_source(cells, self._pictures)
        custom_id = None
        if self._custom_id is not None:
            custom_id = cells[self._custom_id].strip()
            if not (custom_id.isdecimal() or custom_id.isidentifier()):
                custom_id = _find_custom_id(cells, self._custom_ids, self._notes)
        account: dict[str, str] = {}
        for name, index, is_count in self._fields:
            if value := cells[index].strip():
                if value[0] in _SPREADSHEET_MARKS or (is_count and not value.isdecimal()):
                    _clean_field(account, name, value)
                else:
                    account[name] = value
        return source, fallback, custom_id, account


def _explain_failure(item: Item, mapping: ColumnMapping, files: ArchiveFiles | None) -> Item:
    """A row without a URL: it may name a file of the archive, or an account without a picture."""
    if files is not None:
        item = _with_file_bytes(item, files)
    if item.failure is not None and mapping.names_avatars and not item.source:
        return replace(item, failure=failures.default_picture("This account shows no picture."))
    return item


def _find_source(cells: Sequence[str], columns: Sequence[int]) -> tuple[str, str]:
    """The first cell that is filled, and the next one that is a URL too."""
    source, fallback = "", ""
    last_index = len(cells) - 1
    for column in columns:
        cell = cells[column].strip() if column <= last_index else ""
        if not cell:
            continue
        if not source:
            source = clean_text(cell)
        elif cell != source and is_url(cell):
            if is_url(source):
                return source, cell
            source = cell
    return source, fallback


def _find_custom_id(cells: Sequence[str], columns: Sequence[int], notes: ListNotes) -> str | None:
    """The first cell that names the account; an id that a spreadsheet rounded names none."""
    last_index = len(cells) - 1
    for column in columns:
        if column > last_index or not (cell := cells[column].strip()):
            continue
        if cell.isdecimal() or cell.isidentifier():  # most ids: nothing to undo
            return cell
        if not (cell := clean_id(cell)):
            continue
        if not is_rounded_id(cell):
            return cell
        notes.tally(*_ROUNDED_NOTES)
    return None


def _clean_field(account: dict[str, str], name: str, value: str) -> None:
    """A field that a spreadsheet marked as a text, or a count that people wrote."""
    value = clean_text(value)
    if name not in COUNT_FIELDS:
        account[name] = value
    elif (count := parse_count(value)) is not None:
        account[name] = count


def _build_item(
    seq: int,
    line: int | None,
    source: str,
    custom_id: str | None,
    cells: tuple[str, ...],
    account: dict[str, str],
) -> Item:
    """A row whose picture is behind a URL; anything else fails."""
    defect, failure = url_defect(source), None
    if defect is not None:
        failure = failures.url_invalid(
            f"{_location(seq, line)} has no picture URL{f' to fetch. {defect}' if source else '.'}"
        )
    elif custom_id is not None and len(custom_id) > CUSTOM_ID_MAX_CHARS:
        failure = failures.row_invalid(
            f"{_location(seq, line)} has a name of more than {CUSTOM_ID_MAX_CHARS} characters."
        )
        custom_id = None
    if failure is not None:
        shown_source = source[:MAX_URL_CHARS]
        return Item(
            seq, shown_source, custom_id, line, failure=failure, cells=cells, account=account
        )
    url, fallback_url, content_id, is_default = resolve_avatar_url(source)
    if is_default:
        failure = failures.default_picture(
            f"{_location(seq, line)} leads to the platform's default picture."
        )
        return Item(seq, source, custom_id, line, failure=failure, cells=cells, account=account)
    return Item(
        seq, source, custom_id, line, url, fallback_url, content_id, None, None, cells, account
    )


def _with_fallback(item: Item, smaller: str) -> Item:
    """The item with a smaller variant of its picture to fall back to."""
    fallback = resolve_avatar_url(smaller)
    if fallback.is_default or smaller == item.url:
        return item
    return replace(item, fallback_url=fallback.fallback_url or fallback.url)


def _with_file_bytes(item: Item, files: ArchiveFiles) -> Item:
    """The item with the bytes of the file that it names, if it names one."""
    data = files.read(item.source)
    if data is None:
        return item
    if isinstance(data, Failure):
        return replace(item, failure=data)
    return replace(item, payload=data, failure=None)


def _defective_item(
    seq: int, line: int | None, cells: Sequence[str], defect: str, width: int
) -> Item:
    """A row that cannot be used: its cells are kept as far as there are columns for them."""
    shown_cells = tuple(cell[:_SHOWN_CELL_CHARS] for cell in cells)
    if len(shown_cells) > width:
        shown_cells = (
            (*shown_cells[: width - 1], ",".join(shown_cells[width - 1 :])) if width else ()
        )
    failure = failures.row_invalid(f"{_location(seq, line)} {defect}")
    return Item(seq, f"line {line}" if line else "", line=line, failure=failure, cells=shown_cells)


def _fit_to_width(cells: Sequence[str], width: int) -> tuple[Sequence[str], str | None]:
    """The cells as many as there are columns, or a defect if there are too many."""
    if len(cells) < width:
        return [*cells, *[""] * (width - len(cells))], None
    if not any(cell.strip() for cell in cells[width:]):
        return cells[:width], None
    return cells, f"has {len(cells)} cells where the list has {width} columns; quote such cells."


def _location(seq: int, line: int | None) -> str:
    return f"Item {seq + 1}" if line is None else f"Line {line}"
