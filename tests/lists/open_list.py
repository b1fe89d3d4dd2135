"""How the tests open a list: bytes in, everything that comes of them out."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from app.errors import RequestError
from app.lists.reader import FollowerList, open_list
from app.records import Item

LISTS = Path(__file__).resolve().parents[2] / "fixtures" / "lists"
JPEG = b"\xff\xd8\xff\xe0 not decoded here"
PNG = b"\x89PNG\r\n\x1a\n not decoded here"


def open_bytes(
    data: bytes,
    *,
    name: str = "",
    media_type: str = "",
    max_items: int = 1000,
    max_bytes: int = 10_000_000,
    max_picture_bytes: int = 1000,
    keep_columns: Sequence[str] = (),
) -> FollowerList:
    """The list in ``data``."""
    return open_list(
        io.BytesIO(data),
        name=name,
        media_type=media_type,
        max_items=max_items,
        max_bytes=max_bytes,
        max_picture_bytes=max_picture_bytes,
        keep_columns=keep_columns,
    )


def read_items(data: bytes, **limits: int) -> list[Item]:
    """The items of the list in ``data``."""
    return list(open_bytes(data, **limits))  # type: ignore[arg-type]


def read_items_or_none(data: bytes) -> list[Item] | None:
    """The items, or ``None`` for a list that is refused, as a caller must be, in a sentence."""
    try:
        return read_items(data)
    except RequestError as refusal:
        if not refusal.detail.endswith("."):
            raise
        return None


def read_fixture(name: str) -> bytes:
    """A file of fixtures/lists."""
    return (LISTS / name).read_bytes()


def failure_codes(items: Iterable[Item]) -> list[str | None]:
    """What became of each item."""
    return [item.failure.code if item.failure else None for item in items]


def format_csv(rows: Iterable[Sequence[str]], delimiter: str = ",", line_end: str = "\n") -> bytes:
    """``rows`` as a spreadsheet writes them."""
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator=line_end).writerows(rows)
    return text.getvalue().encode()
