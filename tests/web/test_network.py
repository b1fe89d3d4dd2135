"""The network of a list, as the page draws it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from app.runtime.network_json import NetworkOut
from tests.api.picture_server import complete_batch
from tests.web.axe import serious_violations
from tests.web.conftest import OpenPage
from tests.web.test_list import make_zip

pytestmark = pytest.mark.slow

PATH = "/#/lists/{}/network"


def make_network(batch_id: str) -> NetworkOut:
    """Three accounts that show one picture, and a pair that the caller brought."""
    places = [(1.0, 1.0), (2.0, 1.0), (1.5, 2.0), (4.0, 1.0), (5.0, 1.0)]
    nodes = [
        {
            "account": f"user{seq}",
            "seq": seq,
            "flagged": seq < 3,
            "llr": 2.5,
            "created_at": None,
            "component": int(seq > 2),
            "x": x,
            "y": y,
        }
        for seq, (x, y) in enumerate(places)
    ]
    ends = [(0, 1, "picture"), (0, 2, "picture"), (3, 4, "own")]
    members: tuple[tuple[list[int], int, str], ...] = (
        ([0, 1, 2], 3, "picture"),
        ([3, 4], 0, "own"),
    )
    return NetworkOut.model_validate(
        {
            "batch": batch_id,
            "summary": "5 of 6 accounts have a line.",
            "accounts": 6,
            "width": 6.0,
            "height": 3.0,
            "kinds": [
                {
                    "kind": kind,
                    "label": label,
                    "groups": 1,
                    "edges": 2 if kind == "picture" else 1,
                    "chance": "In no more than one list of 100.",
                    "left_out": ["A default picture."],
                }
                for kind, label in (("picture", "the same picture"), ("own", "a line you brought"))
            ],
            "components": [
                {
                    "seqs": seqs,
                    "accounts": len(seqs),
                    "flagged": flagged,
                    "kinds": [kind],
                    "sentence": f"{len(seqs)} accounts by {kind}.",
                    "chance": {kind: None},
                    "x": 1.0,
                    "y": 1.0,
                    "radius": 1.0,
                    "is_disc": False,
                }
                for seqs, flagged, kind in members
            ],
            "nodes": nodes,
            "edges": [
                {"source": source, "target": target, "kind": kind, "weight": 1.0}
                for source, target, kind in ends
            ],
            "shows": "Each point is one account.",
            "does_not_show": "It does not show who runs an account.",
            "notes": [],
        }
    )


@pytest.fixture(scope="module")
def batch(service: httpx.Client) -> dict[str, Any]:
    headers = {"Content-Type": "application/zip", "Idempotency-Key": "for the network"}
    return complete_batch(service, content=make_zip(255, 240, 220, 150, 90), headers=headers)


def test_groups_are_drawn_and_told(open_page: OpenPage, batch: dict[str, Any]) -> None:
    page = open_page(bypass_csp=True)
    network = make_network(batch["id"]).model_dump(mode="json")
    page.route("**/network.json", lambda route: route.fulfill(json=network))
    page.goto(PATH.format(batch["id"]))
    rows = page.get_by_role("region", name="Groups").locator("tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("3 accounts by picture.")
    expect(page.locator(".scope")).to_contain_text("who runs an account")
    rows.nth(1).get_by_role("button", name="Show group 2").click()
    page.wait_for_function("document.querySelector('canvas').width > 0")
    with_lines = _pixels(page)
    page.get_by_label("a line you brought").uncheck()
    page.evaluate("new Promise(requestAnimationFrame)")
    assert _pixels(page) != with_lines
    assert serious_violations(page) == []


def test_a_list_without_groups_says_so(open_page: OpenPage, batch: dict[str, Any]) -> None:
    page = open_page(PATH.format(batch["id"]))
    expect(page.locator(".empty")).to_contain_text("Nothing joins these accounts")
    expect(page.locator(".scope")).to_contain_text("who runs an account")
    page.get_by_role("link", name="List", exact=True).click()
    expect(page.locator(".headline")).to_be_visible()


def _pixels(page: Page) -> str:
    text: str = page.evaluate("document.querySelector('canvas').toDataURL()")
    return text
