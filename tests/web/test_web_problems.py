"""What goes wrong: each has words of its own, and a way on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.web.conftest import OpenPage, avatars

pytestmark = pytest.mark.slow

Choose = Callable[[Page, dict[str, bytes]], None]


def problem(code: str, status: int, **headers: str) -> dict[str, Any]:
    body = {"code": code, "title": "T", "detail": "The service says why.", "request_id": "req_1"}
    return {"status": status, "json": body, "headers": {**headers}}


@pytest.mark.parametrize(
    ("files", "title"),
    [
        ({"a.png": b"\0" * 300_000}, "Too large"),
        ({"a.png": b"no picture at all"}, "Not a picture"),
        ({"a.doc": b"?"}, "Not a picture"),
        ({"a.csv": b"name,age\nx,1\n"}, "No pictures in this list"),
        ({"a.csv": b""}, "The list is empty"),
    ],
)
def test_what_cannot_be_read(
    open_page: OpenPage, choose: Choose, files: dict[str, bytes], title: str
) -> None:
    page = open_page(strict=False)
    choose(page, files)
    expect(page.get_by_role("alert")).to_contain_text(title)


def test_a_service_that_is_gone_and_comes_back(open_page: OpenPage, choose: Choose) -> None:
    page = open_page(strict=False)
    page.route("**/v1/analyses*", lambda route: route.abort())
    choose(page, avatars(255))
    expect(page.get_by_role("alert")).to_contain_text("The service does not answer")
    page.unroute("**/v1/analyses*")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".finding")).to_be_visible()


def test_a_limit_counts_down_and_tries_again_by_itself(open_page: OpenPage, choose: Choose) -> None:
    page = open_page(strict=False)
    answer = problem("rate_limited", 429, **{"Retry-After": "1"})
    page.route("**/v1/analyses*", lambda route: route.fulfill(**answer), times=1)
    choose(page, avatars(255))
    expect(page.get_by_role("alert")).to_contain_text("Too fast")
    expect(page.locator(".finding")).to_be_visible()


def test_a_list_that_has_expired(open_page: OpenPage) -> None:
    page = open_page("/#/lists/batch_000000000000000000000000", strict=False)
    expect(page.get_by_role("alert")).to_contain_text("This list is gone")
