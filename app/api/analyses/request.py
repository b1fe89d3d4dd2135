"""One avatar as a caller sends it: as a form, as bare bytes, or by its URL. Read within limits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from fastapi import Request
from pydantic import ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from app.analysis.schemas import AnalysisOptions, UrlRequest, WireModel
from app.api.problems import BodyTimeout, InvalidFields, UnsupportedBody, invalid_field
from app.errors import TooLarge

BODY_TIMEOUT_S: Final = 20.0
"""Within it the whole body must have arrived: a slow sender holds a place that others wait for."""
FORM_OVERHEAD_BYTES: Final = 65_536
"""What a form may need beside the picture; also the most that a JSON body may have."""

OptionsT = TypeVar("OptionsT", bound=WireModel)


@dataclass(frozen=True)
class AnalysisRequest:
    """A picture's bytes or its URL, and what the caller added. Exactly one of the two is given."""

    options: AnalysisOptions
    data: bytes | None = None
    url: str | None = None


class InMemoryFormParser(MultiPartParser):
    """Files stay in memory: their size is bounded already, and a disk may be read-only."""

    spool_max_size = 2**31


async def read_request(request: Request, max_bytes: int) -> AnalysisRequest:
    """Raises ``TooLarge``, ``UnsupportedBody``, ``BodyTimeout`` or ``InvalidFields``."""
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    validate_fields(
        AnalysisOptions, _query_fields(request)
    )  # though the body's own options go first
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            if media_type == "multipart/form-data":
                return await _read_form(request, max_bytes)
            if media_type == "application/json":
                return await _read_url(request)
            if media_type.startswith("image/") or media_type == "application/octet-stream":
                options = validate_fields(AnalysisOptions, _query_fields(request))
                return AnalysisRequest(options, data=await read_limited_body(request, max_bytes))
    except TimeoutError as error:
        raise BodyTimeout(f"Send the whole body within {BODY_TIMEOUT_S:g} s.") from error
    raise UnsupportedBody(
        "Send the picture as multipart/form-data with a part named `file`, as bare bytes with "
        'Content-Type image/*, or as JSON {"url": "https://…"} with Content-Type application/json.'
    )


def validate_fields(model: type[OptionsT], fields: dict[str, Any]) -> OptionsT:
    """``fields`` as ``kind``; raises ``InvalidFields``."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        raise InvalidFields.from_validation_error(error) from error


async def _read_form(request: Request, max_bytes: int) -> AnalysisRequest:
    body = iter_limited_body(request, max_bytes + FORM_OVERHEAD_BYTES)
    try:
        parser = InMemoryFormParser(
            request.headers, body, max_files=1, max_fields=8, max_part_size=FORM_OVERHEAD_BYTES
        )
        form = await parser.parse()
    except MultiPartException as error:
        raise invalid_field("file", f"this form cannot be read: {error.message}") from error
    try:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise invalid_field("file", "send the picture as a part named `file`, with a file name")
        if (file.size or 0) > max_bytes:
            raise picture_too_large(max_bytes)
        fields = {**_query_fields(request), **_form_fields(form)}
        return AnalysisRequest(validate_fields(AnalysisOptions, fields), data=await file.read())
    finally:
        await form.close()


async def _read_url(request: Request) -> AnalysisRequest:
    body = await read_limited_body(request, FORM_OVERHEAD_BYTES)
    try:
        url_request = UrlRequest.model_validate_json(body)
    except ValidationError as error:
        raise InvalidFields.from_validation_error(error) from error
    merged = {**_query_fields(request), **url_request.model_dump(exclude_unset=True)}
    return AnalysisRequest(validate_fields(UrlRequest, merged), url=url_request.url)


def _form_fields(form: FormData) -> dict[str, Any]:
    """The form's fields without the file; ``include`` may come several times."""
    fields = {name: value for name, value in form.items() if name not in ("file", "include")}
    includes = [v for value in form.getlist("include") for v in str(value).split(",")]
    return fields | ({"include": tuple(v for v in includes if v)} if includes else {})


def _query_fields(request: Request) -> dict[str, Any]:
    query = request.query_params
    fields: dict[str, Any] = {name: value for name, value in query.items() if name != "include"}
    includes = [v for value in query.getlist("include") for v in value.split(",")]
    return fields | ({"include": tuple(v for v in includes if v)} if includes else {})


async def read_limited_body(request: Request, max_bytes: int) -> bytes:
    """The whole body; raises ``TooLarge`` beyond ``max_bytes``."""
    body = bytearray()
    async for chunk in iter_limited_body(request, max_bytes):
        body += chunk
    return bytes(body)


async def iter_limited_body(request: Request, max_bytes: int) -> AsyncGenerator[bytes, None]:
    """The body as it arrives, and no more of it than ``max_bytes``."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > max_bytes:
        raise picture_too_large(max_bytes)
    received_bytes = 0
    async for chunk in request.stream():
        received_bytes += len(chunk)
        if received_bytes > max_bytes:
            raise picture_too_large(max_bytes)
        yield chunk


def picture_too_large(max_bytes: int) -> TooLarge:
    """The error for a picture beyond ``max_bytes``."""
    return TooLarge(f"The picture is larger than {max_bytes} bytes; send a smaller one.")
