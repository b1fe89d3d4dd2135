"""Every shape that a list comes in; and that the shape makes no difference to what is in it."""

from __future__ import annotations

import gzip
import io
import json
import tracemalloc
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.errors import ListEmpty, ListUnreadable, NoAvatars, TooLarge
from app.lists.reader import is_picture, open_list
from app.records import Item
from tests.lists.open_list import (
    JPEG,
    PNG,
    failure_codes,
    format_csv,
    open_bytes,
    read_fixture,
    read_items,
    read_items_or_none,
)

HEADER = ("custom_id", "url", "username", "followers_count", "note")
ROWS = [
    ("@ada", "https://example.org/a.jpg", "ada", "12", 'said "hello", and left'),
    ("@ben", "https://example.org/b.jpg;v=1", "ben", "0", ""),
    ("@cy", "not a url", "cy", "340", "=1+1; 2\t3"),
    ("@di", "https://example.org/é.jpg", "di", "5", "naïve 😀"),
]
OBJECTS = [dict(zip(HEADER, row, strict=True)) for row in ROWS]
JSON = json.dumps(OBJECTS).encode()
NDJSON = b"".join(json.dumps(each).encode() + b"\n" for each in OBJECTS)
CSV = format_csv([HEADER, *ROWS])


def without_lines(items: list[Item]) -> list[Item]:
    """Items without what only some shapes have: lines, and the words that name them."""
    return [
        replace(item, line=None, failure=replace(item.failure, detail="") if item.failure else None)
        for item in items
    ]


@pytest.mark.parametrize(
    "data",
    [
        format_csv([HEADER, *ROWS], "\t"),
        format_csv([HEADER, *ROWS], ";"),
        format_csv([HEADER, *ROWS], line_end="\r\n"),
        format_csv([HEADER, *ROWS], line_end="\r"),
        format_csv([HEADER, *ROWS]).rstrip(b"\n"),
        b"\xef\xbb\xbf" + CSV,
        CSV.decode().encode("utf-16"),
        b"\xfe\xff" + CSV.decode().encode("utf-16-be"),
        JSON,
        b"\xef\xbb\xbf" + JSON,
        JSON.decode().encode("utf-16"),
        json.dumps(OBJECTS, indent=2, ensure_ascii=False).encode(),
        json.dumps({"items": OBJECTS, "prior": 0.5}).encode(),
        json.dumps({"metadata": {"items": [1]}, "items": OBJECTS}).encode(),
        NDJSON,
        NDJSON.replace(b"\n", b"\r\n"),
        NDJSON.replace(b"\n", b"\n\n"),
        json.dumps(OBJECTS).encode() + b"\n" + b"\n",
        b"\n".join(json.dumps(each, indent=1).encode() for each in OBJECTS),
        gzip.compress(CSV),
        gzip.compress(CSV[:50]) + gzip.compress(CSV[50:]) + bytes(100),
        gzip.compress(NDJSON),
        gzip.compress(JSON),
    ],
)
def test_the_shape_makes_no_difference(data: bytes) -> None:
    assert without_lines(read_items(data)) == without_lines(read_items(CSV))
    assert open_bytes(data).columns == HEADER


def test_what_a_row_becomes() -> None:
    ada, ben, cy, _ = read_items(CSV)
    assert ada == Item(
        0,
        "https://example.org/a.jpg",
        "@ada",
        2,
        "https://example.org/a.jpg",
        cells=ROWS[0],
        account={"username": "ada", "followers_count": "12"},
    )
    assert (ben.seq, ben.line) == (1, 3)
    assert cy.failure is not None
    assert (cy.failure.code, cy.failure.retryable, cy.url) == ("url_invalid", False, None)
    assert cy.failure.detail.startswith("Line 4 ")
    assert (cy.source, cy.custom_id, cy.cells) == ("not a url", "@cy", ROWS[2])


def test_a_row_may_have_several_lines() -> None:
    parsed_items = read_items(read_fixture("plain.csv"))
    assert [item.line for item in parsed_items] == [2, 3, 4, 5, 7]
    assert parsed_items[3].cells[-1] == "two\nlines"


@pytest.mark.parametrize(
    ("name", "form", "expected"),
    [
        (
            "x_v1.json",
            "x_v1",
            [
                ("900000000000000001", "ada_example", "aAbBcC_400x400.jpg", "aAbBcC_normal.jpg"),
                ("900000000000000002", "ben_example", "default_picture", None),
            ],
        ),
        (
            "x_v2.jsonl",
            "x_v2",
            [
                ("900000000000000001", "ada_example", "aAbBcC_400x400.jpg", "aAbBcC_normal.jpg"),
                ("900000000000000002", "ben_example", "default_picture", None),
                ("900000000000000003", "cy_example", "cyCY_400x400.png", "cyCY_bigger.png"),
                ("900000000000000004", "di_example", "diDI_400x400.jpg", None),
                ("900000000000000005", "ed_example", "edED_400x400.jpg", "edED_mini.jpg"),
            ],
        ),
        (
            "mastodon.json",
            "mastodon",
            [
                ("110000000000000001", "ada", "ada.png", "ada.gif"),
                ("110000000000000002", "ben", "default_picture", None),
            ],
        ),
        (
            "bluesky.json",
            "bluesky",
            [
                (
                    "did:plc:bbbbbbbbbbbbbbbbbbbbbbbb",
                    "ada.example.org",
                    f"bafkrei{'b' * 52}@jpeg",
                    None,
                ),
                (
                    "did:plc:cccccccccccccccccccccccc",
                    "ben.example.org",
                    f"bafkrei{'b' * 52}@jpeg",
                    f"bafkrei{'b' * 52}@jpeg",
                ),
                ("did:plc:dddddddddddddddddddddddd", "cy.example.org", "default_picture", None),
            ],
        ),
        (
            "github.json",
            "github",
            [
                ("90000001", "ada-example", "90000001?v=4&s=460", "90000001?v=4"),
                ("90000002", "ben-example", "90000002?s=460", "90000002"),
            ],
        ),
        (
            "instagram.json",
            "instagram",
            [
                (
                    "9000000001",
                    "ada.example",
                    "1_2_n.jpg?stp=dst-jpg_s150x150&oh=00_aa&oe=00000000",
                    None,
                ),
                ("9000000002", "ben.example", "default_picture", None),
            ],
        ),
    ],
)
def test_platforms(name: str, form: str, expected: list[tuple[str, str, str, str | None]]) -> None:
    follower_list = open_bytes(read_fixture(name))
    summaries = [
        (
            item.custom_id,
            item.account["username"],
            item.failure.code if item.failure else str(item.url).rsplit("/", 1)[1],
            item.fallback_url and item.fallback_url.rsplit("/", 1)[1],
        )
        for item in follower_list
    ]
    assert (follower_list.format, summaries) == (form, expected)
    assert follower_list.options == {}


@pytest.mark.parametrize(
    ("name", "account"),
    [
        (
            "x_v1.json",
            {
                "username": "ada_example",
                "display_name": "Ada Example",
                "created_at": "Mon Jan 06 10:00:00 +0000 2020",
                "followers_count": "12",
                "following_count": "340",
                "posts_count": "7",
            },
        ),
        (
            "x_v2.jsonl",
            {
                "username": "ada_example",
                "display_name": "Ada Example",
                "created_at": "2020-01-06T10:00:00.000Z",
                "followers_count": "12",
                "following_count": "340",
                "posts_count": "7",
            },
        ),
        (
            "mastodon.json",
            {
                "username": "ada",
                "display_name": "Ada",
                "created_at": "2022-11-05T00:00:00.000Z",
                "followers_count": "12",
                "following_count": "340",
                "posts_count": "7",
            },
        ),
        (
            "bluesky.json",
            {
                "username": "ada.example.org",
                "display_name": "Ada",
                "created_at": "2024-01-06T10:00:00.000Z",
            },
        ),
        ("github.json", {"username": "ada-example"}),
        (
            "instagram.json",
            {
                "username": "ada.example",
                "display_name": "Ada Example",
                "followers_count": "12",
                "posts_count": "7",
            },
        ),
    ],
)
def test_what_a_platform_says_of_an_account_gets_one_set_of_names(
    name: str, account: dict[str, str]
) -> None:
    first = read_items(read_fixture(name))[0]
    assert dict(first.account) == account
    named = dict(zip(open_bytes(read_fixture(name)).columns, first.cells, strict=True))
    assert {key: named[key] for key in account} == account


def test_two_of_bluesky_with_one_picture_share_its_content_id() -> None:
    ada, ben, _ = read_items(read_fixture("bluesky.json"))
    assert ada.content_id == ben.content_id == "bafkrei" + "b" * 52
    assert ada.url is not None
    assert "/avatar/" in str(ben.url)


@pytest.mark.parametrize("name", ["x_archive_follower.js", "instagram_export.json"])
def test_an_export_without_pictures_says_what_to_send_instead(name: str) -> None:
    with pytest.raises(NoAvatars, match="send a CSV with the columns"):
        open_bytes(read_fixture(name))


def test_ganed_s_list_has_no_header() -> None:
    follower_list = open_bytes(gzip.compress(read_fixture("random_twitter.csv")))
    first, second = follower_list
    assert (follower_list.format, follower_list.columns) == (
        "csv",
        ("column_1", "column_2", "column_3"),
    )
    assert (first.custom_id, first.line, first.cells[2]) == ("900000000000000001", 1, "0.0123")
    assert str(second.url).endswith("cyCY_400x400.png")


def test_urls_a_line() -> None:
    follower_list = open_bytes(read_fixture("urls.txt"))
    assert (follower_list.format, follower_list.columns) == ("urls", ())
    parsed_items = list(follower_list)
    assert [(item.line, item.source) for item in parsed_items] == [
        (1, "https://example.org/a.jpg"),
        (2, "https://example.org/b,c.jpg"),
        (4, "ftp://example.org/c.jpg"),
        (5, "https://example.org/d.jpg"),
    ]
    assert failure_codes(parsed_items) == [None, None, "url_invalid", None]
    strings = json.dumps([item.source for item in parsed_items]).encode()
    assert without_lines(read_items(strings)) == without_lines(parsed_items)


def test_options_stand_before_and_behind_the_items() -> None:
    follower_list = open_bytes(read_fixture("plain.json"))
    assert dict(follower_list.options) == {
        "prior": 0.25,
        "metadata": {"case": "made up", "weights": [1, 2.5]},
        "webhook_url": "https://hooks.example.org/in",
    }
    assert [item.custom_id for item in follower_list] == ["@ada", "@ben"]


def test_what_is_no_utf_8_is_read_as_windows_writes_it_and_said_so() -> None:
    follower_list = open_bytes("name,url\nJosé €,https://example.org/a.jpg\n".encode("cp1252"))
    assert [item.cells[0] for item in follower_list] == ["José €"]
    assert "The list is not in UTF-8; it was read as Windows-1252." in follower_list.notes
    assert not any("Windows" in note for note in open_bytes(CSV).notes)


@pytest.mark.parametrize("data", [JPEG, PNG, gzip.compress(JPEG, mtime=0)])
def test_a_picture_is_a_list_of_one(data: bytes) -> None:
    (item,) = open_bytes(data, name="me.jpg")
    assert item.source == "me.jpg"
    assert item.payload in (JPEG, PNG)


def test_a_list_and_a_picture_are_told_apart() -> None:
    assert is_picture(JPEG)
    assert is_picture(PNG)
    assert not any(map(is_picture, (CSV, JSON, gzip.compress(CSV), b"", b"PK\x03\x04")))


@pytest.mark.parametrize(
    "data", [b"", b"\n \n", b"[]", b'{"items": []}', b"url\n", b'{"followers": []}', b"{}", b"[[]]"]
)
def test_nothing_in_it(data: bytes) -> None:
    with pytest.raises((ListEmpty, NoAvatars)):
        open_bytes(data)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"<!DOCTYPE html><p>Log in", "web page"),
        (b"BZh91AY&SY", "bzip2"),
        (b"%PDF-1.7", "PDF"),
        (b"Rar!\x1a\x07\x01\x00", "RAR"),
        (b"\x00\x01\x02\x03" * 100, "neither text"),
        (b"name,url\nA\x81,https://example.org/a.jpg\n", "neither text"),
        (b"\xff\xfea", "neither text"),
        (b"\x1f\x8b" + b"noise" * 20, "damaged"),
        (gzip.compress(CSV)[:-12], "is truncated"),
        (gzip.compress(CSV) + b"more", "damaged"),
        (gzip.compress(gzip.compress(CSV)), "packed in gzip"),
        (gzip.compress(b"") * 100 + gzip.compress(CSV), "nearly empty"),
        (b'{"items": [', "broken or truncated"),
        (b'{"a": ' * 20_000, "nested"),
        (b",".join([b"a"] * 2000) + b"\n", "2000 columns"),
    ],
)
def test_what_cannot_be_read_says_why(data: bytes, words: str) -> None:
    with pytest.raises(ListUnreadable, match=words):
        read_items(data)


def test_accounts_without_pictures() -> None:
    with pytest.raises(NoAvatars, match="`id`, `username`"):
        open_bytes(b"id,username\n1,ada\n")
    with pytest.raises(NoAvatars, match="add a column"):
        open_bytes(b"@ada\n@ben\n")
    with pytest.raises(NoAvatars):
        open_bytes(b'[{"id": 1}, {"id": 2}]')


@pytest.mark.parametrize("data", [CSV, JSON, NDJSON, gzip.compress(CSV)])
def test_limits_hold_for_bytes_and_for_rows(data: bytes) -> None:
    assert len(read_items(data, max_items=4, max_bytes=len(CSV) + len(JSON))) == 4
    with pytest.raises(TooLarge, match="more than 3 rows"):
        read_items(data, max_items=3)
    with pytest.raises(TooLarge, match="more than 100 bytes"):
        read_items(data, max_bytes=100)


def test_a_gzip_bomb_is_stopped_at_the_limit() -> None:
    with pytest.raises(TooLarge):
        read_items(gzip.compress(b"https://example.org/a.jpg\n" * 1_000_000), max_bytes=1_000_000)


def test_gzip_that_repeats_itself_is_refused_by_its_ratio() -> None:
    rows = b"".join(b"%d,https://example.org/%d.jpg\n" % (n, n) for n in range(50_000))
    packed = gzip.compress(b"id,url\n" + rows)
    assert len(read_items(packed, max_items=10**6)) == 50_000
    with pytest.raises(TooLarge, match="200 times"):
        read_items(gzip.compress(b"a\n" * 500_000), max_items=10**6)


@given(st.binary(max_size=300))
@example(b'"')
@example(b'[{"url": "https://example.org/\\ud800"}]')
@example(b'{"items": [1e999999999999999999]}')
@example(b"[" + b"9" * 5000 + b"]")
@example(b'{"items": {"items": [{"url": 1}]}}')
@example(b"PK\x05\x06" + bytes(18))
@example(b"PK\x03\x04" + bytes(40) + b"PK\x05\x06" + b"\xff" * 18)
def test_bytes_give_items_or_a_sentence(data: bytes) -> None:
    _assert_items_or_refusal(data)


_TEXT = st.text(st.sampled_from('"\\{}[],;:\t\r\n \x00ﬀ😀=urlidns019-.ehtp/'), max_size=60)


@given(
    st.sampled_from(
        [b"", b"{", b"[", b'{"items":[', b"url\n", b"id,url\n", b"https://a.example/\n"]
    ),
    _TEXT,
)
def test_text_gives_items_or_a_sentence(beginning: bytes, text: str) -> None:
    _assert_items_or_refusal(beginning + text.encode())
    _assert_items_or_refusal(gzip.compress(beginning + text.encode()))


@given(st.data())
def test_damage_gives_items_or_a_sentence(data: st.DataObject) -> None:
    whole = bytearray(data.draw(st.sampled_from([CSV, JSON, NDJSON, gzip.compress(CSV)])))
    for _ in range(data.draw(st.integers(1, 5))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    _assert_items_or_refusal(bytes(whole))


def _assert_items_or_refusal(data: bytes) -> None:
    parsed_items = read_items_or_none(data)
    assert [item.seq for item in parsed_items or ()] == list(range(len(parsed_items or ())))
    for item in parsed_items or ():
        _assert_complete(item)


def _assert_complete(item: Item) -> None:
    sources = (item.url is not None, item.payload is not None, item.failure is not None)
    assert sum(sources) == 1
    json.dumps([item.source, item.custom_id, item.cells, dict(item.account)]).encode()
    "".join([item.source, *item.cells, *item.account.values()]).encode()
    assert item.failure is None or item.failure.detail.endswith(".")


@pytest.mark.parametrize("write", [format_csv, None])
def test_memory_does_not_grow_with_the_list(write: Callable[..., bytes] | None) -> None:
    """A list of which every row is new is not kept: what is alive beside it stays small."""
    rows = [(f"@{n}", f"https://example.org/{n}.jpg") for n in range(20_000)]
    if write:
        data = write([("custom_id", "url"), *rows])
    else:
        data = json.dumps({"items": [{"custom_id": c, "url": u} for c, u in rows]}).encode()
    file = io.BytesIO(data)
    del rows
    tracemalloc.start()
    follower_list = open_list(file, max_items=10**6, max_bytes=10**9, max_picture_bytes=10)
    assert sum(1 for _ in follower_list) == 20_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8_000_000
