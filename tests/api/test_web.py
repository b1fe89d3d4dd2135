"""The page's files over HTTP; what they do in a browser is tested in ``tests/web``."""

from __future__ import annotations

import re

import httpx
import pytest

from app.api.web import load_web_files

MAX_SCRIPT_BYTES = 120_000
MAX_LINES = 260
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.fixture
def root(client: httpx.Client) -> str:
    """Where the page's files are."""
    match = re.search(r"/web/[0-9a-f]{16}", client.get("/", headers=BROWSER).text)
    assert match is not None
    return match[0]


def test_a_browser_gets_the_page_and_others_a_line(client: httpx.Client) -> None:
    page = client.get("/", headers=BROWSER)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["vary"] == "Accept"
    assert page.text.lower().startswith("<!doctype html>")
    line = client.get("/")
    assert line.headers["content-type"] == "text/plain; charset=utf-8"
    assert "/docs" in line.text


def test_the_page_may_load_nothing_from_elsewhere_and_run_nothing_inline(
    client: httpx.Client,
) -> None:
    page = client.get("/", headers=BROWSER)
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert page.headers["x-frame-options"] == "DENY"
    assert page.headers["cache-control"] == "no-cache"
    assert not re.search(r"<script>|<style|\son\w+=|\sstyle=|(src|href)=.https?:", page.text)


def test_files_are_kept_for_good_under_their_own_version(client: httpx.Client, root: str) -> None:
    script = client.get(f"{root}/main.js")
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert script.headers["cache-control"].endswith("immutable")
    assert client.get("/web/0123/main.js").headers["cache-control"] == "no-cache"
    known = {"If-None-Match": f'"other", {script.headers["etag"]}'}
    again = client.get(f"{root}/main.js", headers=known)
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("name", ["nothing.js", "index.html", "../api/web.py", "%2e%2e/api/web.py"])
def test_nothing_else_is_served(client: httpx.Client, root: str, name: str) -> None:
    assert client.get(f"{root}/{name}").status_code == 404


def test_scripts_stay_small() -> None:
    """All of them together, and each: the page has no build step that would make them so."""
    scripts = {
        name: file.content
        for name, file in load_web_files().by_name.items()
        if name.endswith(".js")
    }
    assert sum(map(len, scripts.values())) < MAX_SCRIPT_BYTES
    longest = {name: content.count(b"\n") for name, content in scripts.items()}
    assert max(longest.values()) <= MAX_LINES
