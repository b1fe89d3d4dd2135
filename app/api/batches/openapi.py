"""What the routes of follower lists take and answer, for ``/openapi.json``."""

from __future__ import annotations

from typing import Any, Final

from app.api.analyses.examples import named, problem_responses
from app.api.batches.examples import BATCHES, DONE, PAGE, PROBLEMS
from app.api.batches.schemas import BatchOptions, ListIn

DOOR: Final = ("unauthorized", "forbidden", "rate_limited", "quota_exceeded", "internal")


def _refusals(*codes: str) -> dict[int | str, dict[str, Any]]:
    return problem_responses(*codes, *DOOR, more=PROBLEMS)


def _headers(**described: str) -> dict[str, Any]:
    return {
        name.replace("_", "-"): {"schema": {"type": "string"}, "description": said}
        for name, said in described.items()
    }


_BATCH: Final = {"description": "The batch as it is now"}
SUBMITTED: Final[dict[int | str, dict[str, Any]]] = {
    202: {
        "description": "Taken on, for good",
        "headers": _headers(
            Location="where the batch is",
            Idempotent_Replayed="`true` if this key brought the same list before",
        ),
    },
    **_refusals(
        *("url_invalid", "url_blocked", "request_timeout", "too_large", "unsupported_media_type"),
        *("invalid_request", "list_unreadable", "list_empty", "list_without_avatars"),
        *("idempotency_key_reused", "busy"),
    ),
}
LISTED: Final[dict[int | str, dict[str, Any]]] = {
    200: {"description": "A page"},
    **_refusals("invalid_request"),
}
FOUND: Final[dict[int | str, dict[str, Any]]] = {
    200: _BATCH,
    **_refusals("not_found", "invalid_request"),
}
CHANGED: Final[dict[int | str, dict[str, Any]]] = {
    200: _BATCH,
    **_refusals("not_found", "invalid_request", "not_yet", "busy"),
}
ERASED: Final[dict[int | str, dict[str, Any]]] = {
    204: {"description": "Gone"},
    **_refusals("not_found", "invalid_request"),
}
REFUSED: Final = _refusals("not_found", "invalid_request", "not_yet", "busy")
"""Of everything that is asked of a batch beside its state."""
RESULTS_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
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
    **REFUSED,
}
_EVENT: Final[dict[str, Any]] = {
    "type": "object",
    "description": "one event; `data` is a *Batch* as JSON",
    "properties": {name: {"type": "string"} for name in ("id", "event", "data")},
}

EVENTS_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "Server-sent events: `progress`, then `completed`, `failed` or `cancelled`",
        "content": {"text/event-stream": {"schema": _EVENT}},
    },
    204: {"description": "It has ended, and the caller has seen the end"},
    **REFUSED,
}
PLAIN_ANSWERS: Final[dict[int | str, dict[str, Any]]] = REFUSED
PICTURE_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "As far as there are results yet",
        "content": {"image/png": {"schema": {"type": "string", "contentMediaType": "image/png"}}},
    },
    **REFUSED,
}
REPORT_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "As far as there are results yet",
        "content": {"text/html": {"schema": {"type": "string"}}},
    },
    **REFUSED,
}

SHOWN: Final[dict[tuple[str, str, str], dict[str, Any]]] = {
    ("/v1/batches", "post", "202"): {"validating": BATCHES["validating"]},
    ("/v1/batches", "get", "200"): {
        "page": {"data": [DONE], "has_more": False, "next_cursor": None}
    },
    ("/v1/batches/{batch_id}", "get", "200"): BATCHES,
    ("/v1/batches/{batch_id}/cancel", "post", "200"): {"cancelling": BATCHES["cancelling"]},
    ("/v1/batches/{batch_id}/retry", "post", "200"): {"in_progress": BATCHES["in_progress"]},
    ("/v1/batches/{batch_id}/results", "get", "200"): {"page": PAGE},
}
"""Examples by path, method and status: put in at the end, for FastAPI drops what is null."""

_FILE: Final = {"type": "string", "contentMediaType": "application/octet-stream"}
_OPTIONS: Final = BatchOptions.model_json_schema()["properties"]
_LIST: Final = ListIn.model_json_schema(ref_template="#/components/schemas/{model}")
SCHEMAS: Final[dict[str, Any]] = _LIST.pop("$defs")
"""What the bodies refer to, for the components of the document."""
_TEXT: Final[dict[str, Any]] = {"schema": {"type": "string"}}
REQUEST_BODY: Final[dict[str, Any]] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": _LIST,
            "examples": named(
                {
                    "list": {
                        "items": [{"custom_id": "@alice", "url": "https://example.com/a.jpg"}],
                        "prior": 0.01,
                        "metadata": {"case": "2024-117"},
                    }
                }
            ),
        },
        "application/x-ndjson": _TEXT,
        "text/csv": {
            "schema": {"type": "string"},
            "examples": {"list": {"value": "id,avatar\n@alice,https://example.com/a.jpg\n"}},
        },
        "text/plain": _TEXT,
        "application/gzip": {"schema": _FILE},
        "application/zip": {"schema": _FILE},
        "application/x-tar": {"schema": _FILE},
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "additionalProperties": False,
                "properties": {
                    "file": {"type": "array", "items": _FILE, "minItems": 1},
                    "prior": _OPTIONS["prior"],
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
