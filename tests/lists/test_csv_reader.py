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
from app.lists.columns.table import ROW_MAX_BYTES
from app.records import Failure, ItemResult
from tests.lists.open_list import failure_codes, format_csv, open_bytes, read_items

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
    follower_list = open_bytes(text.encode())
    assert follower_list.columns == columns
    assert [item.source for item in follower_list] == [URL.format(n) for n in sources]


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
    first = read_items(text.format(URL.format(1), URL.format(2)).encode())[0]
    assert first.custom_id == expected


def test_counts_that_are_none_are_not_taken_for_counts() -> None:
    (item,) = read_items(b"url,followers,following\nhttps://example.org/1.jpg,many,false\n")
    assert item.account == {}


def test_a_hint_at_tabs_is_taken() -> None:
    text = b"a,b\thttps://example.org/1.jpg\nc\thttps://example.org/2.jpg\n"
    for hint in ({"name": "x.TSV"}, {"media_type": "text/tab-separated-values; charset=utf-8"}):
        follower_list = open_bytes(text, **hint)  # type: ignore[arg-type]
        assert follower_list.format == "tsv"
        assert [item.cells[0] for item in follower_list] == ["a,b", "c"]


def test_a_row_of_another_width() -> None:
    parsed_items = read_items(
        b"id,url,note\n1,https://example.org/1.jpg\n2,Ada, B,https://example.org/2.jpg,\n3,https://example.org/3.jpg,,,\n"
    )
    assert failure_codes(parsed_items) == [None, "row_invalid", None]
    assert parsed_items[0].cells == ("1", "https://example.org/1.jpg", "")
    assert parsed_items[1].failure is not None
    assert parsed_items[1].failure.detail.startswith(
        "Line 3 has 5 cells where the list has 3 columns"
    )
    assert parsed_items[1].cells == ("2", "Ada", " B,https://example.org/2.jpg,")


def test_a_quotation_that_does_not_end_costs_one_row() -> None:
    rows = [b"id,url"] + [b"%d,https://example.org/%d.jpg" % (n, n) for n in range(50)]
    rows[11] = b'10,"https://example.org/10.jpg'
    parsed_items = read_items(b"\n".join(rows))
    assert failure_codes(parsed_items) == [None if n != 10 else "row_invalid" for n in range(50)]
    assert [item.line for item in parsed_items] == list(range(2, 52))
    assert parsed_items[10].failure is not None
    assert "quotation" in parsed_items[10].failure.detail


def test_a_quotation_mark_amid_a_cell_is_borne() -> None:
    parsed_items = read_items(
        b'name,url\n"Ada" B,https://example.org/1.jpg\nA "x" B,https://example.org/2.jpg\n'
    )
    assert [(item.cells[0], item.failure) for item in parsed_items] == [
        ("Ada B", None),
        ('A "x" B', None),
    ]


def test_a_line_without_end_costs_one_row() -> None:
    long = b"x" * (ROW_MAX_BYTES + 1)
    parsed_items = read_items(
        b"id,url\n1,https://example.org/1.jpg\n2," + long + b"\n3,https://example.org/3.jpg"
    )
    assert failure_codes(parsed_items) == [None, "row_invalid", None]
    assert sum(map(len, parsed_items[1].cells)) < 10_000


def test_a_row_of_very_many_short_lines_ends_somewhere() -> None:
    data = b'id,url\n1,https://example.org/1.jpg\n"\n' + b'","\n' * (ROW_MAX_BYTES // 4 + 10)
    parsed_items = read_items(data, max_items=10**6)
    assert failure_codes(parsed_items[:2]) == [None, "row_invalid"]
    assert len(parsed_items) > ROW_MAX_BYTES // 4


def test_the_second_best_column_where_the_best_is_empty() -> None:
    text = b"avatar,profile_image_url\n,https://example.org/1.jpg\nhttps://example.org/2.jpg,\n"
    assert [item.source for item in read_items(text)] == [URL.format(1), URL.format(2)]


class CountingCsv:
    """``csv``, counting the lines that its readers take."""

    Error = csv.Error

    def __init__(self) -> None:
        self.line_count = 0

    def reader(self, lines: Iterable[str], **options: Any) -> Any:
        return csv.reader(map(self._count_line, lines), **options)

    def _count_line(self, line: str) -> str:
        self.line_count += 1
        return line


@pytest.mark.parametrize("line", [b'a","\n', b'"\n', b'","\n', b'"""a\n', b'x"",""\n'])
def test_no_arrangement_of_quotation_marks_is_read_over_and_over(
    line: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = CountingCsv()
    monkeypatch.setattr(csv_reader, "csv", counting)
    data = b"id,url\n1,https://example.org/1.jpg\n" + line * 20_000
    assert read_items(data, max_items=10**6)
    assert counting.line_count < 4 * 20_000


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
    data = format_csv([("name", "url", "note"), *rows], line_end=end)
    if any(ord(c) < 32 and c not in "\t\n\r" for row in rows for cell in row for c in cell):
        return  # control characters are no text
    follower_list = open_bytes(data)
    results = [
        ItemResult(i.seq, i.source, i.custom_id, i.line, i.cells, failure=_example_failure())
        for i in follower_list
    ]
    written = b"".join(export.stream_csv(results, follower_list.columns, ())).decode()
    back = [row[:3] for row in _parse_csv(written)]
    expected = [[_escape_formula(cell) for cell in row] for row in rows]
    assert back == [["name", "url", "note"], *expected]


def _example_failure() -> Failure:
    return Failure("fetch_failed", "The picture could not be fetched", "No answer.", True)


def _escape_formula(cell: str) -> str:
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r", "\n") and cell else cell


def _parse_csv(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))
