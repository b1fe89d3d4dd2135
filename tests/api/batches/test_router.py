"""``/v1/batches``: every way in, every refusal, and what may be done with a batch."""

from __future__ import annotations

import gzip
import io
import json
import socket
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from app.analysis.analyzer import Analyzer
from app.api import request_body
from app.api.batches import state
from app.api.batches.schemas import BatchListOut
from app.runtime.batch_json import BatchOut
from app.settings import Settings
from tests.api.analyses.test_router import expect_problem
from tests.api.picture_server import (
    PictureServer,
    ShadeAnalyzer,
    complete_batch,
    run_picture_server,
    shade_png,
    submit_batch,
    wait_for_end,
    wait_until,
)
from tests.api.stub_analyzer import StartServer
from tests.api.test_admission import Gate
from tests.lists.kinds import BASE, KINDS, Kind

PATH = "/v1/batches"
SHADES = (255, 150, 10)
VERDICTS = ["likely_stylegan", "inconclusive", "unlikely_stylegan"]


@pytest.fixture(scope="module")
def server_parts() -> tuple[Settings, Analyzer]:
    return Settings(workers=1, batch_workers=2, fetch_allow=("127.0.0.1",)), ShadeAnalyzer()


def get_verdicts(client: httpx.Client, batch: dict[str, Any]) -> list[str]:
    data = client.get(f"{PATH}/{batch['id']}/results").json()["data"]
    return [line.get("verdict") or line["error"]["code"] for line in data]


def make_zip() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number, shade in enumerate(SHADES):
            archive.writestr(f"{number}.png", shade_png(shade))
    return buffer.getvalue()


def make_tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for number, shade in enumerate(SHADES):
            entry = tarfile.TarInfo(f"{number}.png")
            entry.size = len(shade_png(shade))
            archive.addfile(entry, io.BytesIO(shade_png(shade)))
    return buffer.getvalue()


def raw_request(content: bytes | str, kind: str, **headers: str) -> dict[str, Any]:
    return {"content": content, "headers": {"Content-Type": kind, **headers}}


RequestBuilder = Callable[[PictureServer], dict[str, Any]]


def make_csv(pictures: PictureServer, separator: str = ",") -> str:
    rows = [f"@{shade}{separator}{pictures.url(shade)}" for shade in SHADES]
    return "\n".join([f"id{separator}avatar", *rows]) + "\n"


REQUEST_BUILDERS: dict[str, RequestBuilder] = {
    "json": lambda e: {"json": {"items": e.items(*SHADES)}},
    "ndjson": lambda e: raw_request(
        "".join(json.dumps(item) + "\n" for item in e.items(*SHADES)), "application/x-ndjson"
    ),
    "csv": lambda e: raw_request(make_csv(e), "text/csv"),
    "tsv": lambda e: raw_request(make_csv(e, "\t"), "text/tab-separated-values"),
    "urls": lambda e: raw_request("\n".join(map(e.url, SHADES)), "text/plain"),
    "curl's default type": lambda e: raw_request(make_csv(e), "application/x-www-form-urlencoded"),
    "no type": lambda e: {"content": make_csv(e).encode()},
    "gzip": lambda e: raw_request(gzip.compress(make_csv(e).encode()), "application/gzip"),
    "gzip as a coding": lambda e: raw_request(
        gzip.compress(make_csv(e).encode()), "text/csv", **{"Content-Encoding": "gzip"}
    ),
    "an export": lambda e: {
        "json": [{"acct": str(s), "avatar_static": e.url(s), "avatar": e.url(404)} for s in SHADES]
    },
    "zip": lambda _: raw_request(make_zip(), "application/zip"),
    "tar": lambda _: raw_request(make_tar(), "application/x-tar"),
    "a form with a list": lambda e: {"files": {"file": ("list.csv", make_csv(e))}},
    "a form with a zip": lambda _: {"files": {"file": ("pictures.zip", make_zip())}},
    "a form with pictures": lambda _: {
        "files": [("file", ("same name.png", shade_png(shade), "image/png")) for shade in SHADES]
    },
}


@pytest.mark.parametrize("way", REQUEST_BUILDERS)
def test_the_same_list_in_every_way(
    client: httpx.Client, picture_server: PictureServer, way: str
) -> None:
    batch = BatchOut.model_validate(complete_batch(client, **REQUEST_BUILDERS[way](picture_server)))
    assert batch.request_counts.model_dump() == {"total": 3, "completed": 3, "failed": 0}
    assert batch.verdicts == dict.fromkeys(VERDICTS, 1)
    assert batch.outcomes == {"scored": 3}
    assert batch.prior == 0.5
    assert batch.cohort is not None
    assert batch.completed_at is not None
    assert batch.expires_at is not None
    assert get_verdicts(client, batch.model_dump()) == VERDICTS


def test_a_single_picture_in_a_form_is_a_list_of_one(client: httpx.Client) -> None:
    batch = complete_batch(client, files={"file": ("a.png", shade_png(255), "image/png")})
    assert get_verdicts(client, batch) == ["likely_stylegan"]


def test_wrong_rows_are_item_errors_and_keep_nothing_up(
    client: httpx.Client, picture_server: PictureServer
) -> None:
    items = [*picture_server.items(255, 404), {"custom_id": "@x", "url": "ftp://a/b"}]
    batch = complete_batch(client, json={"items": [*items, {"custom_id": "@y"}]})
    assert batch["request_counts"] == {"total": 4, "completed": 1, "failed": 3}
    assert get_verdicts(client, batch)[:3] == ["likely_stylegan", "fetch_failed", "url_invalid"]


def test_options_come_with_query_form_or_json_and_the_body_goes_first(
    client: httpx.Client, picture_server: PictureServer
) -> None:
    query = {"prior": "0.2", "metadata": json.dumps({"from": "query"})}
    by_query = submit_batch(client, params=query, **REQUEST_BUILDERS["csv"](picture_server))
    assert (by_query["prior"], by_query["metadata"]) == (0.2, {"from": "query"})
    form = {
        "data": {"metadata": json.dumps({"from": "form"})},
        **REQUEST_BUILDERS["a form with a list"](picture_server),
    }
    by_form = submit_batch(client, params=query, **form)
    assert (by_form["prior"], by_form["metadata"]) == (0.2, {"from": "form"})
    body = {"items": picture_server.items(255), "prior": 0.01, "metadata": {"from": "json"}}
    by_json = submit_batch(client, params=query, json=body)
    assert (by_json["prior"], by_json["metadata"]) == (0.01, {"from": "json"})
    for batch in (by_query, by_form, by_json):
        line = client.get(f"{PATH}/{wait_for_end(client, batch)['id']}/results").json()["data"][0]
        assert line["prior"] == batch["prior"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("prior", 0),
        ("prior", "even"),
        ("metadata", {str(n): "" for n in range(17)}),
        ("metadata", {"a": "x" * 513}),
        ("metadata", {"a": 1}),
        ("metadata", ["a"]),
        ("metadata", json.loads('{"a":' * 400 + "1" + "}" * 400)),
        ("webhook_url", "https://example.com/"),  # no secret to sign with
        ("webhook_url", ""),
    ],
)
@pytest.mark.parametrize("how", ["json", "query", "form"])
def test_a_bad_option_is_named(
    client: httpx.Client, picture_server: PictureServer, how: str, name: str, value: Any
) -> None:
    text = value if isinstance(value, str) else json.dumps(value)
    requests: dict[str, dict[str, Any]] = {
        "json": {"json": {"items": picture_server.items(255), name: value}},
        "query": {"params": {name: text}, **REQUEST_BUILDERS["csv"](picture_server)},
        "form": {"data": {name: text}, **REQUEST_BUILDERS["a form with a list"](picture_server)},
    }
    response = client.post(PATH, **requests[how])
    refusal = expect_problem(response, 422, "invalid_request")
    assert refusal.errors is not None
    assert refusal.errors[0].pointer.startswith(f"#/{name}")


def test_an_option_that_does_not_exist_is_not_taken_for_none(
    client: httpx.Client, picture_server: PictureServer
) -> None:
    query = client.post(PATH, params={"priors": "0.1"}, **REQUEST_BUILDERS["csv"](picture_server))
    form = client.post(
        PATH, data={"priors": "0.1"}, **REQUEST_BUILDERS["a form with a list"](picture_server)
    )
    body = client.post(PATH, json={"items": picture_server.items(255), "priors": 0.1})
    for response in (query, form, body):
        refusal = expect_problem(response, 422, "invalid_request")
        assert refusal.errors is not None
        assert refusal.errors[0].pointer == "#/priors"


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (raw_request(b"", "text/csv"), "list_empty"),
        (raw_request(b'{"items": []}', "application/json"), "list_empty"),
        (raw_request(b"\x00\x01\x02\xff" * 100, "application/octet-stream"), "list_unreadable"),
        (raw_request(b'{"items": [', "application/json"), "list_unreadable"),
        (
            raw_request(
                b'window.YTD.follower.part0 = [{"follower": {"accountId": "1", '
                b'"userLink": "https://twitter.com/intent/user?user_id=1"}}]',
                "application/javascript",
            ),
            "list_without_avatars",
        ),
    ],
)
def test_what_is_no_list_is_told(client: httpx.Client, request_: dict[str, Any], code: str) -> None:
    expect_problem(client.post(PATH, **request_), 422, code)


def test_a_lone_picture_is_sent_to_the_other_door(client: httpx.Client) -> None:
    response = client.post(PATH, **raw_request(shade_png(1), "image/png"))
    assert "/v1/analyses" in expect_problem(response, 415, "unsupported_media_type").detail


def test_a_coding_that_is_not_read_is_told(
    client: httpx.Client, picture_server: PictureServer
) -> None:
    request = raw_request(make_csv(picture_server), "text/csv", **{"Content-Encoding": "br"})
    expect_problem(client.post(PATH, **request), 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "request_",
    [
        {"files": {"picture": ("a.csv", "x")}},
        {"files": {"file": (None, "a,b")}},
        raw_request(b"--x\r\nnonsense", "multipart/form-data"),
        raw_request(b"--x\r\nnonsense", "multipart/form-data; boundary=x"),
        raw_request(b"", "multipart/form-data; boundary=x"),
    ],
)
def test_a_form_without_its_file_is_told(client: httpx.Client, request_: dict[str, Any]) -> None:
    expect_problem(client.post(PATH, **request_), 422, "invalid_request")


def test_the_same_key_and_list_is_the_same_batch(
    client: httpx.Client, picture_server: PictureServer
) -> None:
    key = {"Idempotency-Key": "the first of May"}
    csv_ = make_csv(picture_server)
    headers = {"Content-Type": "text/csv", **key}
    first = client.post(PATH, content=csv_, headers=headers)
    again = client.post(PATH, content=csv_, headers=headers)
    assert first.status_code == again.status_code == 202
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert first.json()["id"] == again.json()["id"]
    other_list = client.post(PATH, content=csv_ + "x,y\n", headers=headers)
    other_prior = client.post(PATH, content=csv_, headers=headers, params={"prior": "0.1"})
    for response in (other_list, other_prior):
        expect_problem(response, 422, "idempotency_key_reused")
    without = client.post(PATH, content=csv_, headers={"Content-Type": "text/csv"})
    assert without.json()["id"] != first.json()["id"]


def test_a_form_is_the_same_whatever_its_boundary(client: httpx.Client) -> None:
    files = [("file", (f"{shade}.png", shade_png(shade))) for shade in SHADES]
    key = {"Idempotency-Key": "form"}
    ids = {submit_batch(client, files=files, headers=key)["id"] for _ in range(3)}
    assert len(ids) == 1
    other = client.post(PATH, files=files[::-1], headers=key)
    expect_problem(other, 422, "idempotency_key_reused")


@pytest.mark.parametrize("key", [b"", b"x" * 256, "schlüssel".encode(), b"a\tb"])
def test_a_key_is_printable_and_bounded(
    client: httpx.Client, picture_server: PictureServer, key: bytes
) -> None:
    headers = {b"Idempotency-Key": key, b"Content-Type": b"text/csv"}
    response = client.post(PATH, content=make_csv(picture_server), headers=headers)
    refusal = expect_problem(response, 422, "invalid_request")
    assert refusal.errors is not None
    assert refusal.errors[0].pointer == "#/Idempotency-Key"


def test_ones_own_batches_newest_first_a_page_at_a_time(
    start: StartServer, picture_server: PictureServer
) -> None:
    client = start(ShadeAnalyzer())
    assert client.get(PATH).json() == {"data": [], "has_more": False, "next_cursor": None}
    ids = [submit_batch(client, json={"items": picture_server.items(n)})["id"] for n in range(5)]
    batch_ids: list[str] = []
    cursor = None
    while True:
        params = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = BatchListOut.model_validate(client.get(PATH, params=params).json())
        batch_ids += [batch.id for batch in page.data]
        assert page.has_more == (page.next_cursor is not None)
        if not page.has_more:
            break
        cursor = page.next_cursor
    assert batch_ids == ids[::-1]
    for wrong in ({"limit": 0}, {"limit": 101}, {"cursor": "no such"}):
        expect_problem(client.get(PATH, params=wrong), 422, "invalid_request")


def test_a_batch_can_be_stopped_and_what_is_done_stays(
    start: StartServer, picture_server: PictureServer
) -> None:
    gate = Gate()
    client = start(ShadeAnalyzer(during_analysis=gate), batch_workers=1)
    batch = submit_batch(client, json={"items": picture_server.items(*range(100, 200))})
    gate.wait_for(1)
    response = client.post(f"{PATH}/{batch['id']}/cancel")
    assert response.json()["status"] in ("cancelling", "cancelled")
    gate.opened.set()
    stopped = wait_for_end(client, batch)
    assert stopped["status"] == "cancelled"
    counts = stopped["request_counts"]
    assert counts["completed"] < 100
    assert len(client.get(f"{PATH}/{batch['id']}/results").json()["data"]) == counts["completed"]
    assert client.post(f"{PATH}/{batch['id']}/cancel").json()["status"] == "cancelled"


def test_failed_items_are_tried_again_and_nothing_else(start: StartServer) -> None:
    with run_picture_server() as there:
        client = start(ShadeAnalyzer())
        there.failing_paths.add("/150.png")
        batch = complete_batch(client, json={"items": there.items(255, 150, 404)})
        assert batch["request_counts"] == {"total": 3, "completed": 1, "failed": 2}
        there.failing_paths.clear()
        request_count = there.requests["/255.png"]
        assert client.post(f"{PATH}/{batch['id']}/retry").status_code == 200
        wait_until(
            lambda: (
                (b := client.get(f"{PATH}/{batch['id']}").json())["status"] == "completed"
                and b["request_counts"]["completed"] == 2
            ),
            "the retry",
        )
        assert get_verdicts(client, batch) == ["likely_stylegan", "inconclusive", "fetch_failed"]
        assert there.requests["/255.png"] == request_count


def test_an_erased_batch_is_gone(client: httpx.Client, picture_server: PictureServer) -> None:
    batch = complete_batch(client, json={"items": picture_server.items(*SHADES)})
    assert client.delete(f"{PATH}/{batch['id']}").status_code == 204
    for path in ("", "/results", "/events", "/montage.png", "/report.html"):
        expect_problem(client.get(f"{PATH}/{batch['id']}{path}"), 404, "not_found")
    expect_problem(client.delete(f"{PATH}/{batch['id']}"), 404, "not_found")
    assert batch["id"] not in client.get(PATH, params={"limit": 100}).text


def test_a_batch_at_work_can_be_erased(start: StartServer, picture_server: PictureServer) -> None:
    gate = Gate()
    client = start(ShadeAnalyzer(during_analysis=gate), batch_workers=1)
    batch = submit_batch(client, json={"items": picture_server.items(*range(50))})
    gate.wait_for(1)
    assert client.delete(f"{PATH}/{batch['id']}").status_code == 204
    expect_problem(client.get(f"{PATH}/{batch['id']}"), 404, "not_found")
    gate.opened.set()
    assert complete_batch(client, json={"items": picture_server.items(255)})["verdicts"]


def test_others_batches_do_not_exist(start: StartServer, picture_server: PictureServer) -> None:
    mine, other = "correct horse battery staple", "another key of some length"
    client = start(ShadeAnalyzer(), api_keys=f"{mine}:name=mine,{other}:name=other")
    as_mine, as_other = ({"Authorization": f"Bearer {key}"} for key in (mine, other))
    body = {"items": picture_server.items(255)}
    expect_problem(client.post(PATH, json=body), 401, "unauthorized")
    batch = client.post(PATH, json=body, headers=as_mine).json()
    path = f"{PATH}/{batch['id']}"
    wait_until(
        lambda: client.get(path, headers=as_mine).json()["status"] == "completed", "the batch"
    )
    for method, tail in (
        ("GET", ""), ("GET", "/results"), ("GET", "/events"), ("GET", "/montage.png"),
        ("GET", "/composite.png"), ("GET", "/scatter.png"), ("GET", "/report.html"),
        ("GET", "/webhooks"), ("POST", "/webhooks/resend"),
        ("POST", "/cancel"), ("POST", "/retry"), ("DELETE", ""),
    ):  # fmt: skip
        expect_problem(client.request(method, path + tail, headers=as_other), 404, "not_found")
        expect_problem(client.request(method, path + tail), 401, "unauthorized")
    assert client.get(PATH, headers=as_other).json()["data"] == []
    assert client.get(f"{path}/results", headers=as_mine).status_code == 200
    replay = {**as_other, "Idempotency-Key": "k"}
    client.post(PATH, json=body, headers={**as_mine, "Idempotency-Key": "k"})
    assert "idempotent-replayed" not in client.post(PATH, json=body, headers=replay).headers


def test_a_list_beyond_the_limits_is_told(
    start: StartServer, picture_server: PictureServer
) -> None:
    client = start(ShadeAnalyzer(), max_list_bytes=1000, max_list_items=5)
    expect_problem(
        client.post(PATH, content=b"x" * 1001, headers={"Content-Type": "text/csv"}),
        413,
        "too_large",
    )
    chunks = (b"x" * 100 for _ in range(20))  # no length is declared
    expect_problem(
        client.post(PATH, content=chunks, headers={"Content-Type": "text/csv"}), 413, "too_large"
    )
    many = {"items": [{"url": f"https://a.example/{n}"} for n in range(6)]}
    expect_problem(client.post(PATH, json=many), 413, "too_large")
    assert client.get(PATH).json()["data"] == []


def test_lists_wait_their_turn_when_too_many_come_in(
    start: StartServer, monkeypatch: pytest.MonkeyPatch, picture_server: PictureServer
) -> None:
    client = start(ShadeAnalyzer())
    sockets = [_open_half_sent(client) for _ in range(state.MAX_SUBMISSIONS)]
    try:
        wait_until(
            lambda: client.post(PATH, json={"items": picture_server.items(1)}).status_code == 429,
            "a refusal",
        )
        refused = client.post(PATH, json={"items": picture_server.items(1)})
        expect_problem(refused, 429, "busy")
        assert int(refused.headers["retry-after"]) >= 1
    finally:
        for each in sockets:
            each.close()
    wait_until(
        lambda: client.post(PATH, json={"items": picture_server.items(1)}).status_code == 202,
        "a place",
    )


def test_who_sends_too_slowly_is_told(start: StartServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_body, "BODY_GRACE_S", 0.2)
    client = start(ShadeAnalyzer())
    with _open_half_sent(client) as connection:
        assert connection.recv(12) == b"HTTP/1.1 408"


def test_a_stream_that_keeps_its_rate_is_waited_for(
    start: StartServer, monkeypatch: pytest.MonkeyPatch, picture_server: PictureServer
) -> None:
    """In all longer than the patience that everybody has."""
    monkeypatch.setattr(request_body, "BODY_GRACE_S", 0.5)
    monkeypatch.setattr(request_body, "MIN_RATE_BYTES_S", 100)
    client = start(ShadeAnalyzer())
    passed = threading.Event()

    def slowly() -> Iterator[bytes]:
        for shade in range(20):
            yield f"@{shade},{picture_server.url(shade)}\n".encode() * 3
            passed.wait(0.1)

    batch = submit_batch(client, content=slowly(), headers={"Content-Type": "text/csv"})
    assert batch["request_counts"]["total"] == 60


def test_nothing_is_left_on_disk_of_what_was_refused(start: StartServer, tmp_path: Any) -> None:
    client = start(ShadeAnalyzer(), data_dir=tmp_path)
    before = sorted(path.name for path in tmp_path.iterdir())
    for content in (b"", b"\x00" * 5000, make_zip()[:-30]):
        assert client.post(PATH, content=content).status_code == 422
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_many_lists_at_once_are_all_done(
    client: httpx.Client, picture_server: PictureServer
) -> None:
    def one(number: int) -> dict[str, Any]:
        shades = [(number * 7 + k) % 256 for k in range(30)]
        return submit_batch(client, json={"items": picture_server.items(*shades)})

    with ThreadPoolExecutor(3) as callers:
        batches = list(callers.map(one, range(6)))
    assert {wait_for_end(client, batch)["status"] for batch in batches} == {"completed"}


def test_ready_only_while_batches_can_be_kept_and_counted(client: httpx.Client) -> None:
    assert client.get("/readyz").json() == {"status": "ready"}
    complete_batch(client, json={"items": [{"url": "http://127.0.0.1:9/none"}]})
    text = client.get("/metrics").text
    assert 'eyeline_batch_item_failures_total{code="fetch_failed"}' in text
    counted = next(
        x for x in text.splitlines() if x.startswith('eyeline_batches{status="completed"}')
    )
    assert float(counted.split()[-1]) >= 1
    assert "eyeline_batch_items_waiting 0.0" in text


def _open_half_sent(client: httpx.Client) -> socket.socket:
    """A list that stops in the middle."""
    where = urlsplit(str(client.base_url))
    assert where.hostname is not None
    connection = socket.create_connection((where.hostname, where.port or 80), timeout=30)
    connection.sendall(
        b"POST /v1/batches HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/csv\r\n"
        b"Content-Length: 1000\r\n\r\nid,avatar\n"
    )
    return connection


def test_a_host_that_asked_for_rest_has_it_from_everybody(start: StartServer) -> None:
    with run_picture_server() as there:
        there.failing_paths.add("/77.png")
        there.retry_after_s = 3600
        client = start(ShadeAnalyzer())
        expect_problem(
            client.post("/v1/analyses", json={"url": there.url(77)}), 424, "fetch_failed"
        )
        request_count = there.requests.total()
        batch = complete_batch(client, json={"items": there.items(78, 79)})
        assert batch["request_counts"]["failed"] == 2
        assert there.requests.total() == request_count


def test_a_batch_at_its_beginning_may_not_be_cancelled_yet(client: httpx.Client) -> None:
    """So the description says that it may be refused."""
    document = client.get("/openapi.json").json()
    assert "409" in document["paths"]["/v1/batches/{batch_id}/cancel"]["post"]["responses"]


def test_more_files_than_a_form_may_have(client: httpx.Client) -> None:
    files = [("file", (f"{n}.png", b"x")) for n in range(1_001)]
    refusal = expect_problem(client.post(PATH, files=files), 413, "too_large")
    assert "zip" in refusal.detail


def test_odd_names_are_kept_from_doing_harm(
    client: httpx.Client, picture_server: PictureServer
) -> None:
    items = [
        {"custom_id": "x" * 257, "url": picture_server.url(10)},
        {"custom_id": "a\x00b", "url": picture_server.url(10)},
        {"custom_id": "twice", "url": picture_server.url(10)},
        {"custom_id": "twice", "url": picture_server.url(255)},
        {"custom_id": "x" * 256, "url": picture_server.url(10)},
    ]
    batch = complete_batch(client, json={"items": items})
    data = client.get(f"{PATH}/{batch['id']}/results").json()["data"]
    assert [line.get("custom_id") for line in data] == [
        None, "a\ufffdb", "twice", "twice", "x" * 256,
    ]  # fmt: skip
    assert data[0]["error"]["code"] == "row_invalid"
    assert len({line.get("id") for line in data}) == 5


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_kind_of_list_is_shown_as_it_would_be_read(client: httpx.Client, kind: Kind) -> None:
    before = client.get(PATH).json()["data"]
    response = client.post(
        f"{PATH}?dry_run=true", content=kind.data, headers={"Content-Type": kind.media_type}
    )
    assert response.status_code == 200, response.text
    preview = response.json()
    shown = [(item["custom_id"], item["source"].removeprefix(BASE)) for item in preview["items"]]
    assert shown == kind.items[: len(shown)]
    assert preview["total"] == len(kind.items)
    assert kind.account.items() <= preview["items"][0]["account"].items()
    assert any(kind.notes in note for note in preview["notes"])
    assert client.get(PATH).json()["data"] == before  # nothing is kept


def test_notes_title_and_kept_columns_stand_in_the_batch(
    client: httpx.Client, picture_server: PictureServer
) -> None:
    url = picture_server.url(255)
    text = f"id,email,avatar\n1,a@b.example,{url}\n1,c@d.example,{url}\n"
    batch = submit_batch(client, **raw_request(text, "text/csv"))
    notes = " ".join(batch["notes"])
    assert "`email`" in notes
    assert "1 row repeats" in notes
    done = wait_for_end(client, batch)
    assert done["notes"] == batch["notes"]
    assert done["cohort"]["counts"]["pictures"] == 1
    assert done["cohort"]["counts"]["repeated"] == 1
    kept = client.post(
        f"{PATH}?keep_columns=email&title=Case+7", **raw_request(text, "text/csv")
    ).json()
    assert kept["title"] == "Case 7"
    assert "`email`" not in " ".join(kept["notes"])
