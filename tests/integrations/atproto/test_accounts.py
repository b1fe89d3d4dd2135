from __future__ import annotations

import io
import json
from collections.abc import Iterator

import pytest

from app.errors import FetchFailed
from app.integrations.atproto.accounts import (
    iter_followers,
    iter_list_members,
    open_appview,
    resolve_list_uri,
)
from app.lists.reader import open_list
from tests.integrations.atproto.fake_pds import OWNER, FakePds, run_fake_pds


@pytest.fixture(scope="module")
def pds() -> Iterator[FakePds]:
    with run_fake_pds() as fake:
        yield fake


def test_followers_of_every_page_become_a_list_that_is_read(pds: FakePds) -> None:
    rows = list(iter_followers(open_appview(pds.url), "owner.example"))
    assert [row["did"] for row in rows] == [f"did:plc:user{n}" for n in range(1, 6)]
    assert "nobody needs" not in json.dumps(rows)
    body = "\n".join(map(json.dumps, rows)).encode()
    followers = open_list(
        io.BytesIO(body), max_items=10, max_bytes=len(body), max_picture_bytes=1000
    )
    items = list(followers)
    assert followers.format == "bluesky"
    assert [item.custom_id for item in items] == [row["did"] for row in rows]
    assert items[0].account["username"] == "user1.example"


def test_members_of_a_list_by_uri_and_by_page(pds: FakePds) -> None:
    client = open_appview(pds.url)
    uri = f"at://{OWNER}/app.bsky.graph.list/3k"
    page = "https://bsky.app/profile/owner.example/lists/3k"
    assert resolve_list_uri(client, page) == resolve_list_uri(client, uri) == uri
    assert resolve_list_uri(client, page.replace("owner.example", OWNER)) == uri
    rows = list(iter_list_members(client, page))
    assert [row["handle"] for row in rows] == [f"user{n}.example" for n in range(1, 6)]


def test_the_servers_words_are_told(pds: FakePds) -> None:
    with pytest.raises(FetchFailed, match="Profile not found") as failure:
        list(iter_followers(open_appview(pds.url), "nobody.example"))
    assert failure.value.upstream_status == 400
    with pytest.raises(FetchFailed):
        list(iter_followers(open_appview("http://127.0.0.1:9"), "owner.example"))
