"""Rows → items: the plan says which cell is what; a row that is wrong stays, and says why."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from typing import Final, Protocol

from app.errors import ListEmpty
from app.fetch import avatar_urls
from app.lists import failures
from app.lists.columns import COUNTS, SAMPLE_ROWS, Plan, Row, Table, plan
from app.records import Failure, Item

CUSTOM_ID_MAX_CHARS: Final = 256
_SHOWN_CHARS: Final = 1000


class Files(Protocol):
    """The files of the archive that a list came in."""

    def has(self, cell: str) -> bool:
        """Whether a cell names one of them."""

    def read(self, cell: str) -> bytes | Failure | None:
        """Its bytes, or why they cannot be had; ``None`` if it names none."""


def items(table: Table, files: Files | None = None) -> Iterator[Item]:
    """The items of ``table``, without reading more of it than a sample before the first.

    ``files``: the files of the archive that the list came in. Raises ``ListEmpty`` and
    ``NoAvatars`` at once; what its rows raise, later.
    """
    sample = list(islice(table.rows, SAMPLE_ROWS))
    if not sample:
        raise ListEmpty("There is no row in this list; send one row an account.")
    good = [row.cells for row in sample if row.complaint is None]
    found = plan(table.names, good, _points(files))
    return _made(table, found, chain(sample, table.rows), files)


def _points(files: Files | None) -> Callable[[str], bool]:
    if files is None:
        return avatar_urls.is_url
    return lambda cell: avatar_urls.is_url(cell) or files.has(cell)


def _made(table: Table, found: Plan, rows: Iterator[Row], files: Files | None) -> Iterator[Item]:
    width = len(table.names)
    first, *others = found.picture
    custom_id_at, account_at = found.custom_id, found.account
    keeps = bool(table.columns)
    for seq, (line, row, wrong) in enumerate(rows):
        cells = row
        if wrong is None and width and len(cells) != width:
            cells, wrong = _fitted(cells, width)
        if wrong is not None:
            yield _complained(seq, line, cells, wrong, width if keeps else 0)
            continue
        last = len(cells) - 1
        source = cells[first].strip() if first <= last else ""
        for other in others:
            source = source or cells[other].strip()
        custom_id = None
        if custom_id_at is not None and custom_id_at <= last:
            custom_id = cells[custom_id_at].strip() or None
        account = {
            name: said
            for name, index in account_at
            if index <= last
            and (said := cells[index].strip())
            and (name not in COUNTS or said.isdecimal())
        }
        item = _item(seq, line, source, custom_id, tuple(cells) if keeps else (), account)
        if item.failure is not None and files is not None:
            item = _from_file(item, files)
        if item.failure is not None and table.of_accounts and not source:
            item = _failed(item, failures.default_picture("This account shows no picture."))
        yield item


def _item(
    seq: int,
    line: int | None,
    source: str,
    custom_id: str | None,
    cells: tuple[str, ...],
    account: dict[str, str],
) -> Item:
    """A row whose picture is behind a URL; anything else fails."""
    wrong, failure = avatar_urls.complaint(source), None
    if wrong is not None:
        failure = failures.url_invalid(f"{_where(seq, line)} {_lacking(source) or wrong}")
    elif custom_id is not None and len(custom_id) > CUSTOM_ID_MAX_CHARS:
        failure = failures.row_invalid(
            f"{_where(seq, line)} has a name of more than {CUSTOM_ID_MAX_CHARS} characters."
        )
        custom_id = None
    if failure is not None:
        shown = source[: avatar_urls.URL_MAX_CHARS]
        return Item(seq, shown, custom_id, line, failure=failure, cells=cells, account=account)
    url, fallback_url, content_id, nobody = avatar_urls.find(source)
    if nobody:
        failure = failures.default_picture(
            f"{_where(seq, line)} leads to what the platform shows for accounts without a picture."
        )
        return Item(seq, source, custom_id, line, failure=failure, cells=cells, account=account)
    return Item(
        seq, source, custom_id, line, url, fallback_url, content_id, None, None, cells, account
    )


def _from_file(item: Item, files: Files) -> Item:
    """The item with the bytes of the file that it names, if it names one."""
    data = files.read(item.source)
    if data is None:
        return item
    if isinstance(data, Failure):
        return _failed(item, data)
    return Item(
        item.seq,
        item.source,
        item.custom_id,
        item.line,
        payload=data,
        cells=item.cells,
        account=item.account,
    )


def _failed(item: Item, failure: Failure) -> Item:
    return Item(
        item.seq,
        item.source,
        item.custom_id,
        item.line,
        failure=failure,
        cells=item.cells,
        account=item.account,
    )


def _complained(seq: int, line: int | None, cells: Sequence[str], wrong: str, width: int) -> Item:
    """A row that is none: its cells are kept as far as there are columns for them."""
    kept = tuple(cell[:_SHOWN_CHARS] for cell in cells)
    if len(kept) > width:
        kept = (*kept[: width - 1], ",".join(kept[width - 1 :])) if width else ()
    failure = failures.row_invalid(f"{_where(seq, line)} {wrong}")
    return Item(seq, f"line {line}" if line else "", line=line, failure=failure, cells=kept)


def _fitted(cells: Sequence[str], width: int) -> tuple[Sequence[str], str | None]:
    """The cells as many as there are columns, or a complaint about too many."""
    if len(cells) < width:
        return [*cells, *[""] * (width - len(cells))], None
    if not any(cell.strip() for cell in cells[width:]):
        return cells[:width], None
    return cells, f"has {len(cells)} cells where the list has {width} columns; quote such cells."


def _where(seq: int, line: int | None) -> str:
    return f"Item {seq + 1}" if line is None else f"Line {line}"


def _lacking(source: str) -> str | None:
    return None if source else "has nothing where the picture's URL should be."
