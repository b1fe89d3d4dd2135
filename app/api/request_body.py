"""A request's body as it arrives: hashed, on disk within limits, never whole in memory.

A list may be large and its sender slow, so that no single number of seconds suits all: whoever
keeps up a minimum rate is waited for.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import IO, Final

from fastapi import Request

from app.api.problems import BodyTimeout
from app.errors import TooLarge

BODY_GRACE_S: Final = 20.0
"""Given to every body, whatever its size."""
MIN_RATE_BYTES_S: Final = 32_768
"""What a body must keep up beyond that; a gigabyte may take some nine hours at it, no more."""
_BUFFER_BYTES: Final = 1_048_576
"""Written at once, on a thread: a disk that stalls must not stall everybody else."""


class Spool:
    """A temporary file, written from the event loop; it has no name that could stay behind."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file: IO[bytes] = tempfile.TemporaryFile(dir=folder, prefix="eyeline-")  # noqa: SIM115
        self.size = 0
        self._sha256 = hashlib.sha256()
        self._buffer = bytearray()

    @property
    def sha256(self) -> str:
        """Of all that was written, hex."""
        return self._sha256.hexdigest()

    async def write(self, chunk: bytes) -> None:
        self.size += len(chunk)
        self._buffer += chunk
        if len(self._buffer) >= _BUFFER_BYTES:
            await self.flush()

    async def flush(self) -> None:
        """Everything that waits, to the disk."""
        pending, self._buffer = bytes(self._buffer), bytearray()
        await asyncio.to_thread(self._write_and_hash, pending)

    def close(self) -> None:
        self.file.close()

    def _write_and_hash(self, data: bytes) -> None:
        self._sha256.update(data)
        self.file.write(data)


async def read_body(
    request: Request, max_bytes: int, clock: Callable[[], float] = time.monotonic
) -> AsyncIterator[bytes]:
    """The body, chunk by chunk. Raises ``TooLarge`` or ``BodyTimeout``."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > max_bytes:
        raise _list_too_large(max_bytes)
    began, received_bytes = clock(), 0
    stream = aiter(request.stream())
    while True:
        remaining_s = BODY_GRACE_S + received_bytes / MIN_RATE_BYTES_S - (clock() - began)
        try:
            async with asyncio.timeout(remaining_s):
                chunk = await anext(stream, None)
        except TimeoutError as error:
            raise BodyTimeout(
                f"Send at least {MIN_RATE_BYTES_S} bytes a second, after {BODY_GRACE_S:g} s at the "
                "latest; or gzip the list."
            ) from error
        if chunk is None:
            return
        received_bytes += len(chunk)
        if received_bytes > max_bytes:
            raise _list_too_large(max_bytes)
        yield chunk


def _list_too_large(max_bytes: int) -> TooLarge:
    return TooLarge(
        f"The list is larger than {max_bytes} bytes (EYELINE_MAX_LIST_BYTES); gzip it, or split it."
    )
