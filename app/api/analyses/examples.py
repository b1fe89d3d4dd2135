"""Examples for ``/openapi.json``: one for every outcome and every error. A test validates each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from app.analysis.schemas import CUSTOM_ID_MAX_LENGTH, UrlRequest
from app.api import problems
from app.api.auth import Forbidden
from app.api.keys import QuotaExceeded, RateLimited
from app.api.problems import MEDIA_TYPE, STATUS_BY_CODE, Problem
from app.errors import (
    Busy,
    FetchFailed,
    FetchTimeout,
    ImageBomb,
    ImageTruncated,
    ImageUnsupported,
    NotAnImage,
    RequestError,
    TooLarge,
    UrlBlocked,
    UrlInvalid,
)
from app.evidence import SCOPE

_SHA256: Final = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0bc2cd15d6c15b0f00a08b"
_SCORED: Final[dict[str, Any]] = {
    "id": "an_5f2c9b1e8a7d4c3b2a190817",
    "custom_id": "@alice",
    "outcome": "scored",
    "verdict": "likely_stylegan",
    "likelihood": 0.9998,
    "prior": 0.5,
    "base_rate": 0.0005,
    "posterior_at_base_rate": 0.715,
    "llr": 3.7,
    "llr_interval": [3.4, 3.8],
    "support": "strong",
    "alignment": {
        "template": "ffhq",
        "transform": "untouched",
        "distance": 0.8,
        "centre": [0.5001, 0.4962],
        "side": 1.0071,
        "roll_deg": -0.1,
    },
    "face": {
        "count": 1,
        "eyes": [[0.374, 0.47], [0.626, 0.4702]],
        "eye_distance_px": 100.8,
        "roll_deg": -0.1,
        "yaw_deg": 3.2,
        "gan_eye_distance": 0.0102,
    },
    "checks": [
        {
            "name": "eye_alignment",
            "version": 1,
            "status": "measured",
            "value": 0.81,
            "unit": "% of the frame's side",
            "llr": 3.7,
            "summary": "both eyes lie where FFHQ-aligned generators put them",
            "measures": {},
            "marks": [
                {"label": "irises", "shape": "dots", "points": [[0.374, 0.47], [0.626, 0.4702]]}
            ],
        },
        {
            "name": "teeth",
            "version": 1,
            "status": "unmeasurable",
            "reason": "mouth_closed",
            "llr": 0.0,
            "summary": "not measured: mouth_closed",
        },
    ],
    "image": {
        "sha256": _SHA256,
        "perceptual_hash": "c3a1f0e49687b2d5",
        "width": 400,
        "height": 400,
        "format": "JPEG",
        "animated": False,
    },
    "warnings": [],
    "scope": SCOPE,
    "model": {"name": "eyeline", "version": "0.1.0", "calibration": "3f1c9a6e2b47"},
    "timings_ms": {"fetch": 0.0, "decode": 1.2, "landmarks": 6.1, "checks": 3.9},
}


def _check(llr: float, value: float, summary: str) -> list[dict[str, Any]]:
    return [_SCORED["checks"][0] | {"llr": llr, "value": value, "summary": summary}]


def _unscored(outcome: str, **members: Any) -> dict[str, Any]:
    """An outcome without a score: nothing is claimed, so nothing is given."""
    unscored_members: dict[str, Any] = {
        "outcome": outcome,
        "verdict": "not_applicable",
        "likelihood": None,
        "posterior_at_base_rate": None,
        "llr": 0.0,
        "llr_interval": None,
        "support": "none",
        "alignment": None,
        "face": None,
        "checks": [],
    }
    return _SCORED | unscored_members | members


ANALYSES: Final[dict[str, dict[str, Any]]] = {
    "likely_stylegan": _SCORED,
    "inconclusive": _SCORED
    | {
        "verdict": "inconclusive",
        "likelihood": 0.8,
        "posterior_at_base_rate": 0.002,
        "llr": 0.602,
        "llr_interval": [-0.4, 1.3],
        "support": "weak",
        "alignment": _SCORED["alignment"] | {"distance": 3.4},
        "checks": _check(
            0.602,
            4.2,
            "the eyes lie near a generator's frame, but ordinary photographs are found there too",
        ),
        "warnings": ["several_faces"],
        "face": _SCORED["face"] | {"count": 2},
    },
    "unlikely_stylegan": _SCORED
    | {
        "verdict": "unlikely_stylegan",
        "likelihood": 0.00316,
        "posterior_at_base_rate": 1.59e-06,
        "llr": -2.5,
        "llr_interval": [-2.5, -2.3],
        "support": "moderately strong",
        "alignment": _SCORED["alignment"]
        | {"distance": 41.0, "centre": [0.43, 0.38], "side": 0.61, "roll_deg": 4.2},
        "checks": _check(
            -2.5,
            31.4,
            "the eyes lie where ordinary photographs have them, not in a generator's frame",
        ),
    },
    "no_face": _unscored("no_face"),
    "too_small": _unscored(
        "too_small",
        face=_SCORED["face"] | {"eye_distance_px": 3.1},
        checks=[
            {
                "name": "eye_alignment",
                "version": 1,
                "status": "unmeasurable",
                "reason": "too_small",
                "llr": 0.0,
                "summary": "not measured: too_small",
            }
        ],
    ),
    "not_a_photo": _unscored("not_a_photo"),
}

_REQUEST_ID: Final = "req_0f1e2d3c4b5a69788796a5b4"
_ERRORS: Final[tuple[RequestError, ...]] = (
    UrlInvalid("Give an absolute http:// or https:// URL."),
    problems.Unauthorized("Send `Authorization: Bearer <key>`; the operator hands out keys."),
    Forbidden("It needs the scope `analyse`; ask the operator for another key."),
    RateLimited("This key has 60 requests a minute; slow down.", retry_after_s=1),
    QuotaExceeded("This key has 10000 pictures a day; more from midnight UTC.", retry_after_s=3600),
    UrlBlocked("The address behind this URL is not on the public internet, so it is not fetched."),
    problems.BodyTimeout("Send the whole body within 20 s."),
    TooLarge("The picture is larger than 5000000 bytes; send a smaller one."),
    NotAnImage("These bytes are no picture; send a JPEG, PNG, WEBP, GIF or AVIF file."),
    ImageUnsupported("Send the picture as JPEG, PNG, WEBP, GIF or AVIF."),
    problems.UnsupportedBody("Send the picture as multipart/form-data with a part named `file`."),
    ImageTruncated("The file ends early; send the whole of it."),
    ImageBomb("The picture unpacks to more than 25000000 pixels; send a smaller one."),
    problems.InvalidFields(
        [problems.FieldError(pointer="#/prior", detail="Input should be less than 1")]
    ),
    FetchFailed("The server answered 404 instead of a picture.", upstream_status=404),
    Busy("All 34 places are taken; try again in 1 s.", retry_after_s=1),
    FetchTimeout("The picture did not arrive within 8 s; try again or send the bytes."),
)
_PROBLEMS: Final = (
    *(problems.problem_from_error(e, _REQUEST_ID) for e in _ERRORS),
    problems.internal_problem(_REQUEST_ID),
)

PROBLEMS: Final = {said.code: said.model_dump(mode="json") for said in _PROBLEMS}


def openapi_examples(examples: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """``examples`` as OpenAPI wants them."""
    return {name: {"summary": name, "value": value} for name, value in examples.items()}


def problem_responses(
    *codes: str, extra_examples: Mapping[str, dict[str, Any]] | None = None
) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI responses for ``codes``, those of one status together.

    ``extra_examples``: examples of problems that an analysis cannot have.
    """
    examples = {**PROBLEMS, **(extra_examples or {})}
    statuses = sorted({STATUS_BY_CODE[code] for code in codes})
    return {
        status: _problem_response({c: examples[c] for c in codes if STATUS_BY_CODE[c] == status})
        for status in statuses
    }


def _problem_response(codes: dict[str, dict[str, Any]]) -> dict[str, Any]:
    content = {
        "schema": {"$ref": f"#/components/schemas/{Problem.__name__}"},
        "examples": openapi_examples(codes),
    }
    response: dict[str, Any] = {"description": " or ".join(codes), "content": {MEDIA_TYPE: content}}
    if "busy" in codes:
        response["headers"] = {
            "Retry-After": {"schema": {"type": "integer"}, "description": "seconds"}
        }
    return response


_PNG: Final = {"schema": {"type": "string", "contentMediaType": "image/png"}}

RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "What Eyeline says of the picture; with `Accept: image/png`, its overlay.",
        "content": {"application/json": {}, "image/png": _PNG},
    },
    **problem_responses(*PROBLEMS),
}

_CUSTOM_ID: Final = {"type": "string", "maxLength": CUSTOM_ID_MAX_LENGTH}
_PRIOR: Final = {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}
_INCLUDE: Final = {"type": "string", "enum": ["overlay"]}
_BYTES: Final = {"type": "string", "contentMediaType": "application/octet-stream"}

REQUEST_BODY: Final[dict[str, Any]] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "additionalProperties": False,
                "properties": {
                    "file": _BYTES,
                    "custom_id": _CUSTOM_ID,
                    "prior": _PRIOR,
                    "include": _INCLUDE,
                },
            }
        },
        "image/*": {"schema": {"type": "string", "contentMediaType": "image/*"}},
        "application/json": {
            "schema": UrlRequest.model_json_schema(),
            "examples": openapi_examples(
                {"by_url": {"url": "https://example.com/a.jpg", "custom_id": "@a"}}
            ),
        },
    },
}

PARAMETERS: Final[list[dict[str, Any]]] = [
    {"name": name, "in": "query", "required": False, "schema": schema, "description": said}
    for name, schema, said in (
        ("custom_id", _CUSTOM_ID, "echoed in the answer; a field of the body goes first"),
        ("prior", _PRIOR, "for `likelihood`; the operator's if not given"),
        ("include", _INCLUDE, "`overlay` adds the overlay as a data URI"),
    )
]
