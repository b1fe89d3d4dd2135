"""One item of a list, drawn: kept, made anew from its URL, or gone."""

from __future__ import annotations

import io
from typing import Any

import httpx
import pytest
from PIL import Image

from app.analysis.analyzer import Analyzer
from app.settings import Settings
from tests.api.analyses.test_router import expect_problem
from tests.api.picture_server import PictureServer, ShadeAnalyzer, complete_batch, shade_png
from tests.api.stub_analyzer import StartServer

FLAGGED_SHADE, OTHER_SHADE = 255, 90


@pytest.fixture(scope="module")
def server_parts() -> tuple[Settings, Analyzer]:
    return Settings(workers=1, batch_workers=1, fetch_allow=("127.0.0.1",)), ShadeAnalyzer()


def complete_uploads(client: httpx.Client, *shades: int) -> dict[str, Any]:
    files = [("file", (f"{shade}.png", shade_png(shade), "image/png")) for shade in shades]
    return complete_batch(client, files=files)


def get_overlay(client: httpx.Client, batch: dict[str, Any], seq: int) -> httpx.Response:
    return client.get(f"/v1/batches/{batch['id']}/items/{seq}/overlay.png")


def overlay_size(response: httpx.Response) -> tuple[int, int]:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "image/png"
    return Image.open(io.BytesIO(response.content), formats=("PNG",)).size


def test_of_a_flagged_item_the_drawing_is_kept(client: httpx.Client) -> None:
    batch = complete_uploads(client, OTHER_SHADE, FLAGGED_SHADE)
    width, height = overlay_size(get_overlay(client, batch, 1))
    assert width > 1000
    assert height > 500


def test_an_uploaded_picture_that_was_not_flagged_is_gone(client: httpx.Client) -> None:
    batch = complete_uploads(client, OTHER_SHADE, FLAGGED_SHADE)
    problem = expect_problem(get_overlay(client, batch, 0), 410, "picture_gone")
    assert "POST /v1/analyses" in problem.detail
    assert not problem.retryable


def test_others_are_fetched_once_more_if_they_are_the_same_picture(
    client: httpx.Client, picture_server: PictureServer
) -> None:
    batch = complete_batch(client, json={"items": picture_server.items(OTHER_SHADE)})
    path = f"/{OTHER_SHADE}.png"
    before = picture_server.requests[path]
    assert overlay_size(get_overlay(client, batch, 0))[0] > 1500
    assert picture_server.requests[path] == before + 1
    picture_server.failing_paths.add(path)
    expect_problem(get_overlay(client, batch, 0), 424, "fetch_failed")
    picture_server.failing_paths.clear()
    picture_server.swapped_shades[OTHER_SHADE] = 91
    try:
        problem = expect_problem(get_overlay(client, batch, 0), 410, "picture_gone")
    finally:
        picture_server.swapped_shades.clear()
    assert "another picture" in problem.detail


def test_what_is_not_there_is_told(client: httpx.Client, picture_server: PictureServer) -> None:
    batch = complete_batch(client, json={"items": picture_server.items(404)})
    assert "404" in expect_problem(get_overlay(client, batch, 0), 404, "not_found").detail
    expect_problem(get_overlay(client, batch, 7), 404, "not_found")
    expect_problem(get_overlay(client, batch, -1), 422, "invalid_request")


def test_an_operator_may_keep_none(start: StartServer) -> None:
    client = start(ShadeAnalyzer(), batch_workers=1, keep_overlays=False)
    batch = complete_uploads(client, FLAGGED_SHADE)
    expect_problem(get_overlay(client, batch, 0), 410, "picture_gone")
