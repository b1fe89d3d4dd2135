"""The page of the interface: complete, and nothing in it comes from elsewhere."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import threading
from typing import Any

import httpx

from app.api.app import create_app
from app.api.docs import render_page
from app.settings import Settings

DOCUMENT = create_app(Settings()).openapi()


def test_every_operation_and_every_answer_is_on_it(client: httpx.Client) -> None:
    shown = client.get("/docs").text
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            assert f"<code>{method.upper()} {path}</code>" in shown
            assert all(f"<dt>{status} " in shown for status in operation["responses"])


def test_no_script_and_nothing_from_elsewhere(client: httpx.Client) -> None:
    answered = client.get("/docs")
    assert answered.headers["content-type"] == "text/html; charset=utf-8"
    assert "<script" not in answered.text
    loaded = re.findall(r"<(?:img|link|iframe|script|object)\b|\bsrc=|@import|url\(", answered.text)
    assert loaded == []
    assert re.findall(r'href="([^"]*)"', answered.text) == ["/openapi.json"]
    style = re.search(r"<style>(.*?)</style>", answered.text, re.DOTALL)
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"'sha256-{digest}'" in answered.headers["content-security-policy"]


def test_it_is_written_once_and_never_by_the_event_loop() -> None:
    """Anybody may ask for it, as often as they like."""
    app, threads = create_app(Settings()), []
    generate = app.openapi

    def recording_generate() -> dict[str, Any]:
        threads.append(threading.current_thread())
        return generate()

    app.openapi = recording_generate  # type: ignore[method-assign]

    async def ask() -> None:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            for path in ("/docs", "/openapi.json") * 2:
                assert (await client.get(path)).status_code == 200
            for _ in range(2):
                assert (await client.delete("/livez")).headers["allow"] == "GET, HEAD"

    asyncio.run(ask())
    assert threading.main_thread() not in threads
    assert app.openapi() is app.openapi()


def test_whatever_a_description_says_is_text() -> None:
    evil = "<script>alert(1)</script>"
    info = {"title": evil, "version": evil, "description": evil}
    example = {
        "examples": {evil: {"value": evil}},
        "schema": {"properties": {evil: {"enum": [evil]}}},
    }
    operation = {
        "summary": evil,
        "description": evil,
        "parameters": [{"name": evil, "in": evil, "schema": {"type": evil}, "description": evil}],
        "requestBody": {"content": {evil: example}},
        "responses": {evil: {"description": evil, "content": {evil: example}}},
    }
    shown = render_page({"info": info, "paths": {evil: {"get": operation}}})
    assert "<script" not in shown
    assert "&lt;script&gt;" in shown


def test_there_is_no_other_page(client: httpx.Client) -> None:
    for path in ("/redoc", "/docs/oauth2-redirect"):
        assert client.get(path).status_code == 404
