"""How the tests open a list: bytes in, everything that comes of them out."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from app.errors import AvatarError
from app.lists.reader import FollowerList, open_list
from app.records import Item

LISTS = Path(__file__).resolve().parents[2] / "fixtures" / "lists"
JPEG = b"\xff\xd8\xff\xe0 not decoded here"
PNG = b"\x89PNG\r\n\x1a\n not decoded here"


def opened(
    data: bytes,
    *,
    name: str = "",
    media_type: str = "",
    max_items: int = 1000,
    max_bytes: int = 10_000_000,
    max_picture_bytes: int = 1000,
) -> FollowerList:
    """The list in ``data``."""
    return open_list(
        io.BytesIO(data),
        name=name,
        media_type=media_type,
        max_items=max_items,
        max_bytes=max_bytes,
        max_picture_bytes=max_picture_bytes,
    )


def items(data: bytes, **limits: int) -> list[Item]:
    """The items of the list in ``data``."""
    return list(opened(data, **limits))  # type: ignore[arg-type]


def items_or_none(data: bytes) -> list[Item] | None:
    """The items, or ``None`` for a list that is refused, as a caller must be, in a sentence."""
    try:
        return items(data)
    except AvatarError as refusal:
        if not refusal.detail.endswith("."):
            raise
        return None


def fixture(name: str) -> bytes:
    """A file of fixtures/lists."""
    return (LISTS / name).read_bytes()


def codes(found: Iterable[Item]) -> list[str | None]:
    """What became of each item."""
    return [item.failure.code if item.failure else None for item in found]


def delimited(rows: Iterable[Sequence[str]], sign: str = ",", end: str = "\n") -> bytes:
    """``rows`` as a spreadsheet writes them."""
    text = io.StringIO()
    csv.writer(text, delimiter=sign, lineterminator=end).writerows(rows)
    return text.getvalue().encode()
