"""Where a list's pictures are looked at: in children that examine, or on the calling thread."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

from app.analysis.analyzer import Analyzer, decode_limits
from app.analysis.child_protocol import ANALYSIS_REQUEST, INTERNAL_FAULT, decode_record_reply
from app.analysis.record import AnalyzedRecord, build_record
from app.image.sandbox.pool import ProcessPool
from app.image.sandbox.process import LIVENESS_CHECK_S, DecoderProcess, error_from_code
from app.settings import Settings

ANALYZER_PROGRAM = "app.analysis.child"

AnalyzeFn = Callable[[bytes, float], AnalyzedRecord]
"""Bytes and a prior → what is kept of them; on the calling thread, raises an ``RequestError``."""


@dataclass(frozen=True)
class _ChildFault:
    """The child is well, and could not do it."""

    detail: str


class AnalyzerProcess(DecoderProcess):
    """One process that examines."""

    def analyze(self, data: bytes, prior: float) -> AnalyzedRecord | _ChildFault:
        """Raises an ``RequestError``, and what ``ask`` raises."""
        line = self.request(data, ANALYSIS_REQUEST.pack(len(data), prior))
        try:
            reply = decode_record_reply(line, self.read_shared)
        except ValueError as error:
            raise self.invalid_reply_error() from error
        if isinstance(reply, AnalyzedRecord):
            return reply
        code, detail = reply
        if code == INTERNAL_FAULT:
            return _ChildFault(detail)
        raise error_from_code(code, detail)


def start_analyzer(
    settings: Settings, program: str = ANALYZER_PROGRAM, timeout_s: float = LIVENESS_CHECK_S
) -> AnalyzerProcess:
    """Start one. Raises ``ProcessStartError`` if there can be no further process."""
    share = "" if settings.framed_share is None else repr(settings.framed_share)
    arguments = (str(settings.models_dir.resolve()), repr(settings.base_rate), share)
    return AnalyzerProcess(decode_limits(settings), program, timeout_s, arguments)


class AnalyzerPool(ProcessPool[AnalyzerProcess]):
    """As many processes as ``settings`` has threads for lists; all of them start at once."""

    def __init__(
        self,
        settings: Settings,
        program: str = ANALYZER_PROGRAM,
        timeout_s: float = LIVENESS_CHECK_S,
    ) -> None:
        super().__init__(
            lambda: start_analyzer(settings, program, timeout_s),
            settings.batch_workers,
            prestarted=settings.batch_workers,
        )

    def __call__(self, data: bytes, prior: float) -> AnalyzedRecord:
        """Raises an ``RequestError``; ``RuntimeError`` where the fault is ours."""
        result = self.call(lambda child: child.analyze(data, prior))
        if isinstance(result, _ChildFault):
            raise RuntimeError(result.detail)
        return result


def analyze_in_thread(analyzer: Analyzer, settings: Settings) -> AnalyzeFn:
    """On the calling thread."""
    return lambda data, prior: build_record(
        analyzer(data), prior=prior, base_rate=settings.base_rate
    )


@contextmanager
def open_analyze_fn(settings: Settings, analyzer: Analyzer) -> Iterator[AnalyzeFn]:
    """How a list's pictures are looked at here; apart if ``analyzer`` unpacks apart."""
    if not analyzer.is_isolated or not settings.batch_workers:
        yield analyze_in_thread(analyzer, settings)
        return
    with closing(AnalyzerPool(settings)) as pool:
        yield pool
