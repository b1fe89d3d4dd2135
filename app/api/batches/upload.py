"""A follower list as a caller sends it, in whichever kind of body: on disk, ready to be read."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, BinaryIO, Final, cast

from fastapi import Request

from app.api.multipart import FILE_FIELD, Part, read_form
from app.api.problems import UnsupportedBody, blame
from app.api.request_body import Spool, arriving
from app.lists.reader import FollowerList, from_files, open_list
from app.settings import Settings

MAX_FORM_FILES: Final = 10_000
"""Beyond it an archive is the better envelope, and a name in memory for each begins to count."""
_FORM: Final = "multipart/form-data"


@dataclass(frozen=True)
class ListBody:
    """What arrived; it goes when the block ends. ``digest``: of what was sent.

    ``parts``: the files of a form, one after the other in ``file``. ``fields``: what stood beside.
    """

    file: IO[bytes]
    media_type: str
    digest: str
    parts: tuple[Part, ...] = ()
    fields: Mapping[str, str] = field(default_factory=dict)

    def opened(self, settings: Settings) -> FollowerList:
        """The list in it, or the pictures of a form. Raises what opening a list raises."""
        if len(self.parts) > 1:
            items = from_files(
                self._pictures(settings.max_bytes),
                max_items=settings.max_list_items,
                max_picture_bytes=settings.max_bytes,
            )
            return FollowerList("form", (), items)
        name, kind = next(((p.name, p.media_type) for p in self.parts), ("", self.media_type))
        return open_list(
            cast(BinaryIO, self.file),
            name=name,
            media_type=kind,
            max_items=settings.max_list_items,
            max_bytes=settings.max_list_bytes,
            max_picture_bytes=settings.max_bytes,
        )

    def _pictures(self, max_bytes: int) -> Iterator[tuple[str, BinaryIO]]:
        """Each file of the form by its name; of one that is too large, enough to see that."""
        for part in self.parts:
            self.file.seek(part.offset)
            yield part.name, io.BytesIO(self.file.read(min(part.size, max_bytes + 1)))


@asynccontextmanager
async def list_body(request: Request, folder: Path, max_bytes: int) -> AsyncIterator[ListBody]:
    """Raises ``TooLarge``, ``BodyTimeout``, ``UnsupportedBody`` or ``InvalidFields``."""
    given = request.headers.get("content-type", "")
    kind = given.partition(";")[0].strip().lower()
    _refuse_others(kind, request.headers.get("content-encoding", "identity").strip().lower())
    spool = Spool(folder)
    try:
        body = arriving(request, max_bytes)
        if kind == _FORM:
            yield await _form(given, body, spool)
        else:
            yield await _raw(kind, body, spool)
    finally:
        spool.close()


def _refuse_others(kind: str, coding: str) -> None:
    if kind.startswith("image/"):
        raise UnsupportedBody(
            "A single picture goes to /v1/analyses; here, send a list, an archive of pictures, or "
            f"a form with many parts named `{FILE_FIELD}`."
        )
    if coding not in ("identity", "gzip", "x-gzip"):
        raise UnsupportedBody("Send the list as it is, or with Content-Encoding: gzip.")


async def _raw(kind: str, body: AsyncIterator[bytes], spool: Spool) -> ListBody:
    async for chunk in body:
        await spool.write(chunk)
    await spool.flush()
    return ListBody(spool.file, kind, spool.sha256)


async def _form(given: str, body: AsyncIterator[bytes], spool: Spool) -> ListBody:
    form = await read_form(given, body, spool, MAX_FORM_FILES)
    await spool.flush()
    if not form.files:
        raise blame(FILE_FIELD, f"send the list as a part named `{FILE_FIELD}`, with a file name")
    return ListBody(spool.file, "", form.digest, tuple(form.files), form.fields)
