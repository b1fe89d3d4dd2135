"""A list: how it is read, its progress, the gallery, triage by keyboard, exports, the end."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.api.picture_server import complete_batch, shade_png
from tests.web.axe import serious_violations
from tests.web.conftest import NO_FACE_SHADE, SIZES, OpenPage, avatars, download_bundle, status_of

pytestmark = pytest.mark.slow

Choose = Callable[[Page, dict[str, bytes]], None]
SHADES = (255, 240, 220, 150, 90, NO_FACE_SHADE)
ACCOUNTS = "avatar,username,display_name,created_at,followers_count\n" + "".join(
    f"{shade}.png,user{shade},Name {shade},2024-03-0{n + 1}T10:00:00Z,{100 * n}\n"
    for n, shade in enumerate(SHADES)
)


def make_zip(*shades: int) -> bytes:
    """Pictures and the accounts that show them."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("accounts.csv", ACCOUNTS)
        for shade in shades:
            archive.writestr(f"{shade}.png", shade_png(shade))
    return buffer.getvalue()


@pytest.fixture(scope="module")
def batch(service: httpx.Client) -> dict[str, Any]:
    """A list that has ended."""
    headers = {"Content-Type": "application/zip", "Idempotency-Key": "one for all"}
    return complete_batch(service, content=make_zip(*SHADES), headers=headers)


@pytest.mark.parametrize("size", SIZES)
def test_from_a_drop_to_exported_decisions(
    open_page: OpenPage, choose: Choose, service: httpx.Client, size: str
) -> None:
    page = open_page(size=size)
    files = {"accounts.csv": ACCOUNTS.encode(), **avatars(*SHADES)}
    if size == "narrow":
        files["edges.csv"] = b"source,target\nuser255,user90\n"
    choose(page, files)
    lines = ", 1 line between accounts" if size == "narrow" else ""
    expect(page.locator(".preview h1")).to_have_text(f"6 pictures (csv){lines}")
    expect(page.locator(".mapping")).to_contain_text("display_name")
    page.get_by_label("Call it").fill("Six faces")
    page.get_by_role("button", name="Start").click()
    expect(page.locator(".headline")).to_contain_text("3 of 5 faces")
    expect(page.locator(".shown")).to_have_text("6")
    expect(page.locator('.tile[aria-posinset="1"]')).to_contain_text("Name 255")
    assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[size][0]
    for key in ("f", "c", "u", "c", "n"):
        page.keyboard.press(key)
    expect(page.locator('.tile[data-decision="generated"]')).to_have_count(1)
    expect(page.locator('.tile[data-decision="real"]')).to_have_count(1)
    expect(page.locator(".own")).to_contain_text("1 of 2 decided were called real")
    rows = _export(page, "CSV")
    decided = {row["username"]: row["decision"] for row in csv.DictReader(io.StringIO(rows))}
    assert {k: v for k, v in decided.items() if v} == {
        "user255": "generated",
        "user240": "real",
        "user220": "unsure",
    }
    page.locator(".menu summary").first.click()
    bundle = download_bundle(page)
    assert bundle["files"] == bundle["table"] == bundle["counts"] == "ok"
    page.reload()
    expect(page.locator('.tile[data-decision="generated"]')).to_have_count(1)
    batch_url = f"/v1/batches/{page.url.rpartition('/')[2]}"
    assert service.get(batch_url).json()["title"] == "Six faces"
    if size == "narrow":  # the panel leaves the picture that it is about in sight
        page.locator('.tile[aria-posinset="2"]').click()
        tile = page.locator('.tile[aria-selected="true"]').bounding_box()
        panel = page.locator(".detail").bounding_box()
        assert tile
        assert panel
        assert 0 <= tile["y"] <= tile["y"] + tile["height"] <= panel["y"]


def _export(page: Page, name: str) -> str:
    page.locator(".menu summary").first.click()
    with page.expect_download() as download:
        page.get_by_role("button", name=name).click()
    text = Path(download.value.path()).read_text(encoding="utf-8")
    page.locator(".menu summary").first.click()
    return text


def test_the_account_and_where_else_to_look(open_page: OpenPage, batch: dict[str, Any]) -> None:
    page = open_page(f"/#/lists/{batch['id']}")
    detail = page.locator(".detail")
    expect(detail.locator(".account")).to_contain_text("user255")
    expect(detail.locator(".finding")).to_contain_text("Likely StyleGAN")
    page.locator(".gallery").press("End")
    expect(detail.locator(".finding")).to_contain_text("No face found")
    expect(detail.locator(".elsewhere")).to_have_count(0)  # a file has no address to give away


def test_filters_and_search(open_page: OpenPage, batch: dict[str, Any]) -> None:
    page = open_page(f"/#/lists/{batch['id']}")
    shown = page.locator(".shown")
    expect(shown).to_have_text("6")
    likely = page.locator('.pill[data-verdict="likely_stylegan"]')
    likely.click()
    expect(shown).to_have_text("3 of 6")
    expect(likely).to_be_focused()
    likely.click()
    page.get_by_label("Search").fill("name 90")
    expect(shown).to_have_text("1 of 6")
    page.get_by_label("Search").fill("")
    page.get_by_label("kind").select_option("no_face")
    expect(page.locator(".tile:visible")).to_have_count(1)
    expect(page.locator(".tile .eye:visible")).to_have_count(0)
    page.get_by_label("Search").fill("nobody")
    expect(shown).to_have_text("0 of 6")
    expect(page.locator(".gallery.none")).to_be_visible()
    page.get_by_role("button", name="Clear").click()
    expect(shown).to_have_text("6")
    expect(page.get_by_label("kind")).to_have_value("")


def test_a_decision_that_is_refused_is_taken_back_and_one_may_have_a_reason(
    open_page: OpenPage, batch: dict[str, Any], service: httpx.Client
) -> None:
    page = open_page(f"/#/lists/{batch['id']}", strict=False)
    refusal = {"status": 507, "json": {"title": "T", "detail": "The disk is full."}}
    page.route("**/decision", lambda route: route.fulfill(**refusal), times=1)
    expect(page.locator(".tile:visible").first).to_be_visible()
    page.keyboard.press("f")
    expect(page.locator(".own")).to_contain_text("Not kept: The disk is full.")
    expect(page.locator('.tile[data-decision="generated"]')).to_have_count(0)
    page.keyboard.press("c")
    page.keyboard.press("ArrowLeft")
    page.get_by_label("Why you decided so").fill("known in person")
    with page.expect_response("**/decision"):
        page.keyboard.press("Tab")
    rows = service.get(f"/v1/batches/{batch['id']}/results").json()["data"]
    assert [r["decision"] for r in rows if r["decision_note"] == "known in person"] == ["real"]
    page.reload()
    page.locator('.tile[aria-posinset="2"]').click()
    expect(page.locator(".decide [aria-pressed=true]")).to_have_text("Realc")
    expect(page.get_by_label("Why you decided so")).to_have_value("known in person")


def test_a_stream_that_breaks_off_is_said_so(open_page: OpenPage, batch: dict[str, Any]) -> None:
    page = open_page(strict=False)
    running = {**batch, "status": "in_progress", "cohort": None}
    page.route(f"**/v1/batches/{batch['id']}", lambda route: route.fulfill(json=running))
    page.route("**/events", lambda route: route.abort())
    page.goto(f"/#/lists/{batch['id']}")
    expect(page.locator(".progress")).to_contain_text("Connection lost")
    expect(page.get_by_role("button", name="Stop")).to_be_visible()


def test_eye_lines_blink_and_help_by_keyboard(open_page: OpenPage, batch: dict[str, Any]) -> None:
    page = open_page(f"/#/lists/{batch['id']}", reduced_motion="reduce")
    expect(page.locator(".tile .eye:visible").first).to_be_visible()
    page.keyboard.press("l")
    expect(page.locator(".tile .eye:visible")).to_have_count(0)
    page.keyboard.press("b")
    expect(page.locator('.tile[data-pinned="yes"]')).to_have_count(1)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("b")
    caption = page.locator(".blink p")
    before = caption.text_content()
    page.get_by_role("button", name="Turn").click()
    expect(caption).not_to_have_text(before or "")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.locator("dialog.help")).to_contain_text("generated")


def test_only_visible_tiles_exist(open_page: OpenPage, batch: dict[str, Any]) -> None:
    page = open_page(strict=False)  # the service does not have those items
    page.route("**/tiles?*", lambda route: route.fulfill(json=_many_tiles(5000)))
    page.route("**/thumbnails?*", lambda route: route.fulfill(json={"data": []}))
    page.goto(f"/#/lists/{batch['id']}")
    expect(page.locator(".shown")).to_have_text("5,000")
    assert page.locator(".tile").count() < 200
    page.locator(".gallery").press("End")
    expect(page.locator('.tile[aria-posinset="5000"]')).to_be_in_viewport()
    assert page.locator(".tile").count() < 250


def _many_tiles(count: int) -> dict[str, Any]:
    unknown: dict[str, Any] = dict.fromkeys(
        ("llr_ordinary", "llr_framed", "template", "transform", "decision")
    )
    tiles: list[dict[str, Any]] = [
        {
            **unknown,
            "seq": seq,
            "custom_id": f"user{seq}",
            "source": f"{seq}.png",
            "outcome": "scored",
            "verdict": "inconclusive",
            "llr": -seq / 1000,
            "eyes": None,
            "size": [100, 100],
            "pdq": f"{seq:064x}",
            "warnings": [],
            "account": {},
            "error": None,
        }
        for seq in range(count)
    ]
    return {"data": tiles, "has_more": False, "next_cursor": None}


def test_the_list_of_lists_erases_after_asking(open_page: OpenPage, service: httpx.Client) -> None:
    headers = {"Content-Type": "application/zip"}
    short = complete_batch(
        service, content=make_zip(255), headers=headers, params={"title": "To be erased"}
    )
    page = open_page("/#/lists")
    row = page.get_by_role("row").filter(has_text="To be erased")
    expect(row).to_contain_text("completed")
    row.get_by_role("button", name="Erase To be erased").click()
    page.get_by_role("button", name="Keep").click()
    expect(row).to_be_visible()
    row.get_by_role("button", name="Erase To be erased").click()
    with page.expect_response(lambda response: response.request.method == "DELETE"):
        page.get_by_role("button", name="Erase", exact=True).click()
    expect(row).to_have_count(0)
    assert status_of(service, f"/v1/batches/{short['id']}") == 404


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_for_axe(open_page: OpenPage, batch: dict[str, Any], scheme: str) -> None:
    page = open_page(f"/#/lists/{batch['id']}", bypass_csp=True, color_scheme=scheme)
    expect(page.locator(".detail .finding")).to_be_visible()
    assert serious_violations(page) == []
    page.goto("/#/lists")
    expect(page.get_by_role("heading", name="Lists")).to_be_visible()
    assert serious_violations(page) == []
