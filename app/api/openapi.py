"""What routes and FastAPI cannot say in ``/openapi.json``: problems, raw bodies, and examples."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from fastapi.routing import APIRoute

from app import errors
from app.api.problems import MEDIA_TYPE, STATUS_BY_CODE, Problem, build_problem, internal_problem

Responses = dict[int | str, dict[str, Any]]
OperationExamples = Mapping[tuple[str, str, str], Mapping[str, Any]]
"""By path, method and status: the answers, by name."""

BINARY: Final[dict[str, Any]] = {
    "type": "string",
    "format": "binary",
    "contentMediaType": "application/octet-stream",
}
"""A file: ``format`` is what client generators read, ``contentMediaType`` what OpenAPI 3.1 says."""
PNG_CONTENT: Final[dict[str, Any]] = {
    "schema": {"type": "string", "format": "binary", "contentMediaType": "image/png"}
}
ACCESS_ERRORS: Final = ("unauthorized", "forbidden", "rate_limited", "internal")
DATABASE_ERRORS: Final = ("database_unavailable",)
_REQUEST_ID: Final = "req_0f1e2d3c4b5a69788796a5b4"


def load_examples(folder: str | Path, name: str = "examples.json") -> dict[str, Any]:
    """The examples that stand beside a module."""
    examples: dict[str, Any] = json.loads((Path(folder) / name).read_text(encoding="utf-8"))
    return examples


@cache
def problem_examples() -> dict[str, dict[str, Any]]:
    """A problem for each code, from its error class and ``problem_examples.json``."""
    classes = {
        kind.code: kind
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.RequestError) and "code" in vars(kind)
    }
    problems = [
        build_problem(
            code,
            classes[code].title,
            request_id=_REQUEST_ID,
            **{"retryable": classes[code].retryable, **members},
        )
        for code, members in load_examples(Path(__file__).parent, "problem_examples.json").items()
    ]
    return {
        each.code: each.model_dump(mode="json")
        for each in (*problems, internal_problem(_REQUEST_ID))
    }


def as_openapi(examples: Mapping[str, Any]) -> dict[str, Any]:
    """``examples`` as OpenAPI wants them."""
    return {name: {"summary": name, "value": value} for name, value in examples.items()}


def problem_responses(*codes: str) -> Responses:
    """The responses for ``codes``, those of one status together."""
    statuses = sorted({STATUS_BY_CODE[code] for code in codes})
    return {
        status: _problem_response([code for code in codes if STATUS_BY_CODE[code] == status])
        for status in statuses
    }


def operation_id(route: APIRoute) -> str:
    """``create_batch`` → ``createBatch``: short names for the methods of generated clients."""
    first, *others = route.name.split("_")
    return first + "".join(part.capitalize() for part in others)


def complete_openapi(
    app: FastAPI,
    schemas: Mapping[str, Any],
    examples: OperationExamples,
    webhooks: Mapping[str, Any],
) -> None:
    """Add to the document of ``app``: ``Problem``, ``schemas``, ``webhooks``, and examples.

    FastAPI would leave nulls out of the examples.
    """
    generate_openapi = app.openapi

    @cache
    def complete() -> dict[str, Any]:
        document = generate_openapi()
        components = document.setdefault("components", {}).setdefault("schemas", {})
        template = "#/components/schemas/{model}"
        schema = Problem.model_json_schema(ref_template=template, mode="serialization")
        components.update(schema.pop("$defs", {}))
        components.update({"Problem": schema, **schemas})
        for (path, method, status), answers in examples.items():
            content = document["paths"][path][method]["responses"][status]["content"]
            content["application/json"]["examples"] = as_openapi(answers)
        document["webhooks"] = dict(webhooks)
        return document

    app.openapi = complete  # type: ignore[method-assign]


def _problem_response(codes: list[str]) -> dict[str, Any]:
    examples = problem_examples()
    content = {
        "schema": {"$ref": f"#/components/schemas/{Problem.__name__}"},
        "examples": as_openapi({code: examples[code] for code in codes}),
    }
    response: dict[str, Any] = {"description": " or ".join(codes), "content": {MEDIA_TYPE: content}}
    if STATUS_BY_CODE[codes[0]] in (429, 503, 507):
        response["headers"] = {
            "Retry-After": {"schema": {"type": "integer"}, "description": "seconds"}
        }
    return response
