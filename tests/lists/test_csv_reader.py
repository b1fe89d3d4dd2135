"""Delimited text: signs, headers, quotation marks that are where they should not be."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.batches import export
from app.lists import csv_reader
from app.lists.csv_reader import RECORD_MAX_CHARS
from app.records import Failure, Result
from tests.lists.opening import codes, delimited, items, opened

URL = "https://example.org/{}.jpg"


@pytest.mark.parametrize(
    ("text", "columns", "sources"),
    [
        ("url\nhttps://example.org/1.jpg", ("url",), [1]),
        ("Avatar URL;Name\nhttps://example.org/1.jpg;Ada, B", ("Avatar URL", "Name"), [1]),
        ("profile-image-url,name\nhttps://example.org/1.jpg,A", ("profile-image-url", "name"), [1]),
        # The picture, not the link beside it.
        ("url,avatar\nhttps://example.org/home,https://example.org/1.jpg", ("url", "avatar"), [1]),
        # No name that is known: what the cells hold decides.
        ("Konto,Bild\nada,https://example.org/1.jpg", ("Konto", "Bild"), [1]),
        (
            "a,b,c\nada,https://example.org/home,https://example.org/1.jpg\n"
            "ben,https://example.org/home,https://example.org/2.jpg",
            ("a", "b", "c"),
            [1, 2],
        ),
        # A name that is known, over cells that are no URLs, gives way.
        ("image,x\nyes,https://example.org/1.jpg", ("image", "x"), [1]),
        ("ada,https://example.org/1.jpg", ("column_1", "column_2"), [1]),
        ("https://example.org/1.jpg\tada", ("column_1", "column_2"), [1]),
        ('"https://example.org/1.jpg"\nhttps://example.org/2.jpg', (), [1, 2]),
    ],
)
def test_columns_are_found(text: str, columns: tuple[str, ...], sources: list[int]) -> None:
    found = opened(text.encode())
    assert found.columns == columns
    assert [item.source for item in found] == [URL.format(n) for n in sources]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("custom_id,id,url\na,1,{}", "a"),
        ("username,id,url\nada,1,{}", "1"),
        ("name,screen_name,url\nAda,ada,{}", "ada"),
        ("username,url\nada,{}", "ada"),
        ("Konto,url\nada,{}", None),
        ("ada,{}", "ada"),
        ("{},ada", "ada"),
        ("x,{}\nx,{}", None),
    ],
)
def test_what_a_row_is_known_by(text: str, expected: str | None) -> None:
    first = items(text.format(URL.format(1), URL.format(2)).encode())[0]
    assert first.custom_id == expected


def test_counts_that_are_none_are_not_taken_for_counts() -> None:
    (item,) = items(b"url,followers,following\nhttps://example.org/1.jpg,many,false\n")
    assert item.account == {}


def test_a_hint_at_tabs_is_taken() -> None:
    text = b"a,b\thttps://example.org/1.jpg\nc\thttps://example.org/2.jpg\n"
    for hint in ({"name": "x.TSV"}, {"media_type": "text/tab-separated-values; charset=utf-8"}):
        found = opened(text, **hint)  # type: ignore[arg-type]
        assert found.format == "tsv"
        assert [item.cells[0] for item in found] == ["a,b", "c"]


def test_a_row_of_another_width() -> None:
    found = items(
        b"id,url,note\n1,https://example.org/1.jpg\n2,Ada, B,https://example.org/2.jpg,\n3,https://example.org/3.jpg,,,\n"
    )
    assert codes(found) == [None, "row_invalid", None]
    assert found[0].cells == ("1", "https://example.org/1.jpg", "")
    assert found[1].failure is not None
    assert found[1].failure.detail.startswith("Line 3 has 5 cells where the list has 3 columns")
    assert found[1].cells == ("2", "Ada", " B,https://example.org/2.jpg,")


def test_a_quotation_that_does_not_end_costs_one_row() -> None:
    rows = [b"id,url"] + [b"%d,https://example.org/%d.jpg" % (n, n) for n in range(50)]
    rows[11] = b'10,"https://example.org/10.jpg'
    found = items(b"\n".join(rows))
    assert codes(found) == [None if n != 10 else "row_invalid" for n in range(50)]
    assert [item.line for item in found] == list(range(2, 52))
    assert found[10].failure is not None
    assert "quotation" in found[10].failure.detail


def test_a_quotation_mark_amid_a_cell_is_borne() -> None:
    found = items(
        b'name,url\n"Ada" B,https://example.org/1.jpg\nA "x" B,https://example.org/2.jpg\n'
    )
    assert [(item.cells[0], item.failure) for item in found] == [("Ada B", None), ('A "x" B', None)]


def test_a_line_without_end_costs_one_row() -> None:
    long = b"x" * (RECORD_MAX_CHARS + 1)
    found = items(
        b"id,url\n1,https://example.org/1.jpg\n2," + long + b"\n3,https://example.org/3.jpg"
    )
    assert codes(found) == [None, "row_invalid", None]
    assert sum(map(len, found[1].cells)) < 10_000


def test_a_row_of_very_many_short_lines_ends_somewhere() -> None:
    data = b'id,url\n1,https://example.org/1.jpg\n"\n' + b'","\n' * (RECORD_MAX_CHARS // 4 + 10)
    found = items(data, max_items=10**6)
    assert codes(found[:2]) == [None, "row_invalid"]
    assert len(found) > RECORD_MAX_CHARS // 4


def test_the_second_best_column_where_the_best_is_empty() -> None:
    text = b"avatar,profile_image_url\n,https://example.org/1.jpg\nhttps://example.org/2.jpg,\n"
    assert [item.source for item in items(text)] == [URL.format(1), URL.format(2)]


class Counting:
    """``csv``, counting the lines that its readers take."""

    Error = csv.Error

    def __init__(self) -> None:
        self.lines = 0

    def reader(self, lines: Iterable[str], **how: Any) -> Any:
        return csv.reader(map(self._count, lines), **how)

    def _count(self, line: str) -> str:
        self.lines += 1
        return line


@pytest.mark.parametrize("line", [b'a","\n', b'"\n', b'","\n', b'"""a\n', b'x"",""\n'])
def test_no_arrangement_of_quotation_marks_is_read_over_and_over(
    line: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = Counting()
    monkeypatch.setattr(csv_reader, "csv", counting)
    data = b"id,url\n1,https://example.org/1.jpg\n" + line * 20_000
    assert items(data, max_items=10**6)
    assert counting.lines < 4 * 20_000


_CELL = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8
) | st.sampled_from(["https://example.org/1.jpg", '"', ",", "\n", "\r\n", "=1", "-1", "a\tb", ";"])


@given(
    st.lists(
        st.tuples(_CELL, st.sampled_from(["https://example.org/1.jpg", "?"]), _CELL), min_size=1
    ),
    st.sampled_from(["\n", "\r\n"]),
)
def test_what_comes_in_comes_out_in_its_order(rows: list[tuple[str, str, str]], end: str) -> None:
    data = delimited([("name", "url", "note"), *rows], end=end)
    if any(ord(c) < 32 and c not in "\t\n\r" for row in rows for cell in row for c in cell):
        return  # control characters are no text
    found = opened(data)
    results = [
        Result(i.seq, i.source, i.custom_id, i.line, i.cells, failure=_failed()) for i in found
    ]
    written = b"".join(export.csv(results, found.columns)).decode()
    back = [row[:3] for row in _rows(written)]
    expected = [[_escaped(cell) for cell in row] for row in rows]
    assert back == [["name", "url", "note"], *expected]


def _failed() -> Failure:
    return Failure("fetch_failed", "The picture could not be fetched", "No answer.", True)


def _escaped(cell: str) -> str:
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r", "\n") and cell else cell


def _rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))
