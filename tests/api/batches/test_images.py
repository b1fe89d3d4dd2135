"""A batch as pictures: what is drawn is what is there; the drawing itself is tested elsewhere."""

from __future__ import annotations

import io
import re
from typing import Any

import httpx
import pytest
from PIL import Image

from app.analysis.analyzer import Analyzer
from app.settings import Settings
from tests.api.analyses.test_router import expect_problem
from tests.api.picture_server import (
    PictureServer,
    ShadeAnalyzer,
    complete_batch,
    submit_batch,
    wait_until,
)
from tests.api.stub_analyzer import StartServer, picture_bytes
from tests.api.test_admission import Gate

SHADES = [255, 404, *range(0, 200, 5)]
IMAGE_NAMES = ("montage.png", "composite.png", "scatter.png", "report.html")


@pytest.fixture(scope="module")
def server_parts() -> tuple[Settings, Analyzer]:
    return Settings(workers=1, batch_workers=2, fetch_allow=("127.0.0.1",)), ShadeAnalyzer()


@pytest.fixture
def batch(client: httpx.Client, picture_server: PictureServer) -> dict[str, Any]:
    headers = {"Idempotency-Key": "one for all"}
    return complete_batch(client, json={"items": picture_server.items(*SHADES)}, headers=headers)


def get_picture(
    client: httpx.Client, batch: dict[str, Any], name: str, **query: Any
) -> Image.Image:
    response = client.get(f"/v1/batches/{batch['id']}/{name}", params=query)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "image/png"
    assert response.headers["cache-control"] == "no-store"
    return Image.open(io.BytesIO(response.content), formats=("PNG",)).convert("RGB")


@pytest.mark.parametrize("name", IMAGE_NAMES[:3])
def test_drawn_the_same_way_every_time(
    client: httpx.Client, batch: dict[str, Any], name: str
) -> None:
    assert get_picture(client, batch, name).tobytes() == get_picture(client, batch, name).tobytes()


def test_pages_of_the_montage(client: httpx.Client, batch: dict[str, Any]) -> None:
    pages = [get_picture(client, batch, "montage.png", page=n, per_page=20) for n in (1, 2, 3)]
    assert len({page.tobytes() for page in pages}) == 3
    assert pages[2].height < pages[0].height  # two are left for it
    path = f"/v1/batches/{batch['id']}/montage.png"
    beyond = client.get(path, params={"page": 4, "per_page": 20})
    assert "3" in expect_problem(beyond, 404, "not_found").detail
    likely = {"verdict": "likely_stylegan"}
    assert client.get(path, params=likely).status_code == 200
    expect_problem(client.get(path, params={**likely, "page": 2}), 404, "not_found")


def test_the_montage_shows_the_strongest_first_unless_told_otherwise(
    client: httpx.Client, batch: dict[str, Any]
) -> None:
    strongest = get_picture(client, batch, "montage.png", per_page=1).tobytes()
    explicit = get_picture(client, batch, "montage.png", per_page=1, order="-llr").tobytes()
    assert strongest == explicit
    assert get_picture(client, batch, "montage.png", per_page=60, order="input").tobytes() != (
        get_picture(client, batch, "montage.png", per_page=60).tobytes()
    )


def test_a_composite_of_some_or_of_all(client: httpx.Client, batch: dict[str, Any]) -> None:
    images = {
        of: get_picture(client, batch, "composite.png", **({"of": of} if of else {}))
        for of in ("", "likely_stylegan", "rest", "all")
    }
    assert len({image.tobytes() for image in images.values()}) == 4
    assert images[""].width > images["all"].width


@pytest.mark.parametrize(
    ("name", "query"),
    [
        ("montage.png", {"per_page": 301}),
        ("montage.png", {"per_page": 0}),
        ("montage.png", {"page": 0}),
        ("montage.png", {"order": "llr"}),
        ("montage.png", {"verdict": "guilty"}),
        ("composite.png", {"of": "some"}),
    ],
)
def test_a_bad_question_is_told(
    client: httpx.Client, batch: dict[str, Any], name: str, query: dict[str, Any]
) -> None:
    response = client.get(f"/v1/batches/{batch['id']}/{name}", params=query)
    expect_problem(response, 422, "invalid_request")


def test_the_report_is_sealed_and_asks_nobody(client: httpx.Client, batch: dict[str, Any]) -> None:
    response = client.get(f"/v1/batches/{batch['id']}/report.html")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script" not in policy
    assert "frame-ancestors 'none'" in policy
    assert response.headers["x-content-type-options"] == "nosniff"
    page = response.text
    assert batch["id"] in page
    assert "@255" in page
    assert "<script" not in page
    assert re.findall(r'(?:src|href)="(?!data:|#)', page) == []


@pytest.mark.parametrize("name", IMAGE_NAMES)
def test_nothing_to_draw_yet(start: StartServer, picture_server: PictureServer, name: str) -> None:
    gate = Gate()
    client = start(ShadeAnalyzer(during_analysis=gate), batch_workers=1)
    batch = submit_batch(client, json={"items": picture_server.items(1, 2)})
    path = f"/v1/batches/{batch['id']}/{name}"
    expect_problem(client.get(path), 409, "not_yet")
    gate.opened.set()
    wait_until(lambda: client.get(path).status_code == 200, "something to draw")


@pytest.mark.parametrize("name", IMAGE_NAMES)
def test_a_list_of_failures_can_be_drawn(client: httpx.Client, name: str) -> None:
    batch = complete_batch(client, json={"items": [{"url": "nothing"}]})
    assert client.get(f"/v1/batches/{batch['id']}/{name}").status_code == 200


def test_a_list_is_called_by_the_name_that_its_sender_gave_it(client: httpx.Client) -> None:
    pages = {}
    for name in ("Followers of @acme", "", "ﷺ名前名前名前"):
        body = {"items": [{"url": "nothing"}], "metadata": {"name": name}}
        batch = complete_batch(client, json=body)
        get_picture(client, batch, "montage.png")
        pages[name] = client.get(f"/v1/batches/{batch['id']}/report.html").text
        assert batch["id"] in pages[name]
    assert "<title>Eyeline report on Followers of @acme</title>" in pages["Followers of @acme"]
    assert "<title>Eyeline report on list batch_" in pages[""]
    assert "名前" in pages["ﷺ名前名前名前"]


def test_the_report_shows_pictures_that_look_alike(client: httpx.Client) -> None:
    files = [("file", (f"{n}.png", picture_bytes(), "image/png")) for n in range(3)]
    batch = complete_batch(client, files=files)
    assert [group["seqs"] for group in batch["cohort"]["duplicates"]] == [[0, 1, 2]]
    page = client.get(f"/v1/batches/{batch['id']}/report.html").text
    (group,) = re.findall(r'<div class="alike">(.*?)</div>', page)
    assert group.count("data:image/jpeg;base64,") == 3
