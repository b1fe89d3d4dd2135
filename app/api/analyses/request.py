"""One avatar as a caller sends it: as a form, as raw bytes, or by its URL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from fastapi import Request
from pydantic import Field, ValidationError

from app.analysis.schemas import CUSTOM_ID_MAX_LENGTH, AnalysisOptions, UrlRequest, WireModel
from app.api.multipart import FILE_FIELD, read_form
from app.api.request_body import (
    FORM_OVERHEAD_BYTES,
    BodyLimits,
    Spool,
    read_body,
    read_whole_body,
)
from app.errors import TooLarge, UnsupportedBody, invalid_field
from app.evidence import Depth
from app.runtime.batch_json import invalid_fields, validate_fields
from app.settings import Probability


class AnalysisQuery(WireModel):
    """Options in the query; a field of the body takes precedence."""

    custom_id: str | None = Field(
        default=None, max_length=CUSTOM_ID_MAX_LENGTH, description="echoed in the answer"
    )
    prior: Probability | None = Field(
        default=None, description="for `likelihood`; the operator's if not given"
    )
    include: Literal["overlay", "picture"] | None = Field(
        default=None,
        description="`overlay` adds the overlay as a data URI, `picture` the bytes analyzed (also "
        "to an evidence bundle)",
    )
    depth: Depth | None = Field(
        default=None,
        description="`needed`, if not given: checks that cannot change the answer do not look; "
        "`full`: every check looks. Ratios and verdict are the same",
    )

    def fields(self) -> dict[str, Any]:
        """Those that were given, as ``AnalysisOptions`` takes them."""
        fields = self.model_dump(exclude_none=True)
        return {**fields, "include": (self.include,)} if self.include else fields


@dataclass(frozen=True)
class AnalysisRequest:
    """A picture's bytes or its URL, exactly one of the two, and the caller's options."""

    options: AnalysisOptions
    data: bytes | None = None
    url: str | None = None


async def read_request(request: Request, query: AnalysisQuery, max_bytes: int) -> AnalysisRequest:
    """Raises ``TooLarge``, ``UnsupportedBody``, ``BodyTimeout`` or ``InvalidFields``."""
    content_type = request.headers.get("content-type", "")
    media_type = content_type.partition(";")[0].strip().lower()
    fields = query.fields()
    if media_type == "multipart/form-data":
        return await _read_form(request, fields, max_bytes)
    if media_type == "application/json":
        return await _read_url(request, fields)
    if media_type.startswith("image/") or media_type == "application/octet-stream":
        options = validate_fields(AnalysisOptions, fields)
        data = await read_whole_body(request, BodyLimits.for_picture(max_bytes))
        return AnalysisRequest(options, data=data)
    raise UnsupportedBody(
        "Send the picture as multipart/form-data with a part named `file`, as raw bytes with "
        'Content-Type image/*, or as JSON {"url": "https://…"} with Content-Type application/json.'
    )


async def _read_form(
    request: Request, fields: Mapping[str, Any], max_bytes: int
) -> AnalysisRequest:
    limits = BodyLimits.for_picture(max_bytes, FORM_OVERHEAD_BYTES)
    spool = Spool(None)
    form = await read_form(
        request.headers["content-type"], read_body(request, limits), spool, max_files=2
    )
    if len(form.files) != 1:
        raise invalid_field(
            FILE_FIELD, f"send one picture as a part named `{FILE_FIELD}`, with a file name"
        )
    if form.files[0].size > max_bytes:
        raise TooLarge(limits.too_large)
    options = validate_fields(AnalysisOptions, {**fields, **form.fields})
    spool.file.seek(0)
    return AnalysisRequest(options, data=spool.file.read())


async def _read_url(request: Request, fields: Mapping[str, Any]) -> AnalysisRequest:
    body = await read_whole_body(request, BodyLimits.for_picture(FORM_OVERHEAD_BYTES))
    try:
        url_request = UrlRequest.model_validate_json(body)
    except ValidationError as error:
        raise invalid_fields(error.errors(include_url=False, include_context=False)) from error
    missing = {
        name: value for name, value in fields.items() if name not in url_request.model_fields_set
    }
    return AnalysisRequest(url_request.model_copy(update=missing), url=url_request.url)
