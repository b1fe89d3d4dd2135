"""Analysis in child processes: one pool for single pictures and for lists."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, Self

from app.analysis import canary
from app.analysis.analyzer import Analyzer, decode_limits
from app.analysis.child_protocol import INTERNAL_FAULT, AnalysisRequest, decode_record_reply
from app.analysis.model import ModelInfo, load_model_info
from app.errors import RequestError
from app.evidence import Depth
from app.image.sandbox.pool import ProcessPool
from app.image.sandbox.process import LIVENESS_CHECK_S, ChildProcess, error_from_code
from app.records import DrawingScope, PictureRecord
from app.settings import Settings

ANALYZER_MODULE: Final = "app.analysis.child"


class AnalyzeFn(Protocol):
    """Bytes and a prior → the answer, on the calling thread. Raises a ``RequestError``.

    ``base_rate``: the settings' if not given. ``sha256``: of ``data``, hex, where it is known.
    ``overlay``: whether to draw it. ``drawings``: of which pictures to make the drawings that a
    list keeps. ``depth``: how far to look where nothing is drawn.
    """

    def __call__(
        self,
        data: bytes,
        prior: float,
        *,
        base_rate: float | None = None,
        sha256: str | None = None,
        overlay: bool = False,
        drawings: DrawingScope = "none",
        depth: Depth = Depth.NEEDED,
    ) -> PictureRecord: ...


@dataclass(frozen=True)
class _ChildFault:
    """A fault of ours in a child that goes on."""

    detail: str


class AnalyzerProcess(ChildProcess):
    """One child process that analyzes."""

    def analyze(self, data: bytes, request: AnalysisRequest) -> PictureRecord | _ChildFault:
        """Raises a ``RequestError``, and what ``request`` raises."""
        line = self.request(data, request.encode())
        try:
            reply = decode_record_reply(line, self.read_shared, request.sha256)
        except ValueError as error:
            raise self.invalid_reply_error() from error
        if isinstance(reply, PictureRecord):
            return reply
        code, detail = reply
        if code == INTERNAL_FAULT:
            return _ChildFault(detail)
        raise error_from_code(code, detail)


def start_analyzer(
    settings: Settings, module: str = ANALYZER_MODULE, liveness_check_s: float = LIVENESS_CHECK_S
) -> AnalyzerProcess:
    """Start one. Raises ``ProcessStartError`` if there can be no further process."""
    share = "" if settings.framed_share is None else repr(settings.framed_share)
    arguments = (str(settings.models_dir.resolve()), share)
    return AnalyzerProcess(decode_limits(settings), module, liveness_check_s, arguments)


class AnalyzerPool(ProcessPool[AnalyzerProcess]):
    """``processes`` children that analyze; all of them start at once. Close it."""

    def __init__(
        self,
        settings: Settings,
        model: ModelInfo,
        processes: int,
        start_process: Callable[[Settings], AnalyzerProcess] = start_analyzer,
    ) -> None:
        super().__init__(lambda: start_process(settings), processes, prestarted=processes)
        self._models_dir, self._base_rate = settings.models_dir, settings.base_rate
        self.model = model

    @classmethod
    def load(cls, settings: Settings, processes: int) -> Self:
        """Raises ``LandmarkModelError``, ``NetworkError`` or ``CalibrationError``.

        If an artefact is missing, or not the one that the others were made with.
        """
        return cls(settings, load_model_info(settings), processes)

    def __call__(
        self,
        data: bytes,
        prior: float,
        *,
        base_rate: float | None = None,
        sha256: str | None = None,
        overlay: bool = False,
        drawings: DrawingScope = "none",
        depth: Depth = Depth.NEEDED,
    ) -> PictureRecord:
        """As ``AnalyzeFn``; ``RuntimeError`` where the fault is ours."""
        rate = self._base_rate if base_rate is None else base_rate
        digest = sha256 or hashlib.sha256(data).hexdigest()
        request = AnalysisRequest(len(data), prior, rate, overlay, digest, drawings, depth)
        result = self.call(lambda child: child.analyze(data, request))
        if isinstance(result, _ChildFault):
            raise RuntimeError(result.detail)
        return result

    def check_canary(self) -> str | None:
        """Have a child score the canary picture; why it differs from its record, or ``None``."""
        try:
            recorded = canary.load_canary(self._models_dir)
            return recorded.mismatch(self(recorded.data, 0.5))
        except (canary.CanaryError, RequestError, RuntimeError) as error:
            return str(error)

    def child_memory_bytes(self) -> list[int]:
        """Resident memory of each child; what they share is counted in each."""
        return self.resident_bytes()

    def child_failures(self) -> dict[str, int]:
        """How often a child failed so far, by reason."""
        return self.failure_counts()


AnyAnalyzer = Analyzer | AnalyzerPool
"""In this process, or in children."""


def open_analyzer(settings: Settings, processes: int) -> AnyAnalyzer:
    """In children unless the operator forbids it. Raises what loading raises."""
    if settings.isolate:
        return AnalyzerPool.load(settings, processes)
    return Analyzer.load(settings)


def service_processes(settings: Settings) -> int:
    """How many children a service needs: one more than its lists may hold at once.

    So a single picture finds a child, however many lists are at work.
    """
    if not settings.batch_workers:
        return settings.workers
    return max(settings.workers, settings.batch_workers + 1)


def open_service_analyzer(settings: Settings) -> AnyAnalyzer:
    """For a service. Raises what loading raises."""
    return open_analyzer(settings, service_processes(settings))
