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

from app.analysis.schemas import Options, UrlSubmission, Wire
from app.api.problems import BodyTimeout, InvalidFields, UnsupportedBody, blame
from app.errors import TooLarge

BODY_TIMEOUT_S: Final = 20.0
"""Within it the whole body must have arrived: a slow sender holds a place that others wait for."""
FORM_ROOM_BYTES: Final = 65_536
"""What a form may need beside the picture; also the most that a JSON body may have."""

AnyOptions = TypeVar("AnyOptions", bound=Wire)


@dataclass(frozen=True)
class Submission:
    """A picture's bytes or its URL, and what the caller added. Exactly one of the two is given."""

    options: Options
    data: bytes | None = None
    url: str | None = None


class _Form(MultiPartParser):
    """Files stay in memory: their size is bounded already, and a disk may be read-only."""

    spool_max_size = 2**31


async def read_submission(request: Request, max_bytes: int) -> Submission:
    """Raises ``TooLarge``, ``UnsupportedBody``, ``BodyTimeout`` or ``InvalidFields``."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    validated(Options, _query(request))  # though the body's own options go first
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            if kind == "multipart/form-data":
                return await _form(request, max_bytes)
            if kind == "application/json":
                return await _by_url(request)
            if kind.startswith("image/") or kind == "application/octet-stream":
                options = validated(Options, _query(request))
                return Submission(options, data=await _read(request, max_bytes))
    except TimeoutError as error:
        raise BodyTimeout(f"Send the whole body within {BODY_TIMEOUT_S:g} s.") from error
    raise UnsupportedBody(
        "Send the picture as multipart/form-data with a part named `file`, as bare bytes with "
        'Content-Type image/*, or as JSON {"url": "https://…"} with Content-Type application/json.'
    )


def validated(kind: type[AnyOptions], fields: dict[str, Any]) -> AnyOptions:
    """``fields`` as ``kind``; raises ``InvalidFields``."""
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        raise InvalidFields.of(error) from error


async def _form(request: Request, max_bytes: int) -> Submission:
    body = _limited(request, max_bytes + FORM_ROOM_BYTES)
    try:
        parser = _Form(
            request.headers, body, max_files=1, max_fields=8, max_part_size=FORM_ROOM_BYTES
        )
        form = await parser.parse()
    except MultiPartException as error:
        raise blame("file", f"this form cannot be read: {error.message}") from error
    try:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise blame("file", "send the picture as a part named `file`, with a file name")
        if (file.size or 0) > max_bytes:
            raise _too_large(max_bytes)
        fields = {**_query(request), **_fields(form)}
        return Submission(validated(Options, fields), data=await file.read())
    finally:
        await form.close()


async def _by_url(request: Request) -> Submission:
    body = await _read(request, FORM_ROOM_BYTES)
    try:
        sent = UrlSubmission.model_validate_json(body)
    except ValidationError as error:
        raise InvalidFields.of(error) from error
    merged = {**_query(request), **sent.model_dump(exclude_unset=True)}
    return Submission(validated(UrlSubmission, merged), url=sent.url)


def _fields(form: FormData) -> dict[str, Any]:
    """The form's fields without the file; ``include`` may come several times."""
    fields = {name: value for name, value in form.items() if name not in ("file", "include")}
    several = [v for value in form.getlist("include") for v in str(value).split(",")]
    return fields | ({"include": tuple(v for v in several if v)} if several else {})


def _query(request: Request) -> dict[str, Any]:
    query = request.query_params
    fields: dict[str, Any] = {name: value for name, value in query.items() if name != "include"}
    several = [v for value in query.getlist("include") for v in value.split(",")]
    return fields | ({"include": tuple(v for v in several if v)} if several else {})


async def _read(request: Request, max_bytes: int) -> bytes:
    body = bytearray()
    async for chunk in _limited(request, max_bytes):
        body += chunk
    return bytes(body)


async def _limited(request: Request, max_bytes: int) -> AsyncGenerator[bytes, None]:
    """The body as it arrives, and no more of it than ``max_bytes``."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > max_bytes:
        raise _too_large(max_bytes)
    arrived = 0
    async for chunk in request.stream():
        arrived += len(chunk)
        if arrived > max_bytes:
            raise _too_large(max_bytes)
        yield chunk


def _too_large(max_bytes: int) -> TooLarge:
    return TooLarge(f"The picture is larger than {max_bytes} bytes; send a smaller one.")
