"""The bodies and answers of ``POST /v1/analyses`` for ``/openapi.json``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from app.analysis.schemas import CUSTOM_ID_MAX_LENGTH, UrlRequest
from app.api.openapi import (
    ACCESS_ERRORS,
    BINARY,
    DATABASE_ERRORS,
    PNG_CONTENT,
    OperationExamples,
    Responses,
    as_openapi,
    load_examples,
    problem_responses,
)
from app.evidence import Depth

_EXAMPLES: Final = load_examples(Path(__file__).parent)
ANALYSES: Final[dict[str, dict[str, Any]]] = _EXAMPLES["answers"]
EXAMPLES: Final[OperationExamples] = {
    ("/v1/analyses", "post", "200"): ANALYSES,
    ("/v1/analyses/{sha256}", "get", "200"): ANALYSES,
}

RESPONSES: Final[Responses] = {
    200: {
        "description": "The analysis of the picture; with `Accept: image/png`, its overlay; with "
        "`Accept: application/zip`, its evidence bundle.",
        "content": {
            "application/json": {},
            "image/png": PNG_CONTENT,
            "application/zip": {"schema": {**BINARY, "contentMediaType": "application/zip"}},
        },
    },
    **problem_responses(
        *("url_invalid", "url_blocked", "request_timeout", "too_large", "not_an_image"),
        *("image_unsupported", "unsupported_media_type", "image_truncated", "image_bomb"),
        *("decoder_failed", "invalid_request", "fetch_failed", "busy", "quota_exceeded"),
        *("fetch_timeout", *ACCESS_ERRORS),
    ),
}
FOUND_RESPONSES: Final[Responses] = {
    200: {"description": "The answer, as it was given"},
    **problem_responses("invalid_request", "not_found", *DATABASE_ERRORS, *ACCESS_ERRORS),
}
REQUEST_BODY: Final[dict[str, Any]] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "title": "AnalysisForm",
                "type": "object",
                "required": ["file"],
                "additionalProperties": False,
                "properties": {
                    "file": BINARY,
                    "custom_id": {"type": "string", "maxLength": CUSTOM_ID_MAX_LENGTH},
                    "prior": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
                    "include": {"type": "string", "enum": ["overlay", "picture"]},
                    "depth": {"type": "string", "enum": list(Depth)},
                },
            }
        },
        "image/*": {"schema": {**BINARY, "contentMediaType": "image/*"}},
        "application/octet-stream": {"schema": BINARY},
        "application/json": {
            "schema": UrlRequest.model_json_schema(),
            "examples": as_openapi({"by_url": _EXAMPLES["url_request"]}),
        },
    },
}
