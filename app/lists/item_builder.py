"""Rows → items: the plan says which cell is what; a row that is wrong stays, and says why."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from typing import Final, Protocol

from app.errors import ListEmpty
from app.fetch import avatar_urls
from app.fetch.urls import MAX_URL_CHARS
from app.lists import failures
from app.lists.columns import (
    COUNT_FIELDS,
    SAMPLE_ROWS,
    ColumnMapping,
    ListRow,
    ListTable,
    map_columns,
)
from app.records import Failure, Item

CUSTOM_ID_MAX_CHARS: Final = 256
_SHOWN_CELL_CHARS: Final = 1000


class FileLookup(Protocol):
    """The files of the archive that a list came in."""

    def has(self, cell: str) -> bool:
        """Whether a cell names one of them."""

    def read(self, cell: str) -> bytes | Failure | None:
        """Its bytes, or why they cannot be had; ``None`` if it names none."""


def build_items(table: ListTable, files: FileLookup | None = None) -> Iterator[Item]:
    """The items of ``table``, without reading more of it than a sample before the first.

    ``files``: the files of the archive that the list came in. Raises ``ListEmpty`` and
    ``NoAvatars`` at once; what its rows raise, later.
    """
    sample = list(islice(table.rows, SAMPLE_ROWS))
    if not sample:
        raise ListEmpty("There is no row in this list; send one row an account.")
    valid_rows = [row.cells for row in sample if row.defect is None]
    mapping = map_columns(table.names, valid_rows, _picture_cell_test(files))
    return _iter_items(table, mapping, chain(sample, table.rows), files)


def _picture_cell_test(files: FileLookup | None) -> Callable[[str], bool]:
    if files is None:
        return avatar_urls.is_url
    return lambda cell: avatar_urls.is_url(cell) or files.has(cell)


def _iter_items(
    table: ListTable, mapping: ColumnMapping, rows: Iterator[ListRow], files: FileLookup | None
) -> Iterator[Item]:
    width = len(table.names)
    first_column, *fallback_columns = mapping.picture
    custom_id_column, account_columns = mapping.custom_id, mapping.account
    keep_cells = bool(table.columns)
    for seq, (line, row, defect) in enumerate(rows):
        cells = row
        if defect is None and width and len(cells) != width:
            cells, defect = _fit_to_width(cells, width)
        if defect is not None:
            yield _defective_item(seq, line, cells, defect, width if keep_cells else 0)
            continue
        last_index = len(cells) - 1
        source = cells[first_column].strip() if first_column <= last_index else ""
        for column in fallback_columns:
            source = source or cells[column].strip()
        custom_id = None
        if custom_id_column is not None and custom_id_column <= last_index:
            custom_id = cells[custom_id_column].strip() or None
        account = {
            name: value
            for name, index in account_columns
            if index <= last_index
            and (value := cells[index].strip())
            and (name not in COUNT_FIELDS or value.isdecimal())
        }
        item = _build_item(
            seq, line, source, custom_id, tuple(cells) if keep_cells else (), account
        )
        if item.failure is not None and files is not None:
            item = _with_file_bytes(item, files)
        if item.failure is not None and table.is_platform_list and not source:
            item = _with_failure(item, failures.default_picture("This account shows no picture."))
        yield item


def _build_item(
    seq: int,
    line: int | None,
    source: str,
    custom_id: str | None,
    cells: tuple[str, ...],
    account: dict[str, str],
) -> Item:
    """A row whose picture is behind a URL; anything else fails."""
    defect, failure = avatar_urls.url_defect(source), None
    if defect is not None:
        failure = failures.url_invalid(
            f"{_location(seq, line)} {_missing_url_defect(source) or defect}"
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
    url, fallback_url, content_id, is_default = avatar_urls.resolve_avatar_url(source)
    if is_default:
        failure = failures.default_picture(
            f"{_location(seq, line)} leads to what the platform shows for accounts without a "
            f"picture."
        )
        return Item(seq, source, custom_id, line, failure=failure, cells=cells, account=account)
    return Item(
        seq, source, custom_id, line, url, fallback_url, content_id, None, None, cells, account
    )


def _with_file_bytes(item: Item, files: FileLookup) -> Item:
    """The item with the bytes of the file that it names, if it names one."""
    data = files.read(item.source)
    if data is None:
        return item
    if isinstance(data, Failure):
        return _with_failure(item, data)
    return Item(
        item.seq,
        item.source,
        item.custom_id,
        item.line,
        payload=data,
        cells=item.cells,
        account=item.account,
    )


def _with_failure(item: Item, failure: Failure) -> Item:
    return Item(
        item.seq,
        item.source,
        item.custom_id,
        item.line,
        failure=failure,
        cells=item.cells,
        account=item.account,
    )


def _defective_item(
    seq: int, line: int | None, cells: Sequence[str], defect: str, width: int
) -> Item:
    """A row that is none: its cells are kept as far as there are columns for them."""
    shown_cells = tuple(cell[:_SHOWN_CELL_CHARS] for cell in cells)
    if len(shown_cells) > width:
        shown_cells = (
            (*shown_cells[: width - 1], ",".join(shown_cells[width - 1 :])) if width else ()
        )
    failure = failures.row_invalid(f"{_location(seq, line)} {defect}")
    return Item(seq, f"line {line}" if line else "", line=line, failure=failure, cells=shown_cells)


def _fit_to_width(cells: Sequence[str], width: int) -> tuple[Sequence[str], str | None]:
    """The cells as many as there are columns, or a complaint about too many."""
    if len(cells) < width:
        return [*cells, *[""] * (width - len(cells))], None
    if not any(cell.strip() for cell in cells[width:]):
        return cells[:width], None
    return cells, f"has {len(cells)} cells where the list has {width} columns; quote such cells."


def _location(seq: int, line: int | None) -> str:
    return f"Item {seq + 1}" if line is None else f"Line {line}"


def _missing_url_defect(source: str) -> str | None:
    return None if source else "has nothing where the picture's URL should be."
