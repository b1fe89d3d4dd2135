"""Child processes that handle untrusted bytes, shared by the threads that need one."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition
from typing import Final, Generic, TypeVar

import structlog

from app.errors import DecoderFailed, ImageBomb, RequestError
from app.image.sandbox.process import ChildProcess, ProcessLostError, ProcessStartError

MAX_REQUESTS_PER_PROCESS: Final = 5_000
"""Pictures, after which a child is replaced: memory that decoders leak counts against a limit."""
MAX_CPU_S_PER_PROCESS: Final = 300.0
"""Processor seconds, after which a child is replaced: the kernel limits ticks, and until then the
counts of ticks and of time drift apart by far less than ``child.TOTAL_CPU_MARGIN_S``."""
RETRY_DELAYS_S: Final = (0.5, 2.0, 8.0, 30.0)
"""Between attempts to start a child where one has started before: the machine is short of
something, perhaps for a moment."""
FIRST_RETRY_DELAYS_S: Final = (0.2,)
"""Where none ever has, waiting helps little."""

FAILURE_REASONS: Final = ("lost", "cpu_exhausted", "not_started")
"""Died or hung in the middle of a picture; took too long to unpack one; could not be started."""

log = structlog.get_logger("eyeline.decoding")


T = TypeVar("T")
ProcessT = TypeVar("ProcessT", bound=ChildProcess)


class ProcessPool(Generic[ProcessT]):
    """Up to ``max_processes`` of what ``start_process`` starts; safe in threads.

    Callers are served in the order they come. ``prestarted`` children are started at once, others
    when they are needed. Close it when no call is in progress.
    """

    def __init__(
        self, start_process: Callable[[], ProcessT], max_processes: int, prestarted: int = 1
    ) -> None:
        self._start_process, self._max_processes = start_process, max_processes
        self._condition = Condition()
        self._processes: set[ProcessT] = set()  # guarded by _condition, as all below
        self._idle: list[ProcessT] = []  # the last one used is the next one used
        self._in_use = 0
        self._next_ticket = self._served_tickets = 0
        self._has_succeeded = False
        self._failure_counts = dict.fromkeys(FAILURE_REASONS, 0)
        with contextlib.suppress(ProcessStartError):  # the first call tries again, and reports it
            for _ in range(prestarted):
                self._idle.append(self._start_and_register())  # it starts while models are loaded

    def call(self, task: Callable[[ProcessT], T]) -> T:
        """The result of ``task`` with a child; a ``RequestError`` where two children die of it.

        A child may die without fault of the picture, whatever the signal, so the task is tried once
        more, with a child that has seen no other picture. Then it is ``ImageBomb`` where that one
        used up its processor time, and ``DecoderFailed`` otherwise. Raises ``RuntimeError`` where
        no child can be started after several attempts.
        """
        try:
            return self._call_once(task)
        except ProcessLostError as lost:
            self._report_lost(lost)
        try:
            return self._call_once(task, fresh=True)
        except ProcessLostError as lost:
            self._report_lost(lost)
            if lost.cpu_exhausted:
                raise ImageBomb("This takes too long to unpack; re-save it.") from lost
            message = "The decoder crashed on this picture; re-save it and try again."
            raise DecoderFailed(message) from lost

    def resident_bytes(self) -> list[int]:
        """Resident memory of each child; what they share is counted in each."""
        with self._condition:
            processes = list(self._processes)
        return [size for child in processes if (size := child.resident_bytes())]

    def failure_counts(self) -> dict[str, int]:
        """How often children failed so far, by each of ``FAILURE_REASONS``."""
        with self._condition:
            return dict(self._failure_counts)

    def cpu_s(self) -> float:
        """Seconds of processor time of all children so far."""
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

    def _call_once(self, task: Callable[[ProcessT], T], *, fresh: bool = False) -> T:
        """``task`` with the next free child; ``fresh``: with one that has done nothing else."""
        attempts = 0
        while True:
            try:
                with self._lease(fresh=fresh) as child:
                    return task(child)
            except ProcessStartError as error:
                self._count_failure("not_started")
                log.warning("decoder_not_started", why=str(error))
                delays_s = RETRY_DELAYS_S if self._has_succeeded else FIRST_RETRY_DELAYS_S
                if attempts >= len(delays_s):
                    raise RuntimeError(
                        f"the child process does not start ({error}); try `eyeline doctor`"
                    ) from error
                time.sleep(delays_s[attempts])
                attempts += 1

    @contextmanager
    def _lease(self, *, fresh: bool = False) -> Iterator[ProcessT]:
        """A child for the block alone; after an error that is not the picture's it is killed."""
        child, is_healthy = self._acquire(fresh=fresh), False
        try:
            child = child or self._start_and_register()
            yield child
            is_healthy = True
        except RequestError:
            is_healthy = True
            raise
        finally:
            self._release(child, is_healthy)

    def _acquire(self, *, fresh: bool) -> ProcessT | None:
        """An idle child, or ``None`` for leave to start one; callers wait in line.

        ``fresh``: an idle one that was used makes room.
        """
        with self._condition:
            ticket, self._next_ticket = self._next_ticket, self._next_ticket + 1
            self._condition.wait_for(
                lambda: ticket == self._served_tickets and self._in_use < self._max_processes
            )
            self._served_tickets += 1
            self._in_use += 1
            self._condition.notify_all()  # the next in line may find a child, too
            while self._idle and not (fresh and len(self._processes) < self._max_processes):
                child = self._idle.pop()
                is_alive = child.is_alive()
                if is_alive and not (fresh and child.request_count):
                    return child
                if not is_alive:
                    log.warning("decoder_gone", pid=child.pid)  # it was idle: nothing is lost
                self._processes.discard(child)
                child.kill()
        return None

    def _release(self, child: ProcessT | None, is_healthy: bool) -> None:
        if child is not None and not is_healthy:
            child.kill()
        elif child is not None and _is_used_up(child):
            child.close()
            is_healthy = False
        with self._condition:
            self._in_use -= 1
            if child is not None and is_healthy:
                self._idle.append(child)
                self._has_succeeded |= child.request_count > 0
            elif child is not None:
                self._processes.discard(child)
            self._condition.notify_all()

    def _start_and_register(self) -> ProcessT:
        child = self._start_process()
        with self._condition:
            self._processes.add(child)
        return child

    def _count_failure(self, reason: str) -> None:
        with self._condition:
            self._failure_counts[reason] += 1

    def _report_lost(self, lost: ProcessLostError) -> None:
        self._count_failure("cpu_exhausted" if lost.cpu_exhausted else "lost")
        log.warning("decoder_lost", why=str(lost))


def _is_used_up(child: ChildProcess) -> bool:
    return child.request_count >= MAX_REQUESTS_PER_PROCESS or child.cpu_s() >= MAX_CPU_S_PER_PROCESS
