"""Bytes → what is said of them: the one line that HTTP and the command line share.

Belongs to threads, not to the event loop: every call decodes, looks and weighs on the thread it is
made on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Self

from app.analysis import canary
from app.analysis.analyze import analyze
from app.calibration import calibration
from app.calibration.calibration import Calibration
from app.calibration.file import AlignmentEntry, EyesEntry
from app.checks import CHECKS
from app.evidence import Analysis
from app.face.landmarks import ThreadFaceFinders, load_landmark_model
from app.image.picture import DecodeLimits, Picture, decode
from app.image.sandbox.pool import DecoderPool
from app.networks.onnx import OnnxNetworks, load_networks
from app.settings import Settings

STAGES = ("fetch", "decode", "landmarks", "checks")


@dataclass
class Stopwatch:
    """Milliseconds spent in each stage."""

    spent_ms: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            elapsed = 1000.0 * (time.perf_counter() - began)
            self.spent_ms[stage] = self.spent_ms.get(stage, 0.0) + elapsed


@dataclass(frozen=True, eq=False)
class AnalyzedPicture:
    """A picture and what was said of it. ``timings_ms``: by stage."""

    picture: Picture
    analysis: Analysis
    timings_ms: Mapping[str, float]


AnalyzePictureFn = Callable[[bytes], AnalyzedPicture]


def decode_limits(settings: Settings) -> DecodeLimits:
    """What a picture may have, as the operator said."""
    return DecodeLimits(max_bytes=settings.max_bytes, max_pixels=settings.max_pixels)


class Analyzer:
    """Everything that was loaded once: model, calibration, limits. Close it."""

    def __init__(
        self,
        finders: ThreadFaceFinders,
        networks: OnnxNetworks,
        fitted_calibration: Calibration,
        decode_bytes: Callable[[bytes], Picture],
        models_dir: Path,
    ) -> None:
        self._finders = finders
        self._networks = networks
        self._calibration = fitted_calibration
        self._decode = decode_bytes
        self._models_dir = models_dir

    @classmethod
    def load(cls, settings: Settings) -> Self:
        """Raises ``LandmarkModelError``, ``NetworkError`` or ``CalibrationError``.

        If an artefact is missing, or not the one that the others were made with.
        """
        fitted_calibration = calibration.load_calibration(
            settings.models_dir / calibration.CALIBRATION_FILE, CHECKS
        ).with_framed_share(settings.framed_share)
        networks = load_networks(settings.models_dir)
        fitted_calibration.require_networks(networks.sha256)
        finders = ThreadFaceFinders(load_landmark_model(settings.models_dir))
        limits = decode_limits(settings)
        # Fewer than there are threads: most of their time goes into what comes after decoding.
        decode_bytes = (
            DecoderPool(settings.workers, limits)
            if settings.isolate
            else partial(decode, limits=limits)
        )
        return cls(finders, networks, fitted_calibration, decode_bytes, settings.models_dir)

    def __call__(self, data: bytes) -> AnalyzedPicture:
        """Raises an ``RequestError`` if ``data`` is not a picture that can be read."""
        stopwatch = Stopwatch()
        with stopwatch("decode"):
            picture = self._decode(data)
        analysis = analyze(
            picture,
            self._finders.for_current_thread(),
            self._networks,
            self._calibration,
            stopwatch,
        )
        return AnalyzedPicture(picture, analysis, stopwatch.spent_ms)

    def check_canary(self) -> str | None:
        """Scores the canary on this thread; why it is not as recorded, or ``None``."""
        try:
            recorded = canary.load_canary(self._models_dir)
        except canary.CanaryError as error:
            return str(error)
        return recorded.mismatch(self(recorded.data).analysis)

    def describe(self) -> dict[str, Any]:
        """What is known of the calibration in use."""
        return self._calibration.describe()

    def template_eyes(self) -> dict[str, EyesEntry]:
        """Where each generator family puts the iris centres: unit coordinates, left first."""
        entries = self._calibration.file.checks.values()
        return {
            template.name: template.eyes
            for entry in entries
            if isinstance(entry, AlignmentEntry)
            for template in entry.templates
        }

    @property
    def is_isolated(self) -> bool:
        """Whether pictures are unpacked in processes of their own."""
        return isinstance(self._decode, DecoderPool)

    def decoder_memory_bytes(self) -> list[int]:
        """What each process that decodes holds in memory; nothing where there are none."""
        return self._decode.resident_bytes() if isinstance(self._decode, DecoderPool) else []

    def close(self) -> None:
        """Only when no thread is examining any more."""
        self._finders.close()
        if isinstance(self._decode, DecoderPool):
            self._decode.close()
