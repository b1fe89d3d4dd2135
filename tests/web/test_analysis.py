"""One avatar: put in by every way, read, toggled, taken along."""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.api.picture_server import run_picture_server, shade_png
from tests.web.axe import serious_violations
from tests.web.conftest import NO_FACE_SHADE, SIZES, OpenPage, avatars, download_bundle

pytestmark = pytest.mark.slow

Choose = Callable[[Page, dict[str, bytes]], None]


@pytest.mark.parametrize("size", SIZES)
def test_from_a_file_to_its_json(open_page: OpenPage, choose: Choose, size: str) -> None:
    page = open_page(size=size)
    page.evaluate("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
    choose(page, avatars(255))
    expect(page.locator(".finding .verdict")).to_have_text("Likely StyleGAN")
    expect(page.locator(".finding h2")).to_be_focused()
    expect(page.locator(".picture img")).to_be_visible()
    expect(page.locator(".check")).to_have_count(2)
    expect(page.locator(".row.total .value")).to_contain_text("+4.0")
    page.get_by_role("button", name="Copy JSON").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    answer = json.loads(page.evaluate("window.copied"))
    assert answer["verdict"] == "likely_stylegan"
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0]


def test_marks_are_switched_check_by_check(open_page: OpenPage, choose: Choose) -> None:
    page = open_page()
    choose(page, avatars(200))
    eyes = page.locator('.picture .marks[data-check="eye_alignment"]')
    texture = page.locator('.picture .marks[data-check="texture"]')
    expect(eyes).to_have_css("display", "inline")
    page.get_by_label("Eye alignment").uncheck()
    expect(eyes).to_have_css("display", "none")
    expect(texture).to_have_css("display", "inline")
    page.get_by_role("button", name="All marks off").click()
    expect(texture).to_have_css("display", "none")


def test_the_posterior_follows_the_prior(open_page: OpenPage, choose: Choose) -> None:
    page = open_page()
    choose(page, avatars(200))  # llr 2.25
    posterior = page.locator(".posterior")
    expect(posterior).to_have_text("Where 1 in 2,000 avatars is generated: 8.2 %")
    page.get_by_role("button", name="even odds").click()
    expect(posterior).to_contain_text("99.44 %")
    expect(page.locator(".dots .on")).to_have_count(99)
    slider = page.get_by_role("slider")
    slider.press("Home")
    expect(posterior).to_contain_text("0.18 %")
    assert "llr +2.3" in (slider.get_attribute("aria-valuetext") or "")


def test_the_bundle_of_one_holds_and_leaves_nothing_behind(
    open_page: OpenPage, choose: Choose
) -> None:
    page = open_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    choose(page, avatars(255))
    bundle = download_bundle(page)
    assert bundle["files"] == bundle["table"] == "ok"
    assert bundle["picture"] == "not computed"  # by a stub, whose models are none
    assert not [url for url in asked if "/v1/batches" in url]


def test_no_face_is_an_answer(open_page: OpenPage, choose: Choose) -> None:
    page = open_page()
    choose(page, avatars(NO_FACE_SHADE))
    expect(page.locator(".finding h2")).to_have_text("No face found.")
    expect(page.locator(".scale, .prior, .checks")).to_have_count(0)
    expect(page.locator(".scope")).to_contain_text("diffusion")
    for _ in range(2):
        page.get_by_role("link", name="Eyeline").click()
        choose(page, avatars(NO_FACE_SHADE))
        expect(page.locator(".finding")).to_be_visible()


def test_by_its_address_the_picture_is_shown_all_the_same(open_page: OpenPage) -> None:
    with run_picture_server() as pictures:
        page = open_page()
        page.get_by_label("Address of a picture").fill(pictures.url(255))
        page.keyboard.press("Enter")
        expect(page.locator(".finding .verdict")).to_have_text("Likely StyleGAN")
        assert page.evaluate("document.querySelector('.picture img').naturalWidth") == 40


def test_pasted_text_is_read(open_page: OpenPage, service: httpx.Client) -> None:
    page = open_page()
    _paste(page, "https://127.0.0.1/a.png\nhttps://127.0.0.1/b.png")
    expect(page.locator(".preview h1")).to_contain_text("2 pictures")
    assert service.get("/v1/batches").json()["data"] == [] or page.url.endswith("#/")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_for_axe(open_page: OpenPage, choose: Choose, scheme: str) -> None:
    page = open_page(bypass_csp=True, color_scheme=scheme)
    assert serious_violations(page) == []
    page.get_by_role("button", name="Help").click()
    assert serious_violations(page) == []
    page.keyboard.press("Escape")
    choose(page, {"a.png": shade_png(255)})
    expect(page.locator(".finding")).to_be_visible()
    assert serious_violations(page) == []


def _paste(page: Page, text: str) -> None:
    page.evaluate(
        """(text) => {
            const data = new DataTransfer();
            data.setData("text/plain", text);
            document.body.dispatchEvent(
                new ClipboardEvent("paste", { clipboardData: data, bubbles: true }));
        }""",
        text,
    )
