"""The description is true: its examples fit its schemas, and what it promises is what happens."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import jsonschema_rs
import pytest

from app import errors
from app.analysis.schemas import AnalysisOut
from app.api.analyses.openapi import ANALYSES
from app.api.app import create_app
from app.api.batches.openapi import BATCHES, EXAMPLES, WEBHOOKS
from app.api.openapi import problem_examples
from app.api.operations import openapi as operations_openapi
from app.api.problems import STATUS_BY_CODE, Problem
from app.api.webhook_messages import WebhookMessage
from app.batches.store.models import Status
from app.evidence import Outcome, Verdict
from app.settings import Settings

PROBLEMS = problem_examples()
DOCUMENT = create_app(Settings()).openapi()
RESPONSES = DOCUMENT["paths"]["/v1/analyses"]["post"]["responses"]
SHOWN = {**EXAMPLES, **operations_openapi.EXAMPLES}


def test_every_answer_in_json_has_an_example() -> None:
    without = [
        (method, path, status)
        for path, methods in DOCUMENT["paths"].items()
        for method, operation in methods.items()
        for status, response in operation["responses"].items()
        for kind, content in response.get("content", {}).items()
        if "json" in kind and "ndjson" not in kind and not content.get("examples")
    ]
    assert without == [("get", "/readyz", "503")]  # a problem of any of its codes


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


@pytest.mark.parametrize("shown", [*SHOWN], ids=str)
def test_every_example_fits(shown: tuple[str, str, str]) -> None:
    path, method, status = shown
    content = DOCUMENT["paths"][path][method]["responses"][status]["content"]
    for name, value in SHOWN[shown].items():
        assert content["application/json"]["examples"][name]["value"] == value
        validate(content["application/json"]["schema"], value)


@pytest.mark.parametrize("name", WEBHOOKS)
def test_every_webhook_is_described_with_a_message_that_fits(name: str) -> None:
    body = DOCUMENT["webhooks"][name]["post"]["requestBody"]["content"]["application/json"]
    shown = body["examples"][name]["value"]
    assert shown["type"] == name
    validate(body["schema"], shown)
    assert WebhookMessage.model_validate(shown).model_dump(mode="json") == shown


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


ANSWERED_CODES = {
    (path, method, status, code)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
    for status, response in operation["responses"].items()
    for code in response.get("content", {}).get("application/problem+json", {}).get("examples", ())
}


@pytest.mark.parametrize("answered", sorted(ANSWERED_CODES), ids=str)
def test_every_error_has_an_example_that_fits(answered: tuple[str, str, str, str]) -> None:
    path, method, status, code = answered
    content = DOCUMENT["paths"][path][method]["responses"][status]["content"]
    shown = content["application/problem+json"]["examples"][code]["value"]
    validate(content["application/problem+json"]["schema"], shown)
    assert Problem.model_validate(shown).code == code
    assert STATUS_BY_CODE[code] == shown["status"] == int(status)


def test_every_error_of_the_tree_has_a_status_and_an_example() -> None:
    codes = {
        kind.code
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.RequestError) and "code" in vars(kind)
    }
    assert codes <= set(STATUS_BY_CODE)
    assert set(PROBLEMS) == codes | {"internal"}


def test_operation_ids_are_short_and_unique() -> None:
    ids = [
        operation["operationId"]
        for methods in DOCUMENT["paths"].values()
        for operation in methods.values()
    ]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch("[a-z]+[A-Za-z]*", each) for each in ids)
    assert {"createAnalysis", "createBatch", "listBatches", "getResults", "livez"} <= set(ids)


def test_files_are_binary_so_that_clients_send_bytes() -> None:
    analysis = DOCUMENT["paths"]["/v1/analyses"]["post"]["requestBody"]["content"]
    file = analysis["multipart/form-data"]["schema"]["properties"]["file"]
    assert (file["type"], file["format"]) == ("string", "binary")
    batch = DOCUMENT["paths"]["/v1/batches"]["post"]["requestBody"]["content"]
    files = batch["multipart/form-data"]["schema"]["properties"]["file"]
    assert (files["type"], files["items"]["format"]) == ("array", "binary")
    for name in ("application/zip", "application/gzip", "application/x-tar"):
        assert batch[name]["schema"]["format"] == "binary"


def test_every_error_of_the_contract_is_described() -> None:
    contract = {
        "url_invalid", "url_blocked", "too_large", "not_an_image", "image_unsupported",
        "image_truncated", "image_bomb", "invalid_request", "fetch_failed", "busy",
        "fetch_timeout", "unauthorized",
    }  # fmt: skip
    assert contract <= set(PROBLEMS)


def test_every_body_and_every_kind_of_answer_is_described() -> None:
    operation = DOCUMENT["paths"]["/v1/analyses"]["post"]
    bodies = set(operation["requestBody"]["content"])
    assert bodies == {
        "multipart/form-data", "image/*", "application/octet-stream", "application/json",
    }  # fmt: skip
    kinds = {"application/json", "image/png", "application/zip"}
    assert set(RESPONSES["200"]["content"]) == kinds
    assert "Retry-After" in RESPONSES["429"]["headers"]


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/v1/checks", "/v1/model", "/v1/limits"])
def test_what_is_answered_fits_what_is_described(client: httpx.Client, path: str) -> None:
    schema = DOCUMENT["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]
    validate(schema["schema"], client.get(path).json())
