"""Children that look at untrusted bytes: as many as there are threads who ask, up to a number."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition
from typing import Final, Generic, TypeVar

import structlog

from app.errors import DecoderFailed, ImageBomb, RequestError
from app.image.picture import DEFAULT_LIMITS, DecodeLimits, Picture
from app.image.sandbox.process import (
    DECODER_MODULE,
    LIVENESS_CHECK_S,
    DecoderProcess,
    ProcessLostError,
    ProcessStartError,
)

MAX_REQUESTS_PER_PROCESS: Final = 5_000
"""Pictures, after which a child makes room for a fresh one: memory that decoders lose would some
day be held against a picture."""
RETRY_DELAYS_S: Final = (0.5, 2.0, 8.0, 30.0)
"""Between attempts to start a child where one has started before: the machine is short of something
and others may be done with it soon."""
FIRST_RETRY_DELAYS_S: Final = (0.2,)
"""Where none ever has, patience is of little use."""

log = structlog.get_logger("eyeline.decoding")


T = TypeVar("T")
ProcessT = TypeVar("ProcessT", bound=DecoderProcess)


class ProcessPool(Generic[ProcessT]):
    """Up to ``max_processes`` of what ``start_process`` starts; safe in threads.

    Close it when nobody asks.

    ``prestarted`` of them are started at once, others when they are needed.
    """

    def __init__(
        self, start_process: Callable[[], ProcessT], max_processes: int, prestarted: int = 1
    ) -> None:
        self._start_process, self._max_processes = start_process, max_processes
        self._condition = Condition()
        self._processes: set[ProcessT] = set()  # guarded by _changed, as all below
        self._idle: list[ProcessT] = []  # the last one used is the next one used
        self._in_use = 0
        self._has_succeeded = False
        with contextlib.suppress(
            ProcessStartError
        ):  # whoever asks first tries again, and hears why
            for _ in range(prestarted):
                self._idle.append(self._start_and_register())  # it starts while models are loaded

    def call(self, task: Callable[[ProcessT], T]) -> T:
        """What ``task`` gets from a child; ``DecoderFailed`` where children die of the question.

        A child may die without fault of the picture, so another one is asked before it is blamed.
        Raises ``RuntimeError`` where no child can be started, however often it is tried.
        """
        try:
            return self._call_once(task)
        except ProcessLostError as lost:
            self._report_lost(lost)
        try:
            return self._call_once(task)
        except ProcessLostError as lost:
            self._report_lost(lost)
            message = "The decoder broke down over this picture; save it anew."
            raise DecoderFailed(message) from lost

    def resident_bytes(self) -> list[int]:
        """What each child holds in memory, that which they share counted in each."""
        with self._condition:
            processes = list(self._processes)
        return [size for child in processes if (size := child.resident_bytes())]

    def cpu_s(self) -> float:
        """Seconds of processor time that all children took so far."""
        with self._condition:
            processes = list(self._processes)
        return sum(child.cpu_s() for child in processes)

    def close(self) -> None:
        """End every child."""
        with self._condition:
            idle, self._idle = self._idle, []
            self._processes.difference_update(idle)
        for child in idle:
            child.close()

    def _call_once(self, task: Callable[[ProcessT], T]) -> T:
        """By whichever child can be had."""
        attempts = 0
        while True:
            try:
                with self._lease() as child:
                    return task(child)
            except ProcessStartError as error:
                log.warning("decoder_not_started", why=str(error))
                delays_s = RETRY_DELAYS_S if self._has_succeeded else FIRST_RETRY_DELAYS_S
                if attempts >= len(delays_s):
                    raise RuntimeError(
                        "the decoder process does not start; try `eyeline doctor`"
                    ) from error
                time.sleep(delays_s[attempts])
                attempts += 1

    @contextmanager
    def _lease(self) -> Iterator[ProcessT]:
        """A child that nobody else asks; who is lost, or may be confused, is not given back."""
        child, is_healthy = self._acquire(), False
        try:
            child = child or self._start_and_register()
            yield child
            is_healthy = True
        except RequestError:
            is_healthy = True
            raise
        finally:
            self._release(child, is_healthy)

    def _acquire(self) -> ProcessT | None:
        """An idle child, or leave to start one; waits for it."""
        with self._condition:
            self._condition.wait_for(lambda: self._in_use < self._max_processes)
            self._in_use += 1
            while self._idle:
                child = self._idle.pop()
                if child.is_alive():
                    return child
                log.warning("decoder_gone", pid=child.pid)  # nothing that was asked of it is lost
                self._processes.discard(child)
                child.kill()
        return None

    def _release(self, child: ProcessT | None, is_healthy: bool) -> None:
        if child is not None and not is_healthy:
            child.kill()
        elif child is not None and child.request_count >= MAX_REQUESTS_PER_PROCESS:
            child.close()
            is_healthy = False
        with self._condition:
            self._in_use -= 1
            if child is not None and is_healthy:
                self._idle.append(child)
                self._has_succeeded |= child.request_count > 0
            elif child is not None:
                self._processes.discard(child)
            self._condition.notify()

    def _start_and_register(self) -> ProcessT:
        child = self._start_process()
        with self._condition:
            self._processes.add(child)
        return child

    @staticmethod
    def _report_lost(lost: ProcessLostError) -> None:
        log.warning("decoder_lost", why=str(lost))
        if lost.cpu_exhausted:
            raise ImageBomb("This takes too long to unpack; save it anew.") from lost


class DecoderPool(ProcessPool[DecoderProcess]):
    """``decode`` in up to ``max_processes`` children."""

    def __init__(
        self,
        max_processes: int,
        limits: DecodeLimits = DEFAULT_LIMITS,
        module: str = DECODER_MODULE,
        liveness_check_s: float = LIVENESS_CHECK_S,
    ) -> None:
        super().__init__(lambda: DecoderProcess(limits, module, liveness_check_s), max_processes)

    def __call__(self, data: bytes) -> Picture:
        """As ``app.image.picture.decode``, and what ``call`` raises."""
        return self.call(lambda child: child.decode(data))
