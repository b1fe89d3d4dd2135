"""Columns of e-mail and IP addresses, phone numbers and secrets: kept only if asked for."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final

from app.lists.columns.linked import is_linked_name
from app.lists.columns.names import split_name
from app.lists.columns.table import ListRow, ListTable
from app.lists.columns.vocabulary import words
from app.lists.notes import ListNotes, quote_names

KEEP_OPTION: Final = "keep_columns"
"""The option that names columns to keep all the same."""

_PERSONAL_NAMES: Final = words(
    "email emails emailaddress mail mailaddress eposta ip ips ipaddress ipaddr ipv4 ipv6 "
    "lastip signupip currentsigninip lastsigninip phone phones phonenumber tel telephone "
    "mobile mobilephone mobilenumber whatsapp token accesstoken refreshtoken authtoken "
    "apikey secret clientsecret password passwordhash passwd pwd sessionid sessiontoken "
    "cookie cookies msisdn contactphonenumber publicemail publicphonenumber businessemail "
    "businessphone"
)
_PERSONAL_ENDINGS: Final = words(
    "email mail ip phone telephone mobile token password secret cookie phonenumber "
    "emailaddress ipaddress apikey"
)
_PERSONAL_CELL: Final = re.compile(
    r"[^@\s,;]+@[^@\s,;]+\.[A-Za-z]{2,}"  # e-mail
    r"|(?:\d{1,3}\.){3}\d{1,3}(?:[:/]\d+)?"  # IPv4
    r"|(?:[0-9A-Fa-f]{1,4}:){3,7}[0-9A-Fa-f:]{1,}"  # IPv6
    r"|\+\d[\d\s().-]{7,18}\d"  # international phone number
    r"|eyJ[\w-]{10,}\.[\w-]+\.[\w-]*"  # JSON web token
)
_MIN_SHARE: Final = 0.5


def is_personal_name(name: str) -> bool:
    """Whether a column is, by its name, one of personal data or secrets."""
    parts, _ = split_name(name)
    if "".join(parts) in _PERSONAL_NAMES:
        return True
    endings = ("".join(parts[n:]) for n in range(max(len(parts) - 2, 0), len(parts)))
    is_flag = bool(parts) and parts[0] in ("has", "is", "show", "verified", "confirmed")
    return not is_flag and any(ending in _PERSONAL_ENDINGS for ending in endings)


def personal_columns(
    names: Sequence[str],
    sample: Sequence[Sequence[str]],
    keep: Collection[str] = (),
) -> tuple[int, ...]:
    """The columns to leave out: by name, or because the cells of the first rows are such data.

    ``keep``: names that were asked for, in any case.
    """
    wanted = {name.strip().lower() for name in keep}
    found = []
    for index, name in enumerate(names):
        if name.strip().lower() in wanted or split_name(name)[0] == ("custom", "id"):
            continue
        if is_linked_name(name):  # `ada@server.example` is an account there
            continue
        if is_personal_name(name) or _holds_personal_cells(index, sample):
            found.append(index)
    return tuple(found)


def _holds_personal_cells(index: int, sample: Sequence[Sequence[str]]) -> bool:
    cells = [cell for row in sample if index < len(row) and (cell := row[index].strip())]
    matching = sum(_PERSONAL_CELL.fullmatch(cell) is not None for cell in cells)
    return bool(cells) and matching > _MIN_SHARE * len(cells)


def note_dropped(dropped: Sequence[str], notes: ListNotes) -> None:
    """Write down which personal columns are not kept, and how to keep them."""
    if dropped:
        notes.add(
            f"Not kept, as personal data or secrets: {quote_names(dropped)}; to keep one, name it "
            f"in `{KEEP_OPTION}`."
        )


def without_personal(
    table: ListTable, sample: Sequence[Sequence[str]], notes: ListNotes, keep: Collection[str]
) -> ListTable:
    """The table without columns of personal data; rows of another width lose their cells."""
    names = [name or shown for name, shown in zip(table.names, table.columns, strict=True)]
    dropped = personal_columns(names, sample, keep)
    if not dropped:
        return table
    note_dropped([table.columns[i] for i in dropped], notes)
    width = len(table.columns)
    wanted = [i for i in range(width) if i not in dropped]

    def project(row: ListRow) -> ListRow:
        cells = row.cells
        if row.defect is None and len(cells) > width and any(c.strip() for c in cells[width:]):
            count = f"has {len(cells)} cells where the list has {width} columns; quote such cells."
            return ListRow(row.line, (), count)
        if row.defect is not None:
            return ListRow(row.line, (), row.defect)
        return ListRow(row.line, [cells[i] if i < len(cells) else "" for i in wanted])

    return replace(
        table,
        names=tuple(table.names[i] for i in wanted),
        columns=tuple(table.columns[i] for i in wanted),
        rows=map(project, table.rows),
    )
