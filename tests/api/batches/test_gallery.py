"""Single items, and what a gallery needs of many."""

from __future__ import annotations

import base64
import io
from typing import Any

import httpx
import pytest
from PIL import Image

from app.analysis.analyzer import Analyzer
from app.settings import Settings
from tests.api.analyses.test_router import expect_problem
from tests.api.picture_server import PictureServer, ShadeAnalyzer, complete_batch

LIST = "avatar,username,followers_count\n{0}/255.png,alice,12\n{0}/404.png,bob,3\n{0}/10.png,,\n"


@pytest.fixture(scope="module")
def server_parts() -> tuple[Settings, Analyzer]:
    return Settings(workers=1, batch_workers=2, fetch_allow=("127.0.0.1",)), ShadeAnalyzer()


@pytest.fixture
def batch_url(client: httpx.Client, picture_server: PictureServer) -> str:
    headers = {"Idempotency-Key": "one for all", "Content-Type": "text/csv"}
    content = LIST.format(picture_server.address)
    return f"/v1/batches/{complete_batch(client, content=content, headers=headers)['id']}"


def get_tiles(client: httpx.Client, batch_url: str, **query: Any) -> dict[str, Any]:
    page: dict[str, Any] = client.get(f"{batch_url}/tiles", params=query).json()
    return page


def test_tiles_say_of_each_item_what_a_gallery_shows(client: httpx.Client, batch_url: str) -> None:
    first, second, third = get_tiles(client, batch_url)["data"]
    result = client.get(f"{batch_url}/items/0").json()
    assert first["account"] == {"username": "alice", "followers_count": "12"}
    assert first["size"] == [40, 30]
    assert first["error"] is None
    for name in ("seq", "custom_id", "source", "outcome", "verdict", "llr", "warnings"):
        assert first[name] == result[name], name
    assert first["eyes"] == result["face"]["eyes"]
    assert first["pdq"] == result["image"]["pdq"]
    assert second["error"]["code"] == "fetch_failed"
    assert second["llr"] is second["verdict"] is second["eyes"] is None
    assert third["account"] == {}
    assert third["decision"] is None
    client.put(f"{batch_url}/items/2/decision", json={"decision": "real"})
    assert get_tiles(client, batch_url)["data"][2]["decision"] == "real"
    client.delete(f"{batch_url}/items/2/decision")


def test_tiles_come_in_pages_and_by_evidence(client: httpx.Client, batch_url: str) -> None:
    page = get_tiles(client, batch_url, order="-llr", limit=2)
    assert [tile["seq"] for tile in page["data"]] == [0, 2]
    assert page["has_more"]
    rest = get_tiles(client, batch_url, order="-llr", limit=2, cursor=page["next_cursor"])
    assert [tile["seq"] for tile in rest["data"]] == [1]
    assert not rest["has_more"]


def test_an_item_is_its_line_of_the_results(client: httpx.Client, batch_url: str) -> None:
    lines = client.get(f"{batch_url}/results").json()["data"]
    assert [client.get(f"{batch_url}/items/{n}").json() for n in range(3)] == lines
    expect_problem(client.get(f"{batch_url}/items/3"), 404, "not_found")
    expect_problem(client.get("/v1/batches/batch_0/items/0"), 404, "not_found")


def test_a_thumbnail_alone_and_many_at_once(client: httpx.Client, batch_url: str) -> None:
    alone = client.get(f"{batch_url}/items/0/thumbnail")
    assert alone.headers["content-type"] == "image/jpeg"
    assert alone.headers["cache-control"] == "private, max-age=3600"
    assert Image.open(io.BytesIO(alone.content)).size == (40, 30)
    known = {"If-None-Match": alone.headers["etag"]}
    assert client.get(f"{batch_url}/items/0/thumbnail", headers=known).status_code == 304
    expect_problem(client.get(f"{batch_url}/items/1/thumbnail"), 404, "not_found")
    many = client.get(f"{batch_url}/thumbnails", params={"seqs": "2,0,1,77"}).json()["data"]
    assert [each["seq"] for each in many] == [0, 2]
    head, _, data = many[0]["thumbnail"].partition(",")
    assert head == "data:image/jpeg;base64"
    assert base64.b64decode(data) == alone.content


@pytest.mark.parametrize("seqs", ["", "x", "-1", ",".join("1" * 201)])
def test_a_bad_choice_of_thumbnails_is_told(
    client: httpx.Client, batch_url: str, seqs: str
) -> None:
    response = client.get(f"{batch_url}/thumbnails", params={"seqs": seqs})
    expect_problem(response, 422, "invalid_request")
