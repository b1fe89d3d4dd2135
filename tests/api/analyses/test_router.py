"""``POST /v1/analyses``: three ways in, two ways out, and every refusal."""

from __future__ import annotations

import base64
import hashlib
import http.server
import io
import json
import threading
import zipfile
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from app.analysis.recompute import AnswerChecker
from app.analysis.schemas import AnalysisOut
from app.api.problems import Problem
from app.api.problems import problem_from_error as problem_of
from app.cohort.parameters import default_parameters
from app.errors import FetchFailed
from app.evidence import SCOPE, Outcome
from app.runtime.evidence.check_results import Installed
from app.runtime.evidence.verify import verify_bundle
from app.settings import Settings
from tests.api.stub_analyzer import EYES, StartServer, StubAnalyzer, picture_bytes

PATH = "/v1/analyses"
PNG = picture_bytes()


class PictureHandler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = PNG if self.path == "/a.png" else b""
        self.send_response(200 if body else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def picture_url() -> Iterator[str]:
    """The address of a server with one picture, ``/a.png``."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), PictureHandler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def send(client: httpx.Client, how: str, picture_url: str, **fields: str) -> httpx.Response:
    """The same picture with the same ``fields``, sent in one of the three ways."""
    if how == "multipart":
        return client.post(PATH, files={"file": ("a.png", PNG)}, data=fields)
    if how == "raw":
        kind = {"Content-Type": "image/jpeg"}  # a lie: bytes decide
        return client.post(PATH, content=PNG, headers=kind, params=fields)
    return client.post(PATH, json={"url": f"{picture_url}/a.png", **fields})


SEND_METHODS = ("multipart", "raw", "url")


def expect_problem(response: httpx.Response, status: int, code: str) -> Problem:
    """The problem in ``response``, which must be the one expected."""
    assert (response.status_code, response.json()["code"]) == (status, code), response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = Problem.model_validate(response.json())
    assert problem.type == f"urn:eyeline:problem:{code}"
    assert problem.status == status
    assert problem.request_id == response.headers["x-request-id"]
    assert problem.title
    assert problem.detail
    return problem


@pytest.mark.parametrize("how", SEND_METHODS)
def test_the_same_answer_in_three_ways(client: httpx.Client, picture_url: str, how: str) -> None:
    response = send(client, how, picture_url, custom_id="@älice", prior="0.01")
    assert response.status_code == 200, response.text
    analysis = AnalysisOut.model_validate(response.json())
    assert analysis.id.startswith("an_")
    assert analysis.custom_id == "@älice"
    assert (analysis.prior, analysis.base_rate) == (0.01, 0.0005)
    assert analysis.likelihood == pytest.approx(1 / (1 + 99 * 10**-3.7), abs=1e-3)
    assert analysis.posterior_at_base_rate == pytest.approx(0.715, abs=1e-3)
    assert analysis.support == "strong"
    assert analysis.scope == SCOPE
    assert analysis.image.format == "PNG"
    assert (analysis.image.width, analysis.image.height) == (40, 30)
    assert analysis.face is not None
    assert [list(eye) for eye in analysis.face.eyes] == EYES
    assert analysis.alignment is not None
    assert (analysis.alignment.side, analysis.alignment.template) == (1.0071, "ffhq")
    assert "overlay" not in response.json()
    assert "-0.0" not in response.text
    assert analysis.timings_ms is not None
    assert (analysis.timings_ms.fetch > 0) == (how == "url")


@pytest.mark.parametrize("how", SEND_METHODS)
def test_the_overlay_comes_along_when_asked_for(
    client: httpx.Client, picture_url: str, how: str
) -> None:
    analysis = send(client, how, picture_url, include="overlay").json()
    head, _, body = analysis["overlay"].partition(",")
    assert head == "data:image/png;base64"
    assert base64.b64decode(body).startswith(b"\x89PNG\r\n\x1a\n")


@pytest.mark.parametrize("how", SEND_METHODS)
def test_the_picture_comes_back_as_it_was_analyzed(
    client: httpx.Client, picture_url: str, how: str
) -> None:
    analysis = send(client, how, picture_url, include="picture").json()
    head, _, body = analysis["picture"].partition(",")
    assert head == "data:image/png;base64"
    digest = hashlib.sha256(base64.b64decode(body)).hexdigest()
    assert digest == analysis["image"]["sha256"]
    assert "overlay" not in analysis


def test_the_overlay_itself(client: httpx.Client) -> None:
    headers = {"Accept": "image/png", "Content-Type": "image/png"}
    response = client.post(PATH, content=PNG, headers=headers)
    assert response.headers["content-type"] == "image/png"
    assert response.headers["vary"] == "Accept"
    assert response.content.startswith(b"\x89PNG\r\n\x1a\n")


@pytest.mark.parametrize("include", ["", "picture"])
@pytest.mark.parametrize("outcome", [Outcome.SCORED, Outcome.NO_FACE])
def test_an_evidence_bundle_that_holds(start: StartServer, outcome: Outcome, include: str) -> None:
    client = start(StubAnalyzer(outcome))
    headers = {"Accept": "application/zip", "Content-Type": "image/png"}
    query = {"custom_id": "@bob", **({"include": include} if include else {})}
    response = client.post("/v1/analyses", content=picture_bytes(), headers=headers, params=query)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(response.content)) as bundle:
        files = {name: bundle.read(name) for name in bundle.namelist()}
    assert {"README.txt", "report.html", "results.csv", "results.ndjson", "model.json"} < set(files)
    assert {"overlays/item-000000.jpg", "thumbnails/item-000000.jpg"} < set(files)
    assert files.get("picture.png") == (picture_bytes() if include else None)
    answer = json.loads(files["results.ndjson"])
    assert (answer["custom_id"], answer["outcome"]) == ("@bob", outcome)
    assert b"@bob" in files["report.html"]
    assert b"data:image/jpeg" in files["report.html"]
    installed = Installed(AnswerChecker.load(Settings()), default_parameters())
    checks = {c.name: c for c in verify_bundle(io.BytesIO(response.content), installed)}
    assert {"files": "ok", "table": "ok"}.items() <= {
        n: c.status for n, c in checks.items()
    }.items()
    told = "it is the one that was analyzed" if include else "no picture is in it"
    assert told in checks["picture"].detail


def test_options_may_come_with_the_query_and_the_body_goes_first(
    client: httpx.Client, picture_url: str
) -> None:
    query = {"custom_id": "query", "prior": "0.2"}
    form = client.post(
        PATH, params=query, files={"file": ("a.png", PNG)}, data={"custom_id": "form"}
    )
    by_url = client.post(
        PATH, params=query, json={"url": f"{picture_url}/a.png", "custom_id": "json"}
    )
    assert (form.json()["custom_id"], form.json()["prior"]) == ("form", 0.2)
    assert (by_url.json()["custom_id"], by_url.json()["prior"]) == ("json", 0.2)


@pytest.mark.parametrize("outcome", [o for o in Outcome if o is not Outcome.SCORED])
def test_an_outcome_without_a_score_claims_nothing(start: StartServer, outcome: Outcome) -> None:
    response = send(start(StubAnalyzer(outcome)), "multipart", "")
    assert response.status_code == 200
    analysis = AnalysisOut.model_validate(response.json())
    assert (analysis.outcome, analysis.verdict, analysis.llr) == (outcome, "not_applicable", 0.0)
    nothing = (
        analysis.likelihood,
        analysis.posterior_at_base_rate,
        analysis.llr_interval,
        analysis.alignment,
    )
    assert nothing == (None, None, None, None)
    assert (analysis.face, analysis.checks, analysis.support) == (None, [], "none")


@pytest.mark.parametrize("how", SEND_METHODS)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("prior", "0"),
        ("prior", "1"),
        ("prior", "-0.5"),
        ("prior", "nan"),
        ("prior", "even"),
        ("custom_id", "x" * 257),
        ("include", "montage"),
        ("depth", "deep"),
        ("priors", "0.5"),
    ],
)
def test_a_bad_field_is_named(
    client: httpx.Client, picture_url: str, how: str, name: str, value: str
) -> None:
    refusal = expect_problem(
        send(client, how, picture_url, **{name: value}), 422, "invalid_request"
    )
    assert refusal.errors is not None
    assert refusal.errors[0].pointer.startswith(f"#/{name}")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b"", "#"),
        (b"{", "#"),
        (b"[]", "#"),
        (b"{}", "#/url"),
        (b'{"url": 1}', "#/url"),
        (b'{"url": ""}', "#/url"),
        (b'{"url": "http://127.0.0.1/", "prior": NaN}', "#/prior"),
        (b'{"url": "http://127.0.0.1/", "a/b~c": 1}', "#/a~1b~0c"),
    ],
)
def test_bad_json_is_told_where(client: httpx.Client, body: bytes, pointer: str) -> None:
    response = client.post(PATH, content=body, headers={"Content-Type": "application/json"})
    refusal = expect_problem(response, 422, "invalid_request")
    assert refusal.errors is not None
    assert [e.pointer for e in refusal.errors] == [pointer]


def test_a_body_of_nothing_but_mistakes_is_answered_with_a_few(client: httpx.Client) -> None:
    response = client.post("/v1/analyses", json={f"k{number}": 1 for number in range(5_000)})
    assert response.status_code == 422
    assert len(response.content) < 10_000
    assert len(Problem.model_validate(response.json()).errors or ()) == 20


@pytest.mark.parametrize(
    "request_",
    [
        {"data": {"prior": "0.5"}, "files": {"picture": ("a.png", PNG)}},
        {"files": {"file": (None, PNG)}},
        {"files": [("file", ("a.png", PNG)), ("file", ("b.png", PNG))]},
        {"content": b"--x\r\nnonsense", "headers": {"Content-Type": "multipart/form-data"}},
        {
            "content": b"--x\r\nnonsense",
            "headers": {"Content-Type": "multipart/form-data; boundary=x"},
        },
        {"content": b"", "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
    ],
)
def test_a_form_without_its_file_is_told(client: httpx.Client, request_: dict[str, Any]) -> None:
    refusal = expect_problem(client.post(PATH, **request_), 422, "invalid_request")
    assert refusal.errors is not None
    assert refusal.errors[0].pointer == "#/file"


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded", "💥"])
def test_another_kind_of_body_is_told_what_to_send(client: httpx.Client, kind: str) -> None:
    response = client.post(PATH, content=PNG, headers={b"Content-Type": kind.encode()})
    assert "multipart/form-data" in expect_problem(response, 415, "unsupported_media_type").detail


@pytest.mark.parametrize("content", [b"", b"hello"])
def test_bytes_that_are_no_picture(client: httpx.Client, content: bytes) -> None:
    response = client.post(PATH, content=content, headers={"Content-Type": "image/png"})
    expect_problem(response, 415, "not_an_image")


def test_a_picture_of_a_kind_that_is_not_read(client: httpx.Client) -> None:
    response = client.post(PATH, content=b"<svg/>", headers={"Content-Type": "image/svg+xml"})
    expect_problem(response, 415, "image_unsupported")


def test_a_picture_cut_short(client: httpx.Client) -> None:
    half = picture_bytes((200, 200), "JPEG")[:9000]
    response = client.post(PATH, content=half, headers={"Content-Type": "image/png"})
    expect_problem(response, 422, "image_truncated")


def test_too_much_is_refused_by_its_declared_length(start: StartServer) -> None:
    client = start(max_bytes=1000)
    response = client.post(PATH, content=b"x" * 1001, headers={"Content-Type": "image/png"})
    expect_problem(response, 413, "too_large")


def test_too_much_is_refused_while_it_arrives(start: StartServer) -> None:
    client = start(max_bytes=1000)
    chunks = (b"x" * 100 for _ in range(11))
    response = client.post(PATH, content=chunks, headers={"Content-Type": "image/png"})
    expect_problem(response, 413, "too_large")


def test_too_much_in_a_form_and_in_json(start: StartServer) -> None:
    client = start(max_bytes=1000)
    form = client.post(PATH, files={"file": ("a.png", PNG)})
    expect_problem(form, 413, "too_large")
    expect_problem(client.post(PATH, json={"url": "x" * 70_000}), 413, "too_large")


def test_where_a_url_leads(client: httpx.Client, picture_url: str) -> None:
    def post(url: str) -> httpx.Response:
        return client.post(PATH, json={"url": url})

    expect_problem(post("ftp://example.com/a.png"), 400, "url_invalid")
    expect_problem(post("http://127.0.0.2/a.png"), 403, "url_blocked")
    expect_problem(post("http://169.254.169.254/latest/meta-data"), 403, "url_blocked")
    refusal = expect_problem(post(f"{picture_url}/none.png"), 424, "fetch_failed")
    assert refusal.upstream_status == 404


def test_paths_and_methods_that_are_not_there(client: httpx.Client) -> None:
    expect_problem(client.get("/v1/nothing"), 404, "not_found")
    expect_problem(client.post(f"{PATH}/"), 404, "not_found")
    response = client.get(PATH)
    expect_problem(response, 405, "method_not_allowed")
    assert response.headers["allow"] == "POST"


def test_our_own_fault_tells_nothing_of_the_inside(start: StartServer) -> None:
    def break_down() -> None:
        raise RuntimeError("the secret ingredient")

    response = send(start(StubAnalyzer(during_analysis=break_down)), "multipart", "")
    expect_problem(response, 500, "internal")
    assert "secret" not in response.text
    assert "RuntimeError" not in response.text


def test_a_callers_request_id_is_kept_if_it_is_a_plain_one(client: httpx.Client) -> None:
    mine = client.get("/livez", headers={"X-Request-Id": "trace-1.2_3"})
    assert mine.headers["x-request-id"] == "trace-1.2_3"
    for odd in ("a b", "x" * 65, '{"a":1}'):
        given = client.get("/livez", headers={"X-Request-Id": odd}).headers["x-request-id"]
        assert given.startswith("req_")


@pytest.mark.parametrize(
    ("status", "again"), [(None, True), (404, False), (403, False), (429, True), (503, True)]
)
def test_a_failed_fetch_says_whether_to_try_again(status: int | None, again: bool) -> None:
    assert problem_of(FetchFailed("no", upstream_status=status), "req_1").retryable is again
