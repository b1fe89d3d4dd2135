"""``multipart/form-data``, read by Starlette's parser into one spool.

The files of a form follow each other in the spool: a thousand small pictures cost neither a
thousand descriptors nor their memory.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from app.api.request_body import Spool
from app.errors import TooLarge, invalid_field

MAX_FORM_FILES: Final = 1_000
MAX_FIELD_BYTES: Final = 65_536
MAX_FIELDS: Final = 8
PARSE_CHUNK_BYTES: Final = 16_384
"""Parsed at once: thousands of tiny parts take time, and the event loop serves others between."""
FILE_FIELD: Final = "file"
EDGES_FIELD: Final = "edges"
"""Lines between the accounts of a list."""


@dataclass(frozen=True)
class FilePart:
    """A file of a form: ``size`` bytes of the spool from ``offset`` on."""

    name: str
    media_type: str
    offset: int
    size: int


@dataclass(frozen=True)
class MultipartForm:
    """``digest``: of names, sizes and contents in order, whatever the boundary.

    ``has_edges``: whether a part named ``edges`` was written to the spool for it.
    """

    files: list[FilePart] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)
    digest: str = ""
    has_edges: bool = False


async def read_form(
    content_type: str,
    body: AsyncIterator[bytes],
    spool: Spool,
    max_files: int,
    edges_spool: Spool | None = None,
) -> MultipartForm:
    """Raises ``InvalidFields``, ``TooLarge``, and what ``body`` raises.

    ``edges_spool``: where a part named ``edges`` goes, if there may be one.
    """
    spools = [each for each in (spool, edges_spool) if each is not None]
    pieces = _in_small_pieces(body, spools)
    parser = _SpoolingParser(content_type, pieces, spool, max_files, edges_spool)
    try:
        items = (await parser.parse()).multi_items()
    except MultiPartException as error:
        raise invalid_field(
            FILE_FIELD,
            f"this form cannot be read: {error.message} There may be {MAX_FIELDS} fields of "
            f"{MAX_FIELD_BYTES} bytes.",
        ) from error
    if not parser.is_complete:
        raise invalid_field(FILE_FIELD, "this form ends before its last boundary")
    for each in spools:
        await each.flush()
    edges = [name for name, value in items if name == EDGES_FIELD and edges_spool is not None]
    if len(edges) > 1:
        raise invalid_field(EDGES_FIELD, "send one part of this name, with all lines")
    for name, value in items:
        if isinstance(value, UploadFile) and name not in (FILE_FIELD, *edges):
            raise invalid_field(FILE_FIELD, f"files go into parts of this name, not {name!r:.40}")
    fields = {name: value for name, value in items if isinstance(value, str)}
    if EDGES_FIELD in fields and edges:
        raise invalid_field(EDGES_FIELD, "send the lines as a file: with a file name")
    digest = _digest(parser.files(), spool)
    if edges and edges_spool is not None:
        digest = hashlib.sha256(f"{digest} {edges_spool.sha256}".encode()).hexdigest()
    return MultipartForm(parser.files(), fields, digest, bool(edges))


async def _in_small_pieces(
    body: AsyncIterator[bytes], spools: Sequence[Spool]
) -> AsyncGenerator[bytes, None]:
    """``body`` again; others have their turn between the pieces."""
    async for chunk in body:
        for start in range(0, len(chunk), PARSE_CHUNK_BYTES):
            yield chunk[start : start + PARSE_CHUNK_BYTES]
            for spool in spools:
                await spool.write(b"")
            await asyncio.sleep(0)


class _SpoolSection:
    """A part's file, as far as the parser needs one: what is written goes to the spool's end."""

    _rolled = False  # Starlette then writes without a thread; the spool has its own

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self.offset = 0
        self.size = 0

    def write(self, data: bytes) -> int:
        if not self.size:
            self.offset = self._spool.size
        self._spool.append(data)
        self.size += len(data)
        return len(data)

    def tell(self) -> int:
        return self.size

    def seek(self, offset: int) -> int:
        return offset

    def close(self) -> None:
        """The spool is closed by its owner."""


class _SpoolingParser(MultiPartParser):
    """Starlette's parser with its files in ``spool``, and a check that the form is whole."""

    spool_max_size = 0  # no limit: the spool flushes itself

    def __init__(
        self,
        content_type: str,
        stream: AsyncGenerator[bytes, None],
        spool: Spool,
        max_files: int,
        edges_spool: Spool | None,
    ) -> None:
        boundary = parse_options_header(content_type)[1].get(b"boundary", b"").decode("latin-1")
        if not boundary:
            raise invalid_field(FILE_FIELD, "the Content-Type of a form names its boundary")
        headers = Headers({"content-type": f'multipart/form-data; boundary="{boundary}"'})
        super().__init__(headers, stream, max_fields=MAX_FIELDS, max_part_size=MAX_FIELD_BYTES)
        self.max_files = max_files + 1  # one more is counted here, with an error of its own
        self.is_complete = False
        self._spool = spool
        self._edges_spool = edges_spool
        self._uploads: list[tuple[UploadFile, _SpoolSection]] = []

    def on_headers_finished(self) -> None:
        super().on_headers_finished()
        upload = self._current_part.file
        if upload is None:
            return
        upload.file.close()
        if self._edges_spool is not None and self._current_part.field_name == EDGES_FIELD:
            edges: Any = _SpoolSection(self._edges_spool)
            upload.file = edges
            return
        if len(self._uploads) == self.max_files - 1:
            raise TooLarge(
                f"A form may have {self.max_files - 1} files; send a zip or a tar of more."
            )
        section: Any = _SpoolSection(self._spool)
        upload.file = section
        self._uploads.append((upload, section))

    def on_end(self) -> None:
        self.is_complete = True

    def files(self) -> list[FilePart]:
        """The files in order."""
        return [
            FilePart(upload.filename or "", upload.content_type or "", section.offset, section.size)
            for upload, section in self._uploads
        ]


def _digest(files: list[FilePart], spool: Spool) -> str:
    digest = hashlib.sha256(spool.sha256.encode())
    for part in files:
        digest.update(f" {len(part.name.encode())} {part.name} {part.size}".encode())
    return digest.hexdigest()
