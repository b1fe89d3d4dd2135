"""The bodies and answers of the batch routes for ``/openapi.json``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from app.api.batches.schemas import ListIn
from app.api.content_negotiation import JPEG
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
from app.api.webhook_messages import WebhookMessage, describe_webhooks
from app.runtime.batch_json import BatchOptions, ListPreviewOut
from app.runtime.decision_json import DecisionIn

_EXAMPLES: Final = load_examples(Path(__file__).parent)
BATCHES: Final[dict[str, dict[str, Any]]] = _EXAMPLES["batches"]
_RESULTS: Final = list(_EXAMPLES["results"].values())
EXAMPLES: Final[OperationExamples] = {
    ("/v1/batches", "post", "202"): {"validating": BATCHES["validating"]},
    ("/v1/batches", "get", "200"): {
        "page": {"data": [BATCHES["completed"]], "has_more": False, "next_cursor": None}
    },
    ("/v1/batches/{batch_id}", "get", "200"): BATCHES,
    ("/v1/batches/{batch_id}/cancel", "post", "200"): {"cancelling": BATCHES["cancelling"]},
    ("/v1/batches/{batch_id}/retry", "post", "200"): {"in_progress": BATCHES["in_progress"]},
    ("/v1/batches/{batch_id}/items/{seq}/decision", "put", "200"): {
        "generated": _EXAMPLES["decision"]
    },
    ("/v1/batches/{batch_id}/decisions", "get", "200"): {"counted": _EXAMPLES["decisions"]},
    ("/v1/batches", "post", "200"): {"preview": _EXAMPLES["preview"]},
    ("/v1/batches/{batch_id}/tiles", "get", "200"): {"page": _EXAMPLES["tiles"]},
    ("/v1/batches/{batch_id}/thumbnails", "get", "200"): {"some": _EXAMPLES["thumbnails"]},
    ("/v1/batches/{batch_id}/items/{seq}", "get", "200"): {"result": _RESULTS[0]},
    ("/v1/batches/{batch_id}/network.json", "get", "200"): {"network": _EXAMPLES["network"]},
    ("/v1/batches/{batch_id}/webhooks", "get", "200"): {"messages": _EXAMPLES["deliveries"]},
    ("/v1/batches/{batch_id}/webhooks/resend", "post", "200"): {
        "message": _EXAMPLES["deliveries"]["data"][0]
    },
    ("/v1/batches/{batch_id}/results", "get", "200"): {
        "page": {"data": _RESULTS, "has_more": True, "next_cursor": "1"}
    },
}


def _errors(*codes: str) -> Responses:
    return problem_responses(*codes, *DATABASE_ERRORS, *ACCESS_ERRORS)


def _answer(description: str, media_type: str, schema: dict[str, Any]) -> Responses:
    return {200: {"description": description, "content": {media_type: {"schema": schema}}}}


_BATCH: Final[Responses] = {200: {"description": "The batch as it is now"}}
CREATE_RESPONSES: Final[Responses] = {
    200: {
        "description": "With `dry_run=true`: how the list would be read; nothing is kept",
        "model": ListPreviewOut,
    },
    202: {
        "description": "Accepted and stored",
        "headers": {
            "Location": {"schema": {"type": "string"}, "description": "the path of the batch"},
            "Idempotent-Replayed": {
                "schema": {"type": "string"},
                "description": "`true` if this repeats an earlier request with the same key",
            },
        },
    },
    **_errors(
        *("url_invalid", "url_blocked", "request_timeout", "too_large", "unsupported_media_type"),
        *("invalid_request", "list_unreadable", "list_empty", "list_without_avatars"),
        *("idempotency_key_reused", "busy", "quota_exceeded", "storage_full"),
    ),
}
LIST_RESPONSES: Final[Responses] = {200: {"description": "A page"}, **_errors("invalid_request")}
GET_RESPONSES: Final[Responses] = {**_BATCH, **_errors("not_found", "invalid_request")}
UPDATE_RESPONSES: Final[Responses] = {
    **_BATCH,
    **_errors("not_found", "invalid_request", "not_yet", "busy", "quota_exceeded"),
}
DELETE_RESPONSES: Final[Responses] = {
    204: {"description": "Deleted"},
    **_errors("not_found", "invalid_request"),
}
DECISION_RESPONSES: Final[Responses] = {
    200: {"description": "The decision as it is now"},
    **_errors(
        "not_found", "invalid_request", "too_large", "request_timeout", "unsupported_media_type"
    ),
}
DECISION_BODY: Final[dict[str, Any]] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": DecisionIn.model_json_schema(),
            "examples": as_openapi({"real": {"decision": "real", "note": "met in person"}}),
        }
    },
}
GET_DECISIONS_RESPONSES: Final[Responses] = {
    200: {"description": "The decisions so far"},
    **_errors("not_found", "invalid_request"),
}
READ_ERRORS: Final[Responses] = _errors("not_found", "invalid_request", "not_yet", "busy")
"""Of every route below a batch."""
RESULTS_RESPONSES: Final[Responses] = {
    200: {
        "description": "The results so far",
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
    **READ_ERRORS,
}
EVENTS_RESPONSES: Final[Responses] = {
    **_answer(
        "Server-sent events: `progress`, once `flagged_threshold` if a batch that has one reaches "
        "it, then `completed`, `failed` or `cancelled`",
        "text/event-stream",
        # Without a type: validators check each event, generated clients take the text.
        {"description": "events with `id`, `event` and `data`, which is a *Batch* as JSON"},
    ),
    204: {"description": "The batch has ended and its last event was already sent"},
    **READ_ERRORS,
}
IMAGE_RESPONSES: Final[Responses] = {
    **_answer("Of the results so far", "image/png", PNG_CONTENT["schema"]),
    **READ_ERRORS,
}
OVERLAY_RESPONSES: Final[Responses] = {
    **_answer("The drawing", "image/png", PNG_CONTENT["schema"]),
    **_errors(
        *("not_found", "invalid_request", "not_yet", "picture_gone", "busy", "quota_exceeded"),
        *("url_invalid", "url_blocked", "too_large", "not_an_image", "image_unsupported"),
        *("image_truncated", "image_bomb", "decoder_failed", "fetch_failed", "fetch_timeout"),
    ),
}
THUMBNAIL_RESPONSES: Final[Responses] = {
    **_answer("The thumbnail", "image/jpeg", PNG_CONTENT["schema"] | {"contentMediaType": JPEG}),
    304: {"description": "It is the one that the caller has, by `If-None-Match`"},
    **READ_ERRORS,
}
GRAPHML: Final = "application/graphml+xml"
GEXF: Final = "application/gexf+xml"
SVG: Final = "image/svg+xml"
NETWORK_RESPONSES: Final[Responses] = {
    200: {"description": "Of the results so far"},
    **READ_ERRORS,
}


def graph_file_responses(media_type: str) -> Responses:
    """The responses of a route that gives a network as a text of that type."""
    return {**_answer("Of the results so far", media_type, {"type": "string"}), **READ_ERRORS}


EVIDENCE_RESPONSES: Final[Responses] = {
    **_answer("The bundle", "application/zip", {**BINARY, "contentMediaType": "application/zip"}),
    **READ_ERRORS,
}
REPORT_RESPONSES: Final[Responses] = {
    **_answer("Of the results so far", "text/html", {"type": "string"}),
    **READ_ERRORS,
}

_OPTIONS: Final = BatchOptions.model_json_schema()["properties"]
_LIST_SCHEMA: Final = ListIn.model_json_schema(ref_template="#/components/schemas/{model}")
_MESSAGE_SCHEMA: Final = WebhookMessage.model_json_schema(
    ref_template="#/components/schemas/{model}", mode="serialization"
)
SCHEMAS: Final[dict[str, Any]] = {
    **_LIST_SCHEMA.pop("$defs"),
    **_MESSAGE_SCHEMA.pop("$defs"),
    WebhookMessage.__name__: _MESSAGE_SCHEMA,
}
"""The models that the bodies refer to, for the components of the document."""
WEBHOOKS: Final = describe_webhooks(_EXAMPLES["webhooks"])
_TEXT: Final[dict[str, Any]] = {"schema": {"type": "string"}}
REQUEST_BODY: Final[dict[str, Any]] = {
    "required": True,
    "content": {
        "application/json": {
            "schema": _LIST_SCHEMA,
            "examples": as_openapi({"list": _EXAMPLES["list_request"]}),
        },
        "application/x-ndjson": _TEXT,
        "text/csv": {**_TEXT, "examples": {"list": {"value": _EXAMPLES["csv_request"]}}},
        "text/tab-separated-values": _TEXT,
        "text/plain": _TEXT,
        "application/gzip": {"schema": BINARY},
        "application/zip": {"schema": BINARY},
        "application/x-tar": {"schema": BINARY},
        "application/octet-stream": {"schema": BINARY},
        "multipart/form-data": {
            "schema": {
                "title": "ListForm",
                "type": "object",
                "required": ["file"],
                "additionalProperties": False,
                "properties": {
                    "file": {"type": "array", "items": BINARY, "minItems": 1},
                    "edges": {
                        **BINARY,
                        "description": "CSV: source,target,weight: lines between accounts, for "
                        "the network",
                    },
                    "prior": _OPTIONS["prior"],
                    "webhook_url": {"type": "string"},
                    "flagged_threshold": _OPTIONS["flagged_threshold"],
                    "metadata": {"type": "string", "description": "an object as JSON"},
                    "title": {"type": "string"},
                    "keep_columns": {"type": "string", "description": "names, comma-separated"},
                },
            }
        },
    },
}
