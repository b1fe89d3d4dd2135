"""A request's body as it arrives, within limits of size and time; the one reader of every route."""

from __future__ import annotations

import asyncio
import hashlib
import io
import math
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Self

from fastapi import Request

from app.batches.disk import is_full
from app.batches.store.outage import storage_full
from app.errors import BodyTimeout, TooLarge

BODY_GRACE_S: Final = 20.0
"""Every body may take this long, whatever its size."""
MIN_RATE_BYTES_S: Final = 32_768
"""What the body of a list must keep up beyond that: a gigabyte takes nine hours at most."""
FORM_OVERHEAD_BYTES: Final = 65_536
"""Allowed for a form in addition to its picture; also the most that a JSON body may have."""
_BUFFER_BYTES: Final = 1_048_576
"""Written at once, on a thread: a disk that stalls must not stall everybody else."""


@dataclass(frozen=True)
class BodyLimits:
    """``max_bytes``, and the rate in bytes a second that is due after the grace period."""

    max_bytes: int
    too_large: str
    too_slow: str
    has_min_rate: bool = False

    @classmethod
    def for_picture(cls, max_bytes: int, overhead_bytes: int = 0) -> Self:
        """A picture is small: all of it is due within the grace period."""
        return cls(
            max_bytes + overhead_bytes,
            f"The picture is larger than {max_bytes} bytes; send a smaller one.",
            f"Send the whole body within {BODY_GRACE_S:g} s.",
        )

    @classmethod
    def for_list(cls, max_bytes: int) -> Self:
        """A list may be large and its sender slow; who keeps up the rate is waited for."""
        return cls(
            max_bytes,
            f"The list is larger than {max_bytes} bytes (EYELINE_MAX_LIST_BYTES); gzip it, or "
            "split it.",
            f"Send at least {MIN_RATE_BYTES_S} bytes a second, after {BODY_GRACE_S:g} s at the "
            "latest; or gzip the list.",
            has_min_rate=True,
        )

    def allowed_s(self, received_bytes: int) -> float:
        """How long a body may take of which so much has arrived."""
        rate = MIN_RATE_BYTES_S if self.has_min_rate else math.inf
        return BODY_GRACE_S + received_bytes / rate


class Spool:
    """A temporary file without a name, written from the event loop; or memory, for a picture."""

    def __init__(self, folder: Path | None) -> None:
        self.file: IO[bytes] = (
            io.BytesIO()
            if folder is None
            else tempfile.TemporaryFile(dir=folder, prefix="eyeline-")  # noqa: SIM115
        )
        self.size = 0
        self._sha256 = hashlib.sha256()
        self._buffer = bytearray()

    @property
    def sha256(self) -> str:
        """Of all that was written and flushed, hex."""
        return self._sha256.hexdigest()

    def append(self, chunk: bytes) -> None:
        """To the buffer, which ``write`` or ``flush`` empties."""
        self.size += len(chunk)
        self._buffer += chunk

    async def write(self, chunk: bytes) -> None:
        self.append(chunk)
        if len(self._buffer) >= _BUFFER_BYTES:
            await self.flush()

    async def flush(self) -> None:
        """The buffer to the disk."""
        pending, self._buffer = bytes(self._buffer), bytearray()
        await asyncio.to_thread(self._write_and_hash, pending)

    def close(self) -> None:
        self.file.close()

    def _write_and_hash(self, data: bytes) -> None:
        self._sha256.update(data)
        try:
            self.file.write(data)
            self.file.flush()
        except OSError as error:
            if not is_full(error):
                raise
            raise storage_full() from error


async def read_body(
    request: Request, limits: BodyLimits, clock: Callable[[], float] = time.monotonic
) -> AsyncIterator[bytes]:
    """The body, chunk by chunk. Raises ``TooLarge`` or ``BodyTimeout``."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > limits.max_bytes:
        raise TooLarge(limits.too_large)
    began, received_bytes = clock(), 0
    stream = aiter(request.stream())
    while True:
        remaining_s = limits.allowed_s(received_bytes) - (clock() - began)
        try:
            async with asyncio.timeout(remaining_s):
                chunk = await anext(stream, None)
        except TimeoutError as error:
            raise BodyTimeout(limits.too_slow) from error
        if chunk is None:
            return
        received_bytes += len(chunk)
        if received_bytes > limits.max_bytes:
            raise TooLarge(limits.too_large)
        yield chunk


async def read_whole_body(request: Request, limits: BodyLimits) -> bytes:
    """The body in memory; raises what ``read_body`` raises."""
    return b"".join([chunk async for chunk in read_body(request, limits)])
