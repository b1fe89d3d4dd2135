"""Examples of follower lists for ``/openapi.json``. A test validates each."""

from __future__ import annotations

from typing import Any, Final

from app.api import problems
from app.api.analyses.examples import ANALYSES
from app.errors import IdempotencyKeyReused, ListEmpty, ListUnreadable, NoAvatars, NotFound, NotYet

_ID: Final = "batch_7d0c5b1e4f9a2836c1e05b7d"

_COHORT: Final[dict[str, Any]] = {
    "prevalence": {"estimate": 0.21, "interval": [0.17, 0.26]},
    "expected_false_flags": 0.04,
    "concentration": {"p_value": 3.1e-40, "observed": 63, "expected": 0.15},
    "duplicates": [{"perceptual_hash": "c3a1f0e49687b2d5", "seqs": [4, 17]}],
    "templates": {"ffhq": 63},
}
_VALIDATING: Final[dict[str, Any]] = {
    "id": _ID,
    "object": "batch",
    "status": "validating",
    "request_counts": {"total": 300, "completed": 0, "failed": 0},
    "outcomes": {},
    "verdicts": {},
    "prior": 0.5,
    "list_format": "csv",
    "metadata": {"case": "2024-117"},
    "webhook_url": None,
    "created_at": "2026-01-09T12:00:00Z",
    "in_progress_at": None,
    "finalizing_at": None,
    "completed_at": None,
    "failed_at": None,
    "cancelling_at": None,
    "cancelled_at": None,
    "expires_at": None,
    "eta_s": None,
    "error": None,
    "cohort": None,
    "revision": 1,
}
_IN_PROGRESS: Final = _VALIDATING | {
    "status": "in_progress",
    "request_counts": {"total": 300, "completed": 120, "failed": 2},
    "outcomes": {"scored": 101, "no_face": 19},
    "verdicts": {"likely_stylegan": 25, "unlikely_stylegan": 76, "not_applicable": 19},
    "in_progress_at": "2026-01-09T12:00:01Z",
    "eta_s": 3.4,
    "revision": 9,
}
COMPLETED: Final = _IN_PROGRESS | {
    "status": "completed",
    "request_counts": {"total": 300, "completed": 296, "failed": 4},
    "outcomes": {"scored": 251, "no_face": 40, "too_small": 3, "not_a_photo": 2},
    "verdicts": {"likely_stylegan": 63, "unlikely_stylegan": 188, "not_applicable": 45},
    "finalizing_at": "2026-01-09T12:00:06Z",
    "completed_at": "2026-01-09T12:00:07Z",
    "expires_at": "2026-02-08T12:00:07Z",
    "eta_s": None,
    "cohort": _COHORT,
    "revision": 21,
}
BATCHES: Final[dict[str, dict[str, Any]]] = {
    "validating": _VALIDATING,
    "in_progress": _IN_PROGRESS,
    "finalizing": COMPLETED
    | {
        "status": "finalizing",
        "eta_s": 0.0,
        "completed_at": None,
        "expires_at": None,
        "cohort": None,
        "revision": 20,
    },
    "completed": COMPLETED,
    "failed": _IN_PROGRESS
    | {
        "status": "failed",
        "failed_at": "2026-01-09T12:00:05Z",
        "expires_at": "2026-02-08T12:00:05Z",
        "eta_s": None,
        "error": "The batch could not be worked on; the log of the service says why.",
        "revision": 10,
    },
    "cancelling": _IN_PROGRESS
    | {
        "status": "cancelling",
        "cancelling_at": "2026-01-09T12:00:05Z",
        "eta_s": None,
        "revision": 10,
    },
    "cancelled": _IN_PROGRESS
    | {
        "status": "cancelled",
        "cancelling_at": "2026-01-09T12:00:05Z",
        "cancelled_at": "2026-01-09T12:00:06Z",
        "expires_at": "2026-02-08T12:00:06Z",
        "eta_s": None,
        "revision": 11,
    },
}

_ANALYSIS: Final = ANALYSES["likely_stylegan"] | {"timings_ms": None}
RESULTS: Final[dict[str, dict[str, Any]]] = {
    "answered": {"seq": 0, "source": "https://example.com/a.jpg"} | _ANALYSIS,
    "failed": {
        "seq": 1,
        "custom_id": "@bob",
        "source": "https://example.com/b.jpg",
        "error": {
            "code": "fetch_failed",
            "title": "The picture could not be fetched",
            "detail": "There is no picture at this URL (404): it was changed, deleted or never "
            "there.",
            "retryable": False,
        },
    },
}
RESULTS_PAGE: Final = {"data": list(RESULTS.values()), "has_more": True, "next_cursor": "1"}

_REQUEST_ID: Final = "req_0f1e2d3c4b5a69788796a5b4"
_ERRORS: Final = (
    NotFound("There is no such batch, or it has expired."),
    NotYet("Nothing of this list has been analysed yet; come back when something has."),
    ListUnreadable("Line 3 is not JSON; send CSV, JSON, NDJSON, or an archive of pictures."),
    ListEmpty("There is not a single row in it."),
    NoAvatars("An X archive names accounts, not their pictures; add a file of ids and URLs."),
    IdempotencyKeyReused(
        "Send another Idempotency-Key, or the request that this one came with first."
    ),
)
PROBLEMS: Final = {
    said.code: said.model_dump(mode="json")
    for said in (problems.problem_from_error(error, _REQUEST_ID) for error in _ERRORS)
}
