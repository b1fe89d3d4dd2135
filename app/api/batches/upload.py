"""A follower list as a caller sends it, in any kind of body: on disk, ready to be read."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, BinaryIO, Final, cast

from fastapi import Request

from app.api.multipart import FILE_FIELD, MAX_FORM_FILES, FilePart, read_form
from app.api.request_body import BodyLimits, Spool, read_body
from app.errors import UnsupportedBody, invalid_field
from app.lists.byte_stream import TimeLimitedFile
from app.lists.edges import read_edges
from app.lists.notes import ListNotes
from app.lists.reader import FollowerList, items_from_files, open_list
from app.records import OwnEdge
from app.settings import Settings

_FORM: Final = "multipart/form-data"


@dataclass(frozen=True)
class ListUpload:
    """A body on disk, until the block ends. ``digest``: of its content.

    ``parts``: the files of a form, one after the other in ``file``; ``fields``: its other fields.
    ``edges``: its part with lines between accounts.
    """

    file: IO[bytes]
    media_type: str
    digest: str
    parts: tuple[FilePart, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)
    edges: IO[bytes] | None = None

    def open_followers(
        self, settings: Settings, keep_columns: Collection[str] = ()
    ) -> FollowerList:
        """The list in it, or the pictures of a form. Raises what opening a list raises.

        ``keep_columns``: columns of personal data to keep.
        """
        if len(self.parts) > 1:
            items = items_from_files(
                self._iter_pictures(settings.max_bytes),
                max_items=settings.max_list_items,
                max_picture_bytes=settings.max_bytes,
            )
            return FollowerList("form", (), items)
        name, media_type = next(((p.name, p.media_type) for p in self.parts), ("", self.media_type))
        return open_list(
            cast(BinaryIO, TimeLimitedFile(cast(BinaryIO, self.file))),
            name=name,
            media_type=media_type,
            max_items=settings.max_list_items,
            max_bytes=settings.max_list_bytes,
            max_picture_bytes=settings.max_bytes,
            keep_columns=keep_columns,
        )

    def read_edges(self, notes: ListNotes) -> Iterator[OwnEdge]:
        """The lines between accounts that came with the list. Raises what reading them raises."""
        return iter(()) if self.edges is None else read_edges(cast(BinaryIO, self.edges), notes)

    def _iter_pictures(self, max_bytes: int) -> Iterator[tuple[str, BinaryIO]]:
        """Each file of the form by its name; of one too large, a byte more than allowed."""
        for part in self.parts:
            self.file.seek(part.offset)
            yield part.name, io.BytesIO(self.file.read(min(part.size, max_bytes + 1)))


@asynccontextmanager
async def receive_upload(
    request: Request, folder: Path, max_bytes: int
) -> AsyncIterator[ListUpload]:
    """Raises ``TooLarge``, ``BodyTimeout``, ``UnsupportedBody`` or ``InvalidFields``."""
    content_type = request.headers.get("content-type", "")
    media_type = content_type.partition(";")[0].strip().lower()
    _check_body_type(
        media_type, request.headers.get("content-encoding", "identity").strip().lower()
    )
    spool, edges_spool = Spool(folder), Spool(folder)
    try:
        body = read_body(request, BodyLimits.for_list(max_bytes))
        if media_type == _FORM:
            yield await _receive_form(content_type, body, spool, edges_spool)
        else:
            yield await _receive_raw(media_type, body, spool)
    finally:
        spool.close()
        edges_spool.close()


def _check_body_type(media_type: str, coding: str) -> None:
    if media_type.startswith("image/"):
        raise UnsupportedBody(
            "A single picture goes to /v1/analyses; here, send a list, an archive of pictures, or "
            f"a form with many parts named `{FILE_FIELD}`."
        )
    if coding not in ("identity", "gzip", "x-gzip"):
        raise UnsupportedBody("Send the list as it is, or with Content-Encoding: gzip.")


async def _receive_raw(media_type: str, body: AsyncIterator[bytes], spool: Spool) -> ListUpload:
    async for chunk in body:
        await spool.write(chunk)
    await spool.flush()
    return ListUpload(spool.file, media_type, spool.sha256)


async def _receive_form(
    content_type: str, body: AsyncIterator[bytes], spool: Spool, edges_spool: Spool
) -> ListUpload:
    form = await read_form(content_type, body, spool, MAX_FORM_FILES, edges_spool)
    if not form.files:
        raise invalid_field(
            FILE_FIELD, f"send the list as a part named `{FILE_FIELD}`, with a file name"
        )
    edges = edges_spool.file if form.has_edges else None
    return ListUpload(spool.file, "", form.digest, tuple(form.files), form.fields, edges)
