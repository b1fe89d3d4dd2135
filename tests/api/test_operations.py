"""Health, metrics and what the service says of itself."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest

from app import __version__
from app.analysis.model import build_model_info
from app.api.operations.schemas import CheckOut, LimitsOut, ModelCardOut
from app.calibration.calibration import Calibration
from app.checks import CHECKS
from app.face.landmarks import LANDMARK_MODEL_FILE, LANDMARK_MODEL_SHA256
from tests.api.stub_analyzer import StartServer, StubAnalyzer, picture_bytes

HEADERS = {"Content-Type": "image/png"}


def test_alive_and_ready(client: httpx.Client) -> None:
    assert client.get("/livez").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ready"}


def test_every_worker_proves_itself_before_the_first_request(start: StartServer) -> None:
    analyzer = StubAnalyzer()
    start(analyzer, workers=4)
    assert len(analyzer.threads) == 4


def test_not_ready_says_why_and_lives_on(start: StartServer) -> None:
    client = start(StubAnalyzer(canary_error="the canary is silent"))
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["code"] == "not_ready"
    assert response.json()["reasons"] == ["the canary is silent"]
    assert client.get("/livez").status_code == 200


def test_the_root_points_to_the_documentation(client: httpx.Client) -> None:
    assert "/docs" in client.get("/").text
    assert client.get("/docs").status_code == 200


def test_checks_document_themselves(client: httpx.Client) -> None:
    documented = [CheckOut.model_validate(each) for each in client.get("/v1/checks").json()]
    assert [(c.name, c.version) for c in documented] == [(c.name, c.version) for c in CHECKS]
    assert all(c.description and c.reference and c.unit for c in documented)
    figures = {c.name: c.figures for c in documented}
    assert figures["eye_alignment"] == {"weight": 1.0}
    known = {"eye_alignment": {"weight": 1.0}, "texture": {"weight": 0.8, "auc_400px": 0.93}}
    assert figures == {c.name: known.get(c.name, {}) for c in CHECKS}


def test_a_check_without_figures_is_documented_all_the_same(start: StartServer) -> None:
    analyzer = StubAnalyzer()
    analyzer.model = replace(analyzer.model, description={"id": "0123456789ab"})
    client = start(analyzer)
    assert [c["figures"] for c in client.get("/v1/checks").json()] == [{}] * len(CHECKS)
    assert [f["name"] for f in client.get("/v1/model").json()["files"]] == [LANDMARK_MODEL_FILE]


def test_the_model_card_names_calibration_and_files(client: httpx.Client) -> None:
    card = ModelCardOut.model_validate(client.get("/v1/model").json())
    assert card.name == "eyeline"
    assert card.calibration.id == "0123456789ab"
    assert all(len(file.sha256) == 64 for file in card.files)
    assert {file.name: file.sha256 for file in card.files} == {
        LANDMARK_MODEL_FILE: LANDMARK_MODEL_SHA256,
        "witness.onnx": "0a" * 32,
        "person.onnx": "0b" * 32,
    }
    assert card.calibration.networks == {f.name: f.sha256 for f in card.files[1:]}
    assert "diffusion" in card.scope


def test_the_calibration_that_ships_can_be_served(start: StartServer, shipped: Calibration) -> None:
    analyzer = StubAnalyzer()
    analyzer.model = build_model_info(shipped)
    card = ModelCardOut.model_validate(start(analyzer).get("/v1/model").json())
    assert [t["verdict"] for t in card.calibration.thresholds or ()] == [
        "likely_stylegan",
        "unlikely_stylegan",
    ]
    (left_x, left_y), (right_x, right_y) = card.template_eyes["ffhq"]
    assert left_x + right_x == pytest.approx(1.0, abs=0.02)
    assert left_y == pytest.approx(right_y, abs=0.01)


def test_limits_are_those_that_the_operator_set(start: StartServer) -> None:
    client = start(workers=3, queue_size=7, max_bytes=12_345, max_pixels=54_321)
    limits = LimitsOut.model_validate(client.get("/v1/limits").json())
    assert (limits.workers, limits.queue_size) == (3, 7)
    assert (limits.max_bytes, limits.max_pixels) == (12_345, 54_321)
    assert "JPEG" in limits.formats


def test_metrics_count_by_outcome_stage_and_code(start: StartServer) -> None:
    client = start()
    client.post("/v1/analyses", content=picture_bytes(), headers=HEADERS)
    client.post("/v1/analyses", content=b"no", headers=HEADERS)
    client.get("/v1/secret-token-in-a-path")
    text = client.get("/metrics").text
    for line in (
        'eyeline_analyses_total{outcome="scored",verdict="likely_stylegan"} 1.0',
        'eyeline_requests_total{code="none",path="/v1/analyses",status="200"} 1.0',
        'eyeline_requests_total{code="not_an_image",path="/v1/analyses",status="415"} 1.0',
        'eyeline_requests_total{code="not_found",path="unmatched",status="404"} 1.0',
        'eyeline_stage_seconds_count{stage="landmarks"} 1.0',
        "eyeline_requests_inside 0.0",
        "process_resident_memory_bytes",
        'eyeline_build_info{calibration="0123456789ab",version="' + __version__ + '"} 1.0',
        'eyeline_webhooks{state="waiting"} 0.0',
        "eyeline_batch_queue_age_seconds 0.0",
        "eyeline_examiner_processes 2.0",
        'eyeline_examiner_failures_total{reason="lost"} 3.0',
        "eyeline_examiner_resident_memory_bytes 9e+07",
    ):
        assert line in text
    assert "secret-token" not in text


KEY = "correct horse battery staple"
KEYED = ("/v1/checks", "/v1/model", "/v1/limits", "/metrics")


@pytest.mark.parametrize("path", KEYED)
def test_with_keys_one_is_needed(start: StartServer, path: str) -> None:
    client = start(api_keys=f"another key of some length,{KEY}")
    for wrong in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {KEY}"}):
        response = client.get(path, headers=wrong)
        assert response.status_code == 401
        assert response.json()["code"] == "unauthorized"
        assert response.headers["www-authenticate"] == "Bearer"
    assert client.get(path, headers={"Authorization": f"Bearer {KEY}"}).status_code == 200


def test_without_a_key_not_a_byte_of_a_picture_is_read(start: StartServer) -> None:
    client = start(api_keys=KEY)
    refused = client.post("/v1/analyses", content=picture_bytes(), headers=HEADERS)
    assert refused.status_code == 401
    allowed = {**HEADERS, "Authorization": f"Bearer {KEY}"}
    response = client.post("/v1/analyses", content=picture_bytes(), headers=allowed)
    assert response.status_code == 200


def test_health_needs_no_key(start: StartServer) -> None:
    client = start(api_keys=KEY)
    for path in ("/", "/livez", "/readyz", "/docs", "/openapi.json"):
        assert client.get(path).status_code == 200
