"""The description is true: its examples fit its schemas, and what it promises is what happens."""

from __future__ import annotations

import json
from typing import Any

import httpx
import jsonschema_rs
import pytest

from app.analysis.schemas import AnalysisOut
from app.api.analyses.examples import ANALYSES, PROBLEMS
from app.api.app import create_app
from app.api.batches.examples import BATCHES
from app.api.batches.openapi import EXAMPLES
from app.api.problems import STATUS_BY_CODE, Problem
from app.batches.store.models import Status
from app.evidence import Outcome, Verdict
from app.settings import Settings

DOCUMENT = create_app(Settings()).openapi()
RESPONSES = DOCUMENT["paths"]["/v1/analyses"]["post"]["responses"]


def validate(schema: dict[str, Any], value: object) -> None:
    """Raises unless ``value`` fits ``schema``, whose references point into the document."""
    whole = {**schema, "components": DOCUMENT["components"]}
    jsonschema_rs.validator_for(whole).validate(value)


def test_it_is_openapi_3_1() -> None:
    assert DOCUMENT["openapi"].startswith("3.1")
    json.dumps(DOCUMENT)


@pytest.mark.parametrize("name", ANALYSES)
def test_every_outcome_has_an_example_that_fits(name: str) -> None:
    content = RESPONSES["200"]["content"]["application/json"]
    shown = content["examples"][name]["value"]
    validate(content["schema"], shown)
    assert AnalysisOut.model_validate(shown).model_dump(mode="json") == shown


def test_no_outcome_and_no_verdict_is_without_an_example() -> None:
    assert {a["outcome"] for a in ANALYSES.values()} == set(Outcome)
    assert {a["verdict"] for a in ANALYSES.values()} == set(Verdict)


@pytest.mark.parametrize("shown", [*EXAMPLES], ids=str)
def test_every_example_of_a_batch_fits(shown: tuple[str, str, str]) -> None:
    path, method, status = shown
    content = DOCUMENT["paths"][path][method]["responses"][status]["content"]
    for name, value in EXAMPLES[shown].items():
        assert content["application/json"]["examples"][name]["value"] == value
        validate(content["application/json"]["schema"], value)


def test_every_status_of_a_batch_has_an_example() -> None:
    assert set(BATCHES) == set(Status)
    assert all(name == shown["status"] for name, shown in BATCHES.items())


def test_every_body_of_a_list_is_described() -> None:
    content = DOCUMENT["paths"]["/v1/batches"]["post"]["requestBody"]["content"]
    assert {
        "application/json", "application/x-ndjson", "text/csv", "application/zip",
        "application/x-tar", "application/gzip", "multipart/form-data",
    } <= set(content)  # fmt: skip
    for example in content["application/json"]["examples"].values():
        validate(content["application/json"]["schema"], example["value"])


@pytest.mark.parametrize("code", PROBLEMS)
def test_every_error_has_an_example_that_fits(code: str) -> None:
    content = RESPONSES[str(STATUS_BY_CODE[code])]["content"]["application/problem+json"]
    shown = content["examples"][code]["value"]
    validate(content["schema"], shown)
    assert Problem.model_validate(shown).code == code


def test_every_error_of_the_contract_is_described() -> None:
    contract = {
        "url_invalid", "url_blocked", "too_large", "not_an_image", "image_unsupported",
        "image_truncated", "image_bomb", "invalid_request", "fetch_failed", "busy",
        "fetch_timeout", "unauthorized",
    }  # fmt: skip
    assert contract <= set(PROBLEMS)


def test_three_bodies_and_two_answers_are_described() -> None:
    operation = DOCUMENT["paths"]["/v1/analyses"]["post"]
    bodies = set(operation["requestBody"]["content"])
    assert bodies == {"multipart/form-data", "image/*", "application/json"}
    assert set(RESPONSES["200"]["content"]) == {"application/json", "image/png"}
    assert "Retry-After" in RESPONSES["429"]["headers"]


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/v1/checks", "/v1/model", "/v1/limits"])
def test_what_is_answered_fits_what_is_described(client: httpx.Client, path: str) -> None:
    schema = DOCUMENT["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]
    validate(schema["schema"], client.get(path).json())
