"""The description is true: its examples fit its schemas, and what it promises is what happens."""

from __future__ import annotations

import json
from typing import Any

import httpx
import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from app.api.app import create_app
from app.api.examples import ANALYSES, PROBLEMS
from app.api.problems import STATUS, Problem
from app.api.schemas import AnalysisOut
from app.evidence import Outcome, Verdict
from app.settings import Settings

DOCUMENT = create_app(Settings()).openapi()
RESPONSES = DOCUMENT["paths"]["/v1/analyses"]["post"]["responses"]


def fits(schema: dict[str, Any], value: object) -> None:
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
    fits(content["schema"], shown)
    assert AnalysisOut.model_validate(shown).model_dump(mode="json") == shown


def test_no_outcome_and_no_verdict_is_without_an_example() -> None:
    assert {a["outcome"] for a in ANALYSES.values()} == set(Outcome)
    assert {a["verdict"] for a in ANALYSES.values()} == set(Verdict)


@pytest.mark.parametrize("code", PROBLEMS)
def test_every_error_has_an_example_that_fits(code: str) -> None:
    content = RESPONSES[str(STATUS[code])]["content"]["application/problem+json"]
    shown = content["examples"][code]["value"]
    fits(content["schema"], shown)
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
    fits(schema["schema"], client.get(path).json())


FOUND = schemathesis.openapi.from_dict(DOCUMENT).get_all_operations()
OPERATIONS = {each.label: each for each in (f.ok() for f in FOUND if isinstance(f, Ok))}


@pytest.mark.parametrize("label", OPERATIONS)
def test_no_request_that_fits_the_description_surprises(client: httpx.Client, label: str) -> None:
    @settings(
        max_examples=20,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )
    def probe(case: Any) -> None:
        case.call_and_validate(
            base_url=str(client.base_url),
            checks=(
                not_a_server_error,
                status_code_conformance,
                content_type_conformance,
                response_schema_conformance,
            ),
        )

    given(case=OPERATIONS[label].as_strategy())(probe)()
