"""What is posted to the ``webhook_url`` of a batch, for ``webhooks`` in ``/openapi.json``."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal

from pydantic import Field

from app.analysis.schemas import WireModel
from app.api.openapi import as_openapi
from app.batches.store.models import Status
from app.runtime.batch_json import CountsOut

MessageType = Literal[
    "batch.flagged_threshold", "batch.completed", "batch.failed", "batch.cancelled"
]
_SUMMARIES: Final[dict[MessageType, str]] = {
    "batch.flagged_threshold": "As many items as its `flagged_threshold` are flagged, once a batch",
    "batch.completed": "A batch is completed",
    "batch.failed": "A batch has failed as a whole",
    "batch.cancelled": "A batch was cancelled, and has ended",
}


class WebhookData(WireModel):
    """The batch at the time of the message; the rest is asked for with a key."""

    id: str
    status: Status
    request_counts: CountsOut
    verdicts: dict[str, int] = Field(description="answers by verdict")
    flagged_threshold: int | None
    metadata: dict[str, Any]
    finding: str | None = Field(
        description="the first thing that the list says as a whole, once it has ended"
    )


class WebhookMessage(WireModel):
    """The body of a message, signed after Standard Webhooks."""

    type: MessageType
    timestamp: datetime
    data: WebhookData


def describe_webhooks(examples: dict[str, Any]) -> dict[str, Any]:
    """The ``webhooks`` of the document. ``examples``: messages by their type."""
    return {name: _describe(name, summary, examples[name]) for name, summary in _SUMMARIES.items()}


def _describe(name: str, summary: str, example: dict[str, Any]) -> dict[str, Any]:
    content = {
        "schema": {"$ref": f"#/components/schemas/{WebhookMessage.__name__}"},
        "examples": as_openapi({name: example}),
    }
    first, _, last = name.partition(".")
    post = {
        "summary": summary,
        "operationId": first + "".join(part.capitalize() for part in last.split("_")),
        "tags": ["webhooks"],
        "parameters": [
            {"name": header, "in": "header", "required": True, "schema": {"type": "string"}}
            for header in ("webhook-id", "webhook-timestamp", "webhook-signature")
        ],
        "requestBody": {"required": True, "content": {"application/json": content}},
        "responses": {
            "2XX": {"description": "It was taken"},
            "410": {"description": "Send it no more; any other status has it sent again"},
        },
    }
    return {"post": post}
