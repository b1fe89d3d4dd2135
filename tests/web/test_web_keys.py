"""A service with API keys: the page asks for one, once, and everything works with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from app.settings import Settings
from tests.api.picture_server import complete_batch
from tests.api.stub_analyzer import serve_app
from tests.web.conftest import FaceAnalyzer, OpenPage, avatars, download_bundle
from tests.web.test_list import make_zip

pytestmark = pytest.mark.slow

KEY = "a key of sufficient length for the page"
Choose = Callable[[Page, dict[str, bytes]], None]


@pytest.fixture(scope="module")
def service(browser: Browser) -> Iterator[httpx.Client]:
    settings = Settings(workers=1, batch_workers=1, api_keys=KEY, fetch_allow=("127.0.0.1",))
    with serve_app(settings, FaceAnalyzer()) as client:
        client.headers["Authorization"] = f"Bearer {KEY}"
        yield client


def give(page: Page, key: str) -> None:
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Use it").click()


def test_a_key_is_asked_for_once_and_kept_out_of_every_store(
    open_page: OpenPage, choose: Choose
) -> None:
    page = open_page(strict=False)
    sent: list[str | None] = []
    page.on("request", lambda each: sent.append(each.headers.get("authorization")))
    choose(page, avatars(255))
    give(page, "wrong")
    expect(page.get_by_label("API key")).to_have_value("")
    give(page, KEY)
    expect(page.locator(".finding .verdict")).to_have_text("Likely StyleGAN")
    assert {"Bearer wrong", f"Bearer {KEY}"} <= set(sent)
    bundle = download_bundle(page)
    assert (bundle["files"], bundle["picture"]) == ("ok", "not computed")
    stores = "[localStorage.length, sessionStorage.length, document.cookie]"
    assert page.evaluate(stores) == [0, 0, ""]


def test_the_bundle_of_a_list_comes_with_the_key(
    open_page: OpenPage, service: httpx.Client
) -> None:
    headers = {"Content-Type": "application/zip"}
    batch = complete_batch(service, content=make_zip(255, 90), headers=headers)
    page = open_page(f"/#/lists/{batch['id']}", strict=False)
    give(page, KEY)
    expect(page.locator(".headline")).to_contain_text("1 of 2 faces")
    page.locator(".menu summary").first.click()
    bundle = download_bundle(page)
    assert bundle["files"] == bundle["counts"] == "ok"


def test_without_a_key_nothing_goes_on(open_page: OpenPage) -> None:
    page = open_page("/#/lists", strict=False)
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("alert")).to_contain_text("A key is needed")
