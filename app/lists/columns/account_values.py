"""Ids and counts as spreadsheets, tools and people write them."""

from __future__ import annotations

import re
from typing import Final

_FORMULA_TEXT: Final = re.compile(r'=\s*"((?:[^"]|"")*)"')
_ROUNDED: Final = re.compile(r"[1-9](?:[.,]\d+)?[eE]\+?\d{2}")
_FLOAT_ID: Final = re.compile(r"(\d+)\.0+")
_TEXT_MARK: Final = re.compile(r"'(\d+)")
_COUNT: Final = re.compile(r"(?P<number>\d[\d.,'\u2019\s\u00a0\u202f]*)\s*(?P<unit>[^\W\d_]*)\.?")
_GROUPED: Final = re.compile(r"\d{1,3}([.,'\u2019\s\u00a0\u202f])\d{3}(?:\1\d{3})*")
_UNITS: Final = {
    "": 1,
    **dict.fromkeys(("k", "tsd", "tys", "mil", "тыс", "천"), 1_000),
    **dict.fromkeys(("万", "만", "萬"), 10_000),
    **dict.fromkeys(
        ("m", "mio", "mln", "mn", "million", "millionen", "millions", "млн"), 1_000_000
    ),
    **dict.fromkeys(("億", "亿", "억"), 100_000_000),
    **dict.fromkeys(("b", "bn", "mrd", "md", "milliarden", "billion", "млрд"), 1_000_000_000),
}
_COUNT_MAX_CHARS: Final = 40
_COUNT_MAX: Final = 10**11


def clean_text(cell: str) -> str:
    """A cell without the marks by which a spreadsheet was told that it is a text."""
    cell = cell.strip()
    if cell[:1] == "=" and (match := _FORMULA_TEXT.fullmatch(cell)):
        return match[1].replace('""', '"').strip()
    if cell[:1] == "'" and (match := _TEXT_MARK.fullmatch(cell)):
        return match[1]
    return cell


def clean_id(cell: str) -> str:
    """An id as the platform writes it: ``="901"``, ``'901`` and ``901.0`` are 901."""
    cell = clean_text(cell)
    if cell.endswith("0") and (match := _FLOAT_ID.fullmatch(cell)):
        return match[1]
    return cell


def is_rounded_id(cell: str) -> bool:
    """Whether a spreadsheet rounded this id (``9.00E+17``): other accounts have the same one."""
    return "+" in cell[-4:] and _ROUNDED.fullmatch(cell) is not None


def parse_count(cell: str) -> str | None:
    """A count in digits: "120,345", "45.2K", "1,2 Mio", "1500.0"; ``None`` if it is none."""
    if cell.isdecimal():
        return cell if cell.isascii() else str(int(cell))
    match = _COUNT.fullmatch(cell) if len(cell) <= _COUNT_MAX_CHARS else None
    if match is None or (factor := _UNITS.get(match["unit"].lower())) is None:
        return None
    number = _parse_number(match["number"].strip(), factor)
    return None if number is None or number > _COUNT_MAX else str(number)


def _parse_number(text: str, factor: int) -> int | None:
    """Digits with separators: groups of three are thousands, anything else is a fraction."""
    if factor == 1 and _GROUPED.fullmatch(text):
        return int(re.sub(r"\D", "", text))
    whole, separator, fraction = re.match(r"(.*?)(?:([.,])(\d*))?$", text).groups()  # type: ignore[union-attr]
    digits = re.sub(r"[.,'\u2019\s\u00a0\u202f]", "", whole)
    if not digits.isdecimal() or (separator and len(re.findall(r"[.,]", whole)) and factor != 1):
        return None
    return round(float(f"{digits}.{fraction or 0}") * factor)
