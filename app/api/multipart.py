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

from app.api.problems import invalid_field
from app.api.request_body import Spool
from app.errors import TooLarge

MAX_FIELD_BYTES: Final = 65_536
MAX_FIELDS: Final = 8
PARSE_CHUNK_BYTES: Final = 16_384
"""Parsed at once: a form of thousands of tiny parts costs time, and everybody else waits for it."""
FILE_FIELD: Final = "file"


@dataclass(frozen=True)
class FilePart:
    """A file of a form: ``size`` bytes of the spool from ``offset`` on."""

    name: str
    media_type: str
    offset: int
    size: int


@dataclass
class MultipartForm:
    """``digest``: of names, sizes and contents in order; a boundary drawn anew changes nothing."""

    files: list[FilePart] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)
    digest: str = ""


async def read_form(
    content_type: str, body: AsyncIterator[bytes], spool: Spool, max_files: int
) -> MultipartForm:
    """Raises ``InvalidFields``, ``TooLarge``, and what ``body`` raises."""
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise invalid_field(FILE_FIELD, "the Content-Type of a form names its boundary")
    collector = _PartCollector(max_files)
    try:
        parser = MultipartParser(boundary, collector.callbacks())  # type: ignore[arg-type]
        async for chunk in body:
            for start in range(0, len(chunk), PARSE_CHUNK_BYTES):
                parser.write(chunk[start : start + PARSE_CHUNK_BYTES])
                await spool.write(collector.take_file_bytes())
                await asyncio.sleep(0)
        parser.finalize()
    except MultipartParseError as error:
        raise invalid_field(FILE_FIELD, f"this form cannot be read: {error}") from error
    if not collector.is_complete:
        raise invalid_field(FILE_FIELD, "this form ends before its last boundary")
    return collector.form


class _PartCollector:
    """Hears what the parser finds.

    ``take_file_bytes`` hands over the bytes of files that came meanwhile.
    """

    def __init__(self, max_files: int) -> None:
        self.form = MultipartForm()
        self.is_complete = False
        self._max_files = max_files
        self._headers: dict[str, str] = {}
        self._header = (bytearray(), bytearray())
        self._part_kind: Literal["file", "field"] = "field"
        self._name = ""
        self._field_bytes = bytearray()
        self._file_bytes = bytearray()
        self._offset = 0
        self._digest = hashlib.sha256()

    def callbacks(self) -> dict[str, object]:
        return {
            "on_part_begin": self._on_part_begin,
            "on_header_field": lambda data, a, b: self._header[0].extend(data[a:b]),
            "on_header_value": lambda data, a, b: self._header[1].extend(data[a:b]),
            "on_header_end": self._on_header_end,
            "on_headers_finished": self._on_headers_finished,
            "on_part_data": self._on_part_data,
            "on_part_end": self._on_part_end,
            "on_end": self._on_end,
        }

    def take_file_bytes(self) -> bytes:
        files, self._file_bytes = bytes(self._file_bytes), bytearray()
        return files

    def _on_part_begin(self) -> None:
        self._headers = {}
        self._header = (bytearray(), bytearray())

    def _on_header_end(self) -> None:
        name, value = (bytes(part).decode("utf-8", "replace") for part in self._header)
        self._headers[name.strip().lower()] = value
        self._header = (bytearray(), bytearray())

    def _on_headers_finished(self) -> None:
        disposition = parse_options_header(
            self._headers.get("content-disposition", "").encode().decode("latin-1")
        )[1]
        self._name = disposition.get(b"name", b"").decode("utf-8", "replace")
        if b"filename" not in disposition:
            self._part_kind, self._field_bytes = "field", bytearray()
            if len(self.form.fields) >= MAX_FIELDS:
                raise invalid_field(self._name, f"a form may have {MAX_FIELDS} fields")
            return
        if self._name != FILE_FIELD:
            raise invalid_field(self._name, f"files go into parts named `{FILE_FIELD}`")
        if len(self.form.files) >= self._max_files:
            raise TooLarge(f"A form may have {self._max_files} files; send a zip or a tar.")
        name = disposition[b"filename"].decode("utf-8", "replace")
        media_type = self._headers.get("content-type", "")
        self._part_kind = "file"
        self.form.files.append(FilePart(name, media_type, self._offset, 0))
        self._digest.update(f"file {len(name.encode())} {name} ".encode())

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._part_kind == "file":
            self._file_bytes += data[start:end]
            self._digest.update(data[start:end])
            self._offset += end - start
            return
        self._field_bytes += data[start:end]
        if len(self._field_bytes) > MAX_FIELD_BYTES:
            raise invalid_field(self._name, f"a field may have {MAX_FIELD_BYTES} bytes")

    def _on_part_end(self) -> None:
        if self._part_kind == "field":
            self.form.fields[self._name] = self._field_bytes.decode("utf-8", "replace")
            return
        part = self.form.files[-1]
        size = self._offset - part.offset
        self.form.files[-1] = FilePart(part.name, part.media_type, part.offset, size)
        self._digest.update(f" {size}".encode())

    def _on_end(self) -> None:
        self.is_complete = True
        self.form.digest = self._digest.hexdigest()
