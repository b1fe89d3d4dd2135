"""What the routes of follower lists take and answer, for ``/openapi.json``."""

from __future__ import annotations

from typing import Any, Final

from app.api.analyses.examples import openapi_examples, problem_responses
from app.api.batches.examples import BATCHES, COMPLETED, PROBLEMS, RESULTS_PAGE
from app.api.batches.schemas import BatchOptions, ListIn

ACCESS_ERRORS: Final = ("unauthorized", "forbidden", "rate_limited", "quota_exceeded", "internal")


def _error_responses(*codes: str) -> dict[int | str, dict[str, Any]]:
    return problem_responses(*codes, *ACCESS_ERRORS, extra_examples=PROBLEMS)


def _headers(**descriptions: str) -> dict[str, Any]:
    return {
        name.replace("_", "-"): {"schema": {"type": "string"}, "description": description}
        for name, description in descriptions.items()
    }


_BATCH_RESPONSE: Final = {"description": "The batch as it is now"}
CREATE_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    202: {
        "description": "Taken on, for good",
        "headers": _headers(
            Location="where the batch is",
            Idempotent_Replayed="`true` if this key brought the same list before",
        ),
    },
    **_error_responses(
        *("url_invalid", "url_blocked", "request_timeout", "too_large", "unsupported_media_type"),
        *("invalid_request", "list_unreadable", "list_empty", "list_without_avatars"),
        *("idempotency_key_reused", "busy"),
    ),
}
LIST_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "A page"},
    **_error_responses("invalid_request"),
}
GET_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: _BATCH_RESPONSE,
    **_error_responses("not_found", "invalid_request"),
}
UPDATE_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: _BATCH_RESPONSE,
    **_error_responses("not_found", "invalid_request", "not_yet", "busy"),
}
DELETE_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    204: {"description": "Gone"},
    **_error_responses("not_found", "invalid_request"),
}
ERROR_RESPONSES: Final = _error_responses("not_found", "invalid_request", "not_yet", "busy")
"""Of everything that is asked of a batch beside its state."""
RESULTS_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Results, as far as there are any yet",
        "content": {
            "application/json": {},
            "application/x-ndjson": {
                "schema": {
                    "type": "string",
                    "description": 'an object a line, the last one `{"summary": …}`',
                },
            },
            "text/csv": {"schema": {"type": "string"}},
        },
    },
    **ERROR_RESPONSES,
}
_EVENT_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "description": "one event; `data` is a *Batch* as JSON",
    "properties": {name: {"type": "string"} for name in ("id", "event", "data")},
}

EVENTS_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Server-sent events: `progress`, then `completed`, `failed` or `cancelled`",
        "content": {"text/event-stream": {"schema": _EVENT_SCHEMA}},
    },
    204: {"description": "It has ended, and the caller has seen the end"},
    **ERROR_RESPONSES,
}
WEBHOOK_RESPONSES: Final[dict[int | str, dict[str, Any]]] = ERROR_RESPONSES
IMAGE_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "As far as there are results yet",
        "content": {"image/png": {"schema": {"type": "string", "contentMediaType": "image/png"}}},
    },
    **ERROR_RESPONSES,
}
REPORT_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "As far as there are results yet",
        "content": {"text/html": {"schema": {"type": "string"}}},
    },
    **ERROR_RESPONSES,
}

EXAMPLES: Final[dict[tuple[str, str, str], dict[str, Any]]] = {
    ("/v1/batches", "post", "202"): {"validating": BATCHES["validating"]},
    ("/v1/batches", "get", "200"): {
        "page": {"data": [COMPLETED], "has_more": False, "next_cursor": None}
    },
    ("/v1/batches/{batch_id}", "get", "200"): BATCHES,
    ("/v1/batches/{batch_id}/cancel", "post", "200"): {"cancelling": BATCHES["cancelling"]},
    ("/v1/batches/{batch_id}/retry", "post", "200"): {"in_progress": BATCHES["in_progress"]},
    ("/v1/batches/{batch_id}/results", "get", "200"): {"page": RESULTS_PAGE},
}
"""Examples by path, method and status: put in at the end, for FastAPI drops what is null."""

_FILE_SCHEMA: Final = {"type": "string", "contentMediaType": "application/octet-stream"}
_OPTIONS_SCHEMA: Final = BatchOptions.model_json_schema()["properties"]
_LIST_SCHEMA: Final = ListIn.model_json_schema(ref_template="#/components/schemas/{model}")
SCHEMAS: Final[dict[str, Any]] = _LIST_SCHEMA.pop("$defs")
"""What the bodies refer to, for the components of the document."""
_TEXT_CONTENT: Final[dict[str, Any]] = {"schema": {"type": "string"}}
REQUEST_BODY: Final[dict[str, Any]] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": _LIST_SCHEMA,
            "examples": openapi_examples(
                {
                    "list": {
                        "items": [{"custom_id": "@alice", "url": "https://example.com/a.jpg"}],
                        "prior": 0.01,
                        "metadata": {"case": "2024-117"},
                    }
                }
            ),
        },
        "application/x-ndjson": _TEXT_CONTENT,
        "text/csv": {
            "schema": {"type": "string"},
            "examples": {"list": {"value": "id,avatar\n@alice,https://example.com/a.jpg\n"}},
        },
        "text/plain": _TEXT_CONTENT,
        "application/gzip": {"schema": _FILE_SCHEMA},
        "application/zip": {"schema": _FILE_SCHEMA},
        "application/x-tar": {"schema": _FILE_SCHEMA},
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "additionalProperties": False,
                "properties": {
                    "file": {"type": "array", "items": _FILE_SCHEMA, "minItems": 1},
                    "prior": _OPTIONS_SCHEMA["prior"],
                    "webhook_url": {"type": "string"},
                    "metadata": {"type": "string", "description": "an object as JSON"},
                },
            }
        },
    },
}
PARAMETERS: Final[list[dict[str, Any]]] = [
    {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "schema": {"type": "string", "minLength": 1, "maxLength": 255},
        "description": "the same key with the same request is answered with the same batch",
    },
    *(
        {"name": name, "in": "query", "required": False, "schema": schema, "description": said}
        for name, schema, said in (
            (
                "prior",
                {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
                "for `likelihood`; a field of the body goes first",
            ),
            ("webhook_url", {"type": "string"}, "told when the batch has ended"),
            ("metadata", {"type": "string"}, "an object of strings, as JSON"),
        )
    ),
]
