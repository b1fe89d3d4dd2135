"""Where a list's pictures are looked at: in children that examine, or on the calling thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from app.analysis.analyzer import Analyst, decode_limits
from app.analysis.child_protocol import INTERNAL, REQUEST, read
from app.analysis.record import Looked, looked_at
from app.image.sandbox.pool import Children
from app.image.sandbox.process import LOOK_S, Child, refusal
from app.settings import Settings

PROGRAM = "app.analysis.child"

Look = Callable[[bytes, float], Looked]
"""Bytes and a prior → what is kept of them; on the calling thread, raises an ``AvatarError``."""


@dataclass(frozen=True)
class _Fault:
    """The child is well, and could not do it."""

    why: str


class Examiner(Child):
    """One process that examines."""

    def examine(self, data: bytes, prior: float) -> Looked | _Fault:
        """Raises an ``AvatarError``, and what ``ask`` raises."""
        line = self.ask(data, REQUEST.pack(len(data), prior))
        try:
            said = read(line, self.shared)
        except ValueError as error:
            raise self.confused() from error
        if isinstance(said, Looked):
            return said
        code, detail = said
        if code == INTERNAL:
            return _Fault(detail)
        raise refusal(code, detail)


def examiner(settings: Settings, program: str = PROGRAM, look_s: float = LOOK_S) -> Examiner:
    """Start one. Raises ``NotStartedError`` if there can be no further process."""
    arguments = (str(settings.models_dir.resolve()), repr(settings.base_rate))
    return Examiner(decode_limits(settings), program, look_s, arguments)


class Examiners(Children[Examiner]):
    """As many processes as ``settings`` has threads for lists; all of them start at once."""

    def __init__(self, settings: Settings, program: str = PROGRAM, look_s: float = LOOK_S) -> None:
        super().__init__(
            lambda: examiner(settings, program, look_s),
            settings.batch_workers,
            ready=settings.batch_workers,
        )

    def __call__(self, data: bytes, prior: float) -> Looked:
        """Raises an ``AvatarError``; ``RuntimeError`` where the fault is ours."""
        found = self.use(lambda child: child.examine(data, prior))
        if isinstance(found, _Fault):
            raise RuntimeError(found.why)
        return found


def look_here(analyst: Analyst, settings: Settings) -> Look:
    """On the calling thread."""
    return lambda data, prior: looked_at(analyst(data), prior=prior, base_rate=settings.base_rate)


@contextmanager
def opened_look(settings: Settings, analyst: Analyst) -> Iterator[Look]:
    """How a list's pictures are looked at here; apart if ``analyst`` unpacks apart."""
    if not analyst.apart or not settings.batch_workers:
        yield look_here(analyst, settings)
        return
    with closing(Examiners(settings)) as examiners:
        yield examiners
