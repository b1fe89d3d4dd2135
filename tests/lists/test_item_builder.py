"""Any list with ids and avatars, in any shape, gives every id its own URL, or is refused."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.lists.open_list import format_csv, read_items_or_none

ID_NAMES = ["id", "user_id", "userId", "account_id", "id_str"]
AVATAR_NAMES = [
    "avatar", "avatar_url", "avatarUrl", "profile_image_url", "profile_image_url_https",
    "profile_pic_url", "profilePicture", "profileImageUrl",
]  # fmt: skip
PREFIXES = ["", "user", "author", "account", "member", "follower", "owner", "x"]
JOINTS = ["_", ".", "/", "__"]
KEYS = ["followers", "users", "data", "items", "accounts", "results", "nodes", "anything"]

Account = tuple[str, str]


@st.composite
def accounts(draw: st.DrawFn) -> list[Account]:
    """Ids, and the URL that belongs to each; some accounts have no picture."""
    ids = draw(st.lists(st.integers(10**8, 10**18), min_size=2, max_size=12, unique=True))
    return [
        (str(n), f"https://img.example/{n}.jpg" if draw(st.integers(0, 5)) or not i else "")
        for i, n in enumerate(ids)
    ]


@st.composite
def decoys(draw: st.DrawFn, row: int) -> dict[str, Any]:
    """Members of a row that are not the account's: a post's id, date, cover and media."""
    all_decoys = {
        "cover": f"https://img.example/cover/{row}.jpg",
        "banner_url": f"https://img.example/banner/{row}.jpg",
        "profile_banner_url": f"https://img.example/banner/{row}.jpg",
        "media_url": f"https://img.example/media/{row}.jpg",
        "html_url": f"https://site.example/{row}",
        "post_id": f"77{row}",
        "note": f"row {row}",
    }
    return {name: all_decoys[name] for name in draw(st.permutations(sorted(all_decoys)))[:4]}


def assert_own_urls(data: bytes, expected: Sequence[Account]) -> None:
    """Every id with its own URL, or a refusal; never another row's."""
    items = read_items_or_none(data)
    if items is None:
        return
    own = dict(expected)
    assert len(items) == len(expected)
    for item in items:
        assert item.custom_id in own
        assert item.source == own[item.custom_id]


@given(st.data(), accounts(), st.sampled_from(ID_NAMES), st.sampled_from(AVATAR_NAMES))
@settings(max_examples=150, deadline=None)
def test_tables(data: st.DataObject, rows: list[Account], id_name: str, avatar: str) -> None:
    prefix, joint = data.draw(st.sampled_from(PREFIXES)), data.draw(st.sampled_from(JOINTS))
    names = [f"{prefix}{joint}{name}" if prefix else name for name in (id_name, avatar)]
    others = data.draw(decoys(0))
    header = data.draw(st.permutations([*names, *others]))
    table = [list(header)]
    for n, (account_id, url) in enumerate(rows):
        cells = {names[0]: account_id, names[1]: url}
        cells |= {name: value.replace("/0.", f"/{n}.") for name, value in others.items()}
        table.append([cells[name] for name in header])
    assert_own_urls(format_csv(table, data.draw(st.sampled_from(",;\t"))), rows)


@given(st.data(), accounts(), st.sampled_from(ID_NAMES), st.sampled_from(AVATAR_NAMES))
@settings(max_examples=200, deadline=None)
def test_json(data: st.DataObject, rows: list[Account], id_name: str, avatar: str) -> None:
    entity = data.draw(st.sampled_from(["", "user", "author", "account", "actor", "node"]))
    objects = []
    for n, (account_id, url) in enumerate(rows):
        members = [(id_name, account_id), (avatar, url or None)]
        account = dict(data.draw(st.permutations(members)))
        others = {} if entity == "" else {"id": f"77{n}", "created_at": "2022-01-01"}
        row = {entity: account, **others} if entity and entity != "node" else account
        row |= data.draw(decoys(n))
        objects.append({"node": row} if entity == "node" else row)
    assert_own_urls(_wrap(data, objects), rows)


def _wrap(data: st.DataObject, objects: list[dict[str, Any]]) -> bytes:
    """The objects as a document of some shape."""
    key = data.draw(st.sampled_from(KEYS))
    shape = data.draw(st.sampled_from(["array", "lines", "page", "deep", "keyed", "pages"]))
    if shape == "array":
        return json.dumps(objects, indent=data.draw(st.sampled_from([None, 1]))).encode()
    if shape == "lines":
        return b"\n".join(json.dumps(each).encode() for each in objects)
    if shape == "page":
        return json.dumps({"cursor": "x", key: objects, "total_count": len(objects)}).encode()
    if shape == "deep":
        return json.dumps({"data": {"viewer": {key: {"total": 2, "list": objects}}}}).encode()
    if shape == "keyed":
        return json.dumps({f"name{n}": each for n, each in enumerate(objects)}).encode()
    return b"\n".join(json.dumps({"data": [each], "meta": {}}).encode() for each in objects)


@given(st.data(), accounts(), st.sampled_from(ID_NAMES), st.sampled_from(AVATAR_NAMES))
@settings(max_examples=100, deadline=None)
def test_orientations_of_pandas(
    data: st.DataObject, rows: list[Account], id_name: str, avatar: str
) -> None:
    names = [id_name, avatar, "note"]
    values = [[account_id, url or None, f"n{n}"] for n, (account_id, url) in enumerate(rows)]
    index = [str(n) for n in range(len(rows))]
    records = [dict(zip(names, row, strict=True)) for row in values]
    documents = {
        "records": records,
        "index": dict(zip(index, records, strict=True)),
        "columns": {
            name: dict(zip(index, column, strict=True))
            for name, column in zip(names, zip(*values, strict=True), strict=True)
        },
        "list": {
            name: list(column)
            for name, column in zip(names, zip(*values, strict=True), strict=True)
        },
        "split": {"columns": names, "index": index, "data": values},
        "table": {"schema": {"fields": [{"name": name} for name in names]}, "data": records},
        "values": [names, *values],
    }
    assert_own_urls(
        json.dumps(documents[data.draw(st.sampled_from(sorted(documents)))]).encode(), rows
    )
