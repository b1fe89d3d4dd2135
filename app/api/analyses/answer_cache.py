"""Answers about pictures that were analyzed before, so that equal bytes are not computed twice.

They lie in the database, which all processes of a service share. Off by default. Where the database
does not answer, pictures are analyzed as if nothing were kept: single pictures need no database.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

from app.analysis.record import decode_answer, record_from_answer
from app.batches.answers import AnswerKey, AnswerStore
from app.errors import RetryLater
from app.records import PictureRecord

PAUSE_S: Final = 30.0
"""So long a database that failed is not asked about answers, which would delay each by seconds."""


class ReadFn(Protocol):
    """Calls a function on a thread. Raises ``DatabaseUnavailable`` if it takes too long."""

    def __call__(self, function: Callable[..., Any], *arguments: object) -> Awaitable[Any]: ...


@dataclass(eq=False)
class AnswerCache:
    """The last ``max_answers`` of all processes; 0 keeps none. For the event loop alone.

    ``model``: of which versions and settings an answer is, beside its prior.
    """

    store: AnswerStore
    read: ReadFn
    max_answers: int
    retention_s: int
    model: str
    clock: Callable[[], float] = time.monotonic
    _paused_until: float = field(default=0.0, init=False)

    async def find(self, owner: str, sha256: str, prior: float) -> PictureRecord | None:
        """What was answered to ``owner`` about these bytes at this prior, without its timings.

        Raises ``DatabaseUnavailable``.
        """
        if not self.max_answers:
            return None
        record: PictureRecord | None = await self.read(self._find, owner, sha256, prior)
        return record

    async def reuse(self, owner: str, data: bytes, prior: float) -> PictureRecord | None:
        """The same for the bytes themselves; ``None`` where the database does not answer."""
        record: PictureRecord | None = None
        if self._is_on():
            with self._pausing():
                record = await self.read(self._find_bytes, owner, data, prior)
        return record

    async def keep(self, owner: str, prior: float, record: PictureRecord) -> None:
        """Keep an answer, unless the database does not answer."""
        if self._is_on():
            with self._pausing():
                await self.read(self._keep, owner, prior, record)

    def _is_on(self) -> bool:
        return self.max_answers > 0 and self.clock() >= self._paused_until

    @contextmanager
    def _pausing(self) -> Iterator[None]:
        try:
            yield
        except RetryLater:  # which the log knows; the caller's picture is analyzed all the same
            self._paused_until = self.clock() + PAUSE_S

    def _find_bytes(self, owner: str, data: bytes, prior: float) -> PictureRecord | None:
        return self._find(owner, hashlib.sha256(data).hexdigest(), prior)

    def _find(self, owner: str, sha256: str, prior: float) -> PictureRecord | None:
        analysis = self.store.find(AnswerKey(owner, sha256, prior, self.model))
        if analysis is None:
            return None
        return replace(record_from_answer(decode_answer(analysis)), analysis=analysis)

    def _keep(self, owner: str, prior: float, record: PictureRecord) -> None:
        self.store.keep(
            AnswerKey(owner, record.sha256, prior, self.model),
            record.analysis,
            max_answers=self.max_answers,
            retention_s=self.retention_s,
        )
