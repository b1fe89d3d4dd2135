"""Children that look at untrusted bytes: as many as there are threads who ask, up to a number."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition
from typing import Final, Generic, TypeVar

import structlog

from app.errors import AvatarError, DecoderFailed, ImageBomb
from app.image.picture import DEFAULT_LIMITS, DecodeLimits, Picture
from app.image.sandbox.process import LOOK_S, PROGRAM, Child, DecoderLostError, NotStartedError

MOST_DECODED: Final = 5_000
"""Pictures, after which a child makes room for a fresh one: memory that decoders lose would some
day be held against a picture."""
PAUSES_S: Final = (0.5, 2.0, 8.0, 30.0)
"""Between attempts to start a child where one has started before: the machine is short of something
and others may be done with it soon."""
FIRST_PAUSES_S: Final = (0.2,)
"""Where none ever has, patience is of little use."""

log = structlog.get_logger("eyeline.decoding")


T = TypeVar("T")
C = TypeVar("C", bound=Child)


class Children(Generic[C]):
    """Up to ``most`` of what ``make`` starts; safe in threads. Close it when nobody asks.

    ``ready`` of them are started at once, others when they are needed.
    """

    def __init__(self, make: Callable[[], C], most: int, ready: int = 1) -> None:
        self._make, self._most = make, most
        self._changed = Condition()
        self._children: set[C] = set()  # guarded by _changed, as all below
        self._idle: list[C] = []  # the last one used is the next one used
        self._taken = 0
        self._proven = False
        with contextlib.suppress(NotStartedError):  # whoever asks first tries again, and hears why
            for _ in range(ready):
                self._idle.append(self._new())  # it starts while models are loaded

    def use(self, ask: Callable[[C], T]) -> T:
        """What ``ask`` gets from a child; ``DecoderFailed`` where children die of the question.

        A child may die without fault of the picture, so another one is asked before it is blamed.
        Raises ``RuntimeError`` where no child can be started, however often it is tried.
        """
        try:
            return self._used(ask)
        except DecoderLostError as lost:
            self._note(lost)
        try:
            return self._used(ask)
        except DecoderLostError as lost:
            self._note(lost)
            said = "The decoder broke down over this picture; save it anew."
            raise DecoderFailed(said) from lost

    def resident_bytes(self) -> list[int]:
        """What each child holds in memory, that which they share counted in each."""
        with self._changed:
            known = list(self._children)
        return [held for child in known if (held := child.resident_bytes())]

    def spent_s(self) -> float:
        """Seconds of processor time that all children took so far."""
        with self._changed:
            known = list(self._children)
        return sum(child.spent_s() for child in known)

    def close(self) -> None:
        """End every child."""
        with self._changed:
            idle, self._idle = self._idle, []
            self._children.difference_update(idle)
        for child in idle:
            child.close()

    def _used(self, ask: Callable[[C], T]) -> T:
        """By whichever child can be had."""
        attempts = 0
        while True:
            try:
                with self._borrowed() as child:
                    return ask(child)
            except NotStartedError as error:
                log.warning("decoder_not_started", why=str(error))
                pauses = PAUSES_S if self._proven else FIRST_PAUSES_S
                if attempts >= len(pauses):
                    raise RuntimeError(
                        "the decoder process does not start; try `eyeline doctor`"
                    ) from error
                time.sleep(pauses[attempts])
                attempts += 1

    @contextmanager
    def _borrowed(self) -> Iterator[C]:
        """A child that nobody else asks; who is lost, or may be confused, is not given back."""
        child, well = self._take(), False
        try:
            child = child or self._new()
            yield child
            well = True
        except AvatarError:
            well = True
            raise
        finally:
            self._give_back(child, well)

    def _take(self) -> C | None:
        """An idle child, or leave to start one; waits for it."""
        with self._changed:
            self._changed.wait_for(lambda: self._taken < self._most)
            self._taken += 1
            while self._idle:
                child = self._idle.pop()
                if child.is_there():
                    return child
                log.warning("decoder_gone", pid=child.pid)  # nothing that was asked of it is lost
                self._children.discard(child)
                child.kill()
        return None

    def _give_back(self, child: C | None, well: bool) -> None:
        if child is not None and not well:
            child.kill()
        elif child is not None and child.asked >= MOST_DECODED:
            child.close()
            well = False
        with self._changed:
            self._taken -= 1
            if child is not None and well:
                self._idle.append(child)
                self._proven |= child.asked > 0
            elif child is not None:
                self._children.discard(child)
            self._changed.notify()

    def _new(self) -> C:
        child = self._make()
        with self._changed:
            self._children.add(child)
        return child

    @staticmethod
    def _note(lost: DecoderLostError) -> None:
        log.warning("decoder_lost", why=str(lost))
        if lost.spent:
            raise ImageBomb("This takes too long to unpack; save it anew.") from lost


class Decoders(Children[Child]):
    """``decode`` in up to ``most`` children."""

    def __init__(
        self,
        most: int,
        limits: DecodeLimits = DEFAULT_LIMITS,
        program: str = PROGRAM,
        look_s: float = LOOK_S,
    ) -> None:
        super().__init__(lambda: Child(limits, program, look_s), most)

    def __call__(self, data: bytes) -> Picture:
        """As ``app.image.picture.decode``, and what ``use`` raises."""
        return self.use(lambda child: child.decode(data))
