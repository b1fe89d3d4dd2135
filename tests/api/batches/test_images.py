"""A batch as pictures: what is drawn is what is there; the drawing itself is tested elsewhere."""

from __future__ import annotations

import io
import re
from typing import Any

import httpx
import pytest
from PIL import Image

from app.analysis.analyzer import Analyst
from app.settings import Settings
from tests.api.analyses.test_router import problem
from tests.api.elsewhere import ByShade, Elsewhere, finished, submitted, until
from tests.api.stand_in import Start, picture_bytes
from tests.api.test_admission import Gate

SHADES = [255, 404, *range(0, 200, 5)]
DRAWN = ("montage.png", "composite.png", "scatter.png", "report.html")


@pytest.fixture(scope="module")
def standing() -> tuple[Settings, Analyst]:
    return Settings(workers=1, batch_workers=2, fetch_allow=("127.0.0.1",)), ByShade()


@pytest.fixture
def batch(client: httpx.Client, elsewhere: Elsewhere) -> dict[str, Any]:
    headers = {"Idempotency-Key": "one for all"}
    return finished(client, json={"items": elsewhere.items(*SHADES)}, headers=headers)


def picture(client: httpx.Client, batch: dict[str, Any], name: str, **query: Any) -> Image.Image:
    response = client.get(f"/v1/batches/{batch['id']}/{name}", params=query)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "image/png"
    assert response.headers["cache-control"] == "no-store"
    return Image.open(io.BytesIO(response.content), formats=("PNG",)).convert("RGB")


@pytest.mark.parametrize("name", DRAWN[:3])
def test_drawn_the_same_way_every_time(
    client: httpx.Client, batch: dict[str, Any], name: str
) -> None:
    assert picture(client, batch, name).tobytes() == picture(client, batch, name).tobytes()


def test_pages_of_the_montage(client: httpx.Client, batch: dict[str, Any]) -> None:
    pages = [picture(client, batch, "montage.png", page=n, per_page=20) for n in (1, 2, 3)]
    assert len({page.tobytes() for page in pages}) == 3
    assert pages[2].height < pages[0].height  # two are left for it
    path = f"/v1/batches/{batch['id']}/montage.png"
    beyond = client.get(path, params={"page": 4, "per_page": 20})
    assert "3" in problem(beyond, 404, "not_found").detail
    likely = {"verdict": "likely_generated"}
    assert client.get(path, params=likely).status_code == 200
    problem(client.get(path, params={**likely, "page": 2}), 404, "not_found")


def test_the_montage_shows_the_strongest_first_unless_told_otherwise(
    client: httpx.Client, batch: dict[str, Any]
) -> None:
    strongest = picture(client, batch, "montage.png", per_page=1).tobytes()
    asked = picture(client, batch, "montage.png", per_page=1, order="-llr").tobytes()
    assert strongest == asked
    assert picture(client, batch, "montage.png", per_page=60, order="input").tobytes() != (
        picture(client, batch, "montage.png", per_page=60).tobytes()
    )


def test_a_composite_of_some_or_of_all(client: httpx.Client, batch: dict[str, Any]) -> None:
    drawn = {
        of: picture(client, batch, "composite.png", **({"of": of} if of else {}))
        for of in ("", "likely_generated", "rest", "all")
    }
    assert len({image.tobytes() for image in drawn.values()}) == 4
    assert drawn[""].width > drawn["all"].width


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
    problem(response, 422, "invalid_request")


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


@pytest.mark.parametrize("name", DRAWN)
def test_nothing_to_draw_yet(start: Start, elsewhere: Elsewhere, name: str) -> None:
    gate = Gate()
    client = start(ByShade(meanwhile=gate), batch_workers=1)
    batch = submitted(client, json={"items": elsewhere.items(1, 2)})
    path = f"/v1/batches/{batch['id']}/{name}"
    problem(client.get(path), 409, "not_yet")
    gate.opened.set()
    until(lambda: client.get(path).status_code == 200, "something to draw")


@pytest.mark.parametrize("name", DRAWN)
def test_a_list_of_failures_can_be_drawn(client: httpx.Client, name: str) -> None:
    batch = finished(client, json={"items": [{"url": "nothing"}]})
    assert client.get(f"/v1/batches/{batch['id']}/{name}").status_code == 200


def test_a_list_is_called_by_the_name_that_its_sender_gave_it(client: httpx.Client) -> None:
    pages = {}
    for name in ("Followers of @acme", "", "ﷺ名前名前名前"):
        body = {"items": [{"url": "nothing"}], "metadata": {"name": name}}
        batch = finished(client, json=body)
        picture(client, batch, "montage.png")
        pages[name] = client.get(f"/v1/batches/{batch['id']}/report.html").text
        assert batch["id"] in pages[name]
    assert "<title>Eyeline report on Followers of @acme</title>" in pages["Followers of @acme"]
    assert "<title>Eyeline report on list batch_" in pages[""]
    assert "名前" in pages["ﷺ名前名前名前"]


def test_the_report_shows_pictures_that_look_alike(client: httpx.Client) -> None:
    files = [("file", (f"{n}.png", picture_bytes(), "image/png")) for n in range(3)]
    batch = finished(client, files=files)
    assert [group["seqs"] for group in batch["cohort"]["duplicates"]] == [[0, 1, 2]]
    page = client.get(f"/v1/batches/{batch['id']}/report.html").text
    (group,) = re.findall(r'<div class="alike">(.*?)</div>', page)
    assert group.count("data:image/jpeg;base64,") == 3
