"""Each kind of list that was misread by something is read as it is meant."""

from __future__ import annotations

import pytest

from app.errors import NoAvatars
from app.lists.preview import preview_list
from tests.lists.kinds import BASE, KINDS, TABLE, Kind, as_json, build_zip, pic
from tests.lists.open_list import JPEG, failure_codes, open_bytes, read_items


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_kind(kind: Kind) -> None:
    follower_list = open_bytes(kind.data)
    items = list(follower_list)
    assert [item.custom_id for item in items] == [custom_id for custom_id, _ in kind.items]
    for item, (_, source) in zip(items, kind.items, strict=True):
        assert item.source.removeprefix(BASE) == source
        assert item.failure is None or (not source and item.failure.code == "default_picture")
    assert kind.account.items() <= dict(items[0].account).items()
    assert any(kind.notes in note for note in follower_list.notes), list(follower_list.notes)


def test_the_largest_size_first_and_a_smaller_one_behind_it() -> None:
    (item,) = read_items(
        as_json(
            [{"id": "1", "avatar_small": pic("s"), "avatar_large": pic("l"), "avatar": pic("m")}]
        )
    )
    assert (item.url, item.fallback_url) == (pic("l"), pic("m"))


def test_an_empty_cell_uses_the_next_candidate() -> None:
    items = read_items(
        f"id,avatar_hd,avatar\n1,{pic('a')},{pic('b')}\n2,,{pic('c')}\n3,,\n".encode()
    )
    assert [item.source for item in items] == [pic("a"), pic("c"), ""]
    assert failure_codes(items) == [None, None, "default_picture"]


def test_personal_data_is_kept_when_asked_for_by_name() -> None:
    text = f"id,email,phone,avatar\n1,a@b.example,+49 30 1234567,{pic(1)}\n".encode()
    follower_list = open_bytes(text)
    assert follower_list.columns == ("id", "avatar")
    assert [item.cells for item in follower_list] == [("1", pic(1))]
    kept = open_bytes(text, keep_columns=("Email",))
    assert kept.columns == ("id", "email", "avatar")
    body = as_json(
        {
            "items": [{"custom_id": "a", "url": pic(1), "email": "a@b.example"}],
            "keep_columns": ["email"],
        }
    )
    assert "email" in open_bytes(body).columns


def test_personal_data_is_known_by_its_cells() -> None:
    rows = "".join(f"{n},x{n}@mail.example,{pic(n)}\n" for n in range(3))
    assert open_bytes(f"id,contact,avatar\n{rows}".encode()).columns == ("id", "avatar")
    assert open_bytes(f"id,contact,avatar\n1,at home,{pic(1)}\n".encode()).columns == (
        "id", "contact", "avatar",
    )  # fmt: skip


def test_a_row_of_another_width_leaks_no_personal_cell() -> None:
    items = read_items(f"id,email,avatar\n1,a@b.example,{pic(1)},x,y\n2,,{pic(2)}\n".encode())
    assert failure_codes(items) == ["row_invalid", None]
    assert items[0].cells == ()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (as_json({"data": [{"id": "1", "username": "a", "name": "A"}]}), "profile_image_url"),
        (as_json([{"did": "did:plc:x", "subject": "y"}]), "app.bsky.graph.getFollowers"),
        (as_json([{"first_name": "a", "last_name": "b", "can_access_closed": 1}]), "photo_max"),
        (as_json([{"id": 1, "first_name": "a", "access_hash": 5}]), "zip of the pictures"),
        (as_json([{"user": {"discriminator": "0", "avatar": "a1b2"}}]), "cdn.discordapp.com"),
        (as_json({"a": {"b": [{"x": 1}]}}), "jq -c"),
        (b"Account address,Show boosts\n@a@b.example,true\n", "/api/v1/accounts"),
        (b"id,tweet_id,text,image_url\n1,2,x,https://img.example/media.jpg\n", "posts"),
    ],
)  # fmt: skip
def test_a_refusal_says_what_to_ask_for(data: bytes, words: str) -> None:
    with pytest.raises(NoAvatars, match=words.replace(".", r"\.")):
        open_bytes(data)


def test_a_preview_shows_how_a_list_is_read() -> None:
    preview = preview_list(open_bytes(TABLE.encode()), max_items=1)
    assert (preview["list_format"], preview["total"], preview["failed"]) == ("csv", 2, 0)
    assert preview["read_as"]["picture"] == ["avatar_url"]
    assert preview["read_as"]["custom_id"] == ["id", "username"]
    assert [item["custom_id"] for item in preview["items"]] == ["901"]
    assert preview["notes"]


def test_a_picture_without_a_row_keeps_its_name_in_the_list_s_columns() -> None:
    data = build_zip({"l.csv": b"id,file\n901,1.jpg\n", "1.jpg": JPEG, "other.jpg": JPEG})
    assert [item.cells for item in open_bytes(data)] == [("901", "1.jpg"), ("", "other.jpg")]
