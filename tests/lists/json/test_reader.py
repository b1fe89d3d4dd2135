"""JSON that is deep, broken, large or oddly laid out: one bad row costs one row."""

from __future__ import annotations

import json

import pytest

from app.errors import ListUnreadable
from app.lists.columns import table
from app.lists.columns.names import field_names, picture_name
from app.lists.json.stream import NESTING_MAX, VALUE_MAX_CHARS
from app.lists.text_reader import LINE_MAX_CHARS
from tests.lists.open_list import failure_codes, open_bytes, read_fixture, read_items

GOOD = {"id": "1", "url": "https://example.org/1.jpg"}
LINE = json.dumps(GOOD).encode()


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (b'{"id": 1, "url": ', "is not valid JSON"),
        (b"nonsense", "is not valid JSON"),
        (b"[" * 2000, "is not valid JSON"),
        (b'{"a": ' + b"[" * 900 + b"]" * 900 + b"}", "no picture URL"),
        (b"12", "neither an object nor a text"),
        (b"null", "neither an object nor a text"),
        (b'{"pad": "' + b"x" * LINE_MAX_CHARS + b'"}', "larger than a row may be"),
    ],
)
def test_a_bad_line_of_ndjson_costs_one_row(bad: bytes, words: str) -> None:
    # A first line that is longer than any line may be says nothing of lines.
    orders = [[LINE, bad, LINE], [bad, LINE, LINE]][: 1 if len(bad) > LINE_MAX_CHARS else 2]
    for lines in orders:
        parsed_items = read_items(b"\n".join(lines), max_bytes=10**8)
        code = "url_invalid" if "URL" in words else "row_invalid"
        assert failure_codes(parsed_items) == [code if line is bad else None for line in lines]
        assert [item.line for item in parsed_items] == [1, 2, 3]
        failure = parsed_items[lines.index(bad)].failure
        assert failure is not None
        assert failure.detail.startswith(f"Line {lines.index(bad) + 1} ")
        assert words in failure.detail


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (b"12", "row_invalid"),
        (b"null", "row_invalid"),
        (b'"ftp://example.org/1.jpg"', "url_invalid"),
        (b"{}", "url_invalid"),
        (b'{"url": ""}', "url_invalid"),
        (b'{"url": 5}', "url_invalid"),
        (b'{"url": {"url": "https://example.org/1.jpg"}}', "url_invalid"),
        (b'{"pad": "' + b"x" * VALUE_MAX_CHARS + b'"}', "row_invalid"),
        (b"[" * 100 + b"]" * 100, "row_invalid"),
        (b'{"pad": ' + b"[" * 100 + b"]" * 100 + b"}", "row_invalid"),
        (b"[" + b",".join([b"1"] * 30_000) + b"]", "row_invalid"),
    ],
)
def test_a_bad_element_of_json_costs_one_row(bad: bytes, code: str) -> None:
    for around in (b"[%s]", b'{"cursor": 1, "items": [%s], "prior": 0.5}'):
        parsed_items = read_items(around % b",".join([LINE, bad, LINE]))
        assert failure_codes(parsed_items) == [None, code, None]
        failure = parsed_items[1].failure
        assert failure is not None
        assert failure.detail.startswith("Item 2 ")
        assert parsed_items[2].url == GOOD["url"]


def test_one_text_without_end_is_not_kept() -> None:
    with pytest.raises(ListUnreadable, match="single value"):
        read_items(b'["' + b"x" * 6_000_000 + b'"]')


def test_json_without_bottom() -> None:
    with pytest.raises(ListUnreadable, match="levels deep"):
        read_items(b"[" + b"[" * (NESTING_MAX + 10))


@pytest.mark.parametrize("data", [b"[1e999999999999999999999]", b"[%s]" % (b"9" * 5000)])
def test_a_number_beyond_numbers(data: bytes) -> None:
    assert read_items(b"[%s, 1]" % LINE)
    with pytest.raises(ListUnreadable, match="number"):
        read_items(data)


def test_json_that_breaks_off_far_behind_the_sample() -> None:
    follower_list = iter(open_bytes(b"[" + b",".join([LINE] * 20_000), max_items=10**6))
    assert next(follower_list).url == GOOD["url"]
    with pytest.raises(ListUnreadable, match="truncated"):
        list(follower_list)


def test_what_cannot_be_kept_everywhere_is_replaced() -> None:
    for data in (b'[{"url": "https://example.org/1.jpg", "note": "a\\u0000b\\ud800c"}]',):
        (item,) = read_items(data)
        (line,) = read_items(data[1:-1] + b"\n\n")
        for seen in (item, line):
            "".join(seen.cells).encode()
            assert "\x00" not in seen.cells[1]
            assert seen.cells[1].startswith("a")
    (row,) = read_items(b"url,note\nhttps://example.org/1.jpg," + b"x" * 300 + b"\n")
    assert row.cells[1] == "x" * 300
    table = b"url,note\n" + b"https://example.org/1.jpg,x\n" * 5000
    assert (
        read_items(table + b"https://example.org/1.jpg,a\x00b\n", max_items=9999)[-1].cells[1]
        == "a\ufffdb"
    )


def test_a_member_is_kept_as_text_of_bounded_length() -> None:
    (item,) = read_items(
        json.dumps(
            [
                {
                    **GOOD,
                    "n": 1.5,
                    "t": True,
                    "f": False,
                    "z": None,
                    "l": [1],
                    "o": {"x": {"y": 2}},
                    "s": "x" * 20_000,
                }
            ]
        ).encode()
    )
    columns = open_bytes(json.dumps([{**GOOD, "n": 1.5, "o": {"x": {"y": 2}}}]).encode()).columns
    assert columns == ("id", "url", "n", "o.x.y")
    assert item.cells[2:8] == ("1.5", "true", "false", "", "", "2")
    assert len(item.cells[8]) == 10_000


def test_a_name_that_is_too_long_to_be_echoed() -> None:
    (item,) = read_items(json.dumps([{"custom_id": "x" * 257, "url": GOOD["url"]}]).encode())
    assert failure_codes([item]) == ["row_invalid"]
    (item,) = read_items(json.dumps([{"custom_id": "x" * 256, "url": GOOD["url"]}]).encode())
    assert item.custom_id == "x" * 256


@pytest.mark.parametrize(
    "page",
    [
        b'{"meta": {"a": [1, 2]}, "users": %s, "next": null}',
        b'{"includes": {"media": [{"a": 1}], "users": %s}}',
        b'{"data": {"accounts": %s}}',
        b'{"cursor": "x", "anything": %s}',
    ],
)
def test_the_list_is_found_in_a_page(page: bytes) -> None:
    objects = json.dumps([GOOD, GOOD]).encode()
    follower_list = open_bytes(page % objects)
    assert dict(follower_list.options) == {}
    assert [item.url for item in follower_list] == [GOOD["url"]] * 2


def test_accounts_behind_much_else_in_a_page() -> None:
    much = json.dumps([{"k": "x" * 100}] * 20_000).encode()
    page = b'{"includes": {"media": %s, "users": [%s]}, "data": []}' % (much, LINE)
    assert [item.url for item in read_items(page)] == [GOOD["url"]]


def test_one_object_is_a_list_of_one() -> None:
    for data in (LINE, LINE + b"\n", json.dumps({**GOOD, "tags": ["a"]}, indent=1).encode()):
        assert [item.url for item in read_items(data)] == [GOOD["url"]]


def test_a_page_a_line_however_it_is_wrapped() -> None:
    lines = read_fixture("x_v2.jsonl").splitlines()
    together = b"[" + b",".join(lines) + b"]"
    pretty = b"\n".join(json.dumps(json.loads(line), indent=2).encode() for line in lines)
    expected = [item.source for item in read_items(read_fixture("x_v2.jsonl"))]
    assert [item.source for item in read_items(together)] == expected
    # Documents one behind the other: each is a page of its own, or an account.
    assert [item.source for item in read_items(pretty[: pretty.index(b"\n}") + 2])] == expected[:2]


def test_blank_lines_without_end() -> None:
    with pytest.raises(ListUnreadable, match="blank lines"):
        read_items(b"url\nhttps://example.org/1.jpg\n" + b"\n" * 1_000_100)


def test_samples_are_weighed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "SAMPLE_MAX_CHARS", 1000)
    rows = iter(["x" * 300] * 100)
    assert len(table.take_sample(rows, len)) == 4
    assert len(table.take_sample(rows, len, max_rows=2)) == 2
    assert table.take_sample(iter([]), len) == []


def test_a_row_is_weighed_in_bytes() -> None:
    wide = {**GOOD, **{f"about{n}": "\U0001f600" * 5_000 for n in range(4)}}
    narrow = {**GOOD, **{f"about{n}": "\U0001f600" * 3_000 for n in range(4)}}
    for data in (
        "\n".join(map(json.dumps, (narrow, wide, narrow))),
        json.dumps([list(each.values()) for each in (narrow, wide, narrow)]),
    ):
        parsed_items = read_items(data.encode(), max_bytes=10**7)
        assert failure_codes(parsed_items) == [None, "row_invalid", None]


def test_long_names_are_no_columns_and_are_not_remembered() -> None:
    long = "a." * 100_000 + "avatar_url"
    assert picture_name(long) is None
    assert field_names(long) == ()
    [item] = read_items(json.dumps([{**GOOD, long: "https://example.org/2.jpg"}]).encode())
    assert (item.url, len(item.cells)) == (GOOD["url"], 2)
