"""axe-core in the page: what it calls serious or critical is a failure."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

from playwright.sync_api import Page

_BAD = ("serious", "critical")


@cache
def _script() -> str:
    return files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")


def serious_violations(page: Page) -> list[str]:
    """Rule, help and the first elements of each. The page must be opened with ``bypass_csp``."""
    page.evaluate(_script())
    result: dict[str, Any] = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{each['id']}: {each['help']}: {[node['target'] for node in each['nodes'][:3]]}"
        for each in result["violations"]
        if each["impact"] in _BAD
    ]
