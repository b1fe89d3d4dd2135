"""A service without keys, and pages that would use a browser to reach it."""

from __future__ import annotations

import httpx
import pytest

from tests.api.stub_analyzer import StartServer, picture_bytes

PNG = picture_bytes()
KEY = "correct horse battery staple"
FORM = {"Content-Type": "text/plain"}


def post(client: httpx.Client, **headers: str) -> httpx.Response:
    return client.post(
        "/v1/analyses", content=PNG, headers={"Content-Type": "image/png", **headers}
    )


def port(client: httpx.Client) -> int:
    assert client.base_url.port is not None
    return client.base_url.port


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "127.0.0.1", "127.9.9.9:80", "[::1]", "[::1]:8000"]
)
def test_names_of_this_machine_are_answered(client: httpx.Client, host: str) -> None:
    assert client.get("/livez", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "localhost@evil.example",
        "10.0.0.1",
        "0.0.0.0",
        "[::ffff:10.0.0.1]",
        "[::",
        "2130706433",
        "",
    ],
)
def test_a_name_that_was_pointed_here_is_not(client: httpx.Client, host: str) -> None:
    for path in ("/livez", "/v1/batches", "/docs", "/no-such-path"):
        refused = client.get(path, headers={"Host": host})
        assert refused.status_code == 421
        assert refused.json()["code"] == "misdirected"
        assert refused.headers["x-request-id"] == refused.json()["request_id"]


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://127.0.0.1:1", "null", "http://["]
)
def test_a_form_on_a_foreign_page_changes_nothing(client: httpx.Client, origin: str) -> None:
    for path in ("/v1/analyses", "/v1/batches", "/v1/batches/x/cancel"):
        refused = client.post(path, content=PNG, headers={**FORM, "Origin": origin})
        assert refused.status_code == 403
        assert refused.json()["code"] == "cross_origin"


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_browser_that_says_so_is_believed(client: httpx.Client, site: str) -> None:
    assert post(client, **{"Sec-Fetch-Site": site}).status_code == 403


def test_our_own_pages_and_programs_are_let_in(client: httpx.Client) -> None:
    assert post(client).status_code == 200
    own = f"http://127.0.0.1:{port(client)}"
    assert post(client, Origin=own, **{"Sec-Fetch-Site": "same-origin"}).status_code == 200


def test_a_foreign_page_can_read_nothing(client: httpx.Client) -> None:
    response = client.get("/v1/model", headers={"Origin": "https://evil.example"})
    assert "access-control-allow-origin" not in response.headers
    assert response.headers["cross-origin-resource-policy"] == "same-origin"
    preflight = client.options(
        "/v1/analyses",
        headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"},
    )
    assert "access-control-allow-origin" not in preflight.headers


def test_with_keys_any_name_will_do_since_no_page_knows_one(start: StartServer) -> None:
    client = start(api_keys=KEY)
    headers = {"Host": "eyeline.example", "Origin": "https://elsewhere.example"}
    assert post(client, **headers).status_code == 401
    assert post(client, **headers, Authorization=f"Bearer {KEY}").status_code == 200


@pytest.mark.parametrize("path", ["/", "/livez", "/v1/model", "/docs", "/openapi.json", "/nowhere"])
def test_every_answer_has_the_headers_that_browsers_heed(client: httpx.Client, path: str) -> None:
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-store"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "server" not in headers
