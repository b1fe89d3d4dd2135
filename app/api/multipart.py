"""``multipart/form-data`` with any number of files, taken apart as it arrives.

Files follow each other in one spool; a form's many small pictures then cost neither memory nor a
file handle each.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final, Literal

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from app.api.problems import blame
from app.api.request_body import Spool
from app.errors import TooLarge

MAX_FIELD_BYTES: Final = 65_536
MAX_FIELDS: Final = 8
STEP_BYTES: Final = 16_384
"""Parsed at once: a form of thousands of tiny parts costs time, and everybody else waits for it."""
FILE_FIELD: Final = "file"


@dataclass(frozen=True)
class Part:
    """A file of a form: ``size`` bytes of the spool from ``offset`` on."""

    name: str
    media_type: str
    offset: int
    size: int


@dataclass
class Form:
    """``digest``: of names, sizes and contents in order; a boundary drawn anew changes nothing."""

    files: list[Part] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)
    digest: str = ""


async def read_form(
    content_type: str, body: AsyncIterator[bytes], spool: Spool, max_files: int
) -> Form:
    """Raises ``InvalidFields``, ``TooLarge``, and what ``body`` raises."""
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise blame(FILE_FIELD, "the Content-Type of a form names its boundary")
    apart = _Apart(max_files)
    try:
        parser = MultipartParser(boundary, apart.callbacks())  # type: ignore[arg-type]
        async for chunk in body:
            for start in range(0, len(chunk), STEP_BYTES):
                parser.write(chunk[start : start + STEP_BYTES])
                await spool.write(apart.taken())
                await asyncio.sleep(0)
        parser.finalize()
    except MultipartParseError as error:
        raise blame(FILE_FIELD, f"this form cannot be read: {error}") from error
    if not apart.whole:
        raise blame(FILE_FIELD, "this form ends before its last boundary")
    return apart.form


class _Apart:
    """Hears what the parser finds. ``taken`` hands over the bytes of files that came meanwhile."""

    def __init__(self, max_files: int) -> None:
        self.form = Form()
        self.whole = False
        self._max_files = max_files
        self._headers: dict[str, str] = {}
        self._header = (bytearray(), bytearray())
        self._into: Literal["file", "field"] = "field"
        self._name = ""
        self._text = bytearray()
        self._files = bytearray()
        self._offset = 0
        self._digest = hashlib.sha256()

    def callbacks(self) -> dict[str, object]:
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, a, b: self._header[0].extend(data[a:b]),
            "on_header_value": lambda data, a, b: self._header[1].extend(data[a:b]),
            "on_header_end": self._header_ended,
            "on_headers_finished": self._headers_ended,
            "on_part_data": self._data,
            "on_part_end": self._end,
            "on_end": self._ended,
        }

    def taken(self) -> bytes:
        files, self._files = bytes(self._files), bytearray()
        return files

    def _begin(self) -> None:
        self._headers = {}
        self._header = (bytearray(), bytearray())

    def _header_ended(self) -> None:
        name, value = (bytes(part).decode("utf-8", "replace") for part in self._header)
        self._headers[name.strip().lower()] = value
        self._header = (bytearray(), bytearray())

    def _headers_ended(self) -> None:
        given = parse_options_header(
            self._headers.get("content-disposition", "").encode().decode("latin-1")
        )[1]
        self._name = given.get(b"name", b"").decode("utf-8", "replace")
        if b"filename" not in given:
            self._into, self._text = "field", bytearray()
            if len(self.form.fields) >= MAX_FIELDS:
                raise blame(self._name, f"a form may have {MAX_FIELDS} fields")
            return
        if self._name != FILE_FIELD:
            raise blame(self._name, f"files go into parts named `{FILE_FIELD}`")
        if len(self.form.files) >= self._max_files:
            raise TooLarge(f"A form may have {self._max_files} files; send a zip or a tar.")
        name = given[b"filename"].decode("utf-8", "replace")
        kind = self._headers.get("content-type", "")
        self._into = "file"
        self.form.files.append(Part(name, kind, self._offset, 0))
        self._digest.update(f"file {len(name.encode())} {name} ".encode())

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._into == "file":
            self._files += data[start:end]
            self._digest.update(data[start:end])
            self._offset += end - start
            return
        self._text += data[start:end]
        if len(self._text) > MAX_FIELD_BYTES:
            raise blame(self._name, f"a field may have {MAX_FIELD_BYTES} bytes")

    def _end(self) -> None:
        if self._into == "field":
            self.form.fields[self._name] = self._text.decode("utf-8", "replace")
            return
        begun = self.form.files[-1]
        size = self._offset - begun.offset
        self.form.files[-1] = Part(begun.name, begun.media_type, begun.offset, size)
        self._digest.update(f" {size}".encode())

    def _ended(self) -> None:
        self.whole = True
        self.form.digest = self._digest.hexdigest()
