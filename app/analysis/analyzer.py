"""Bytes → answer, in this process: the models, loaded once. It is also how a library uses them.

    with Analyzer.open() as analyzer:
        analysis = analyzer.analyze(data)
        print(analysis.verdict, analysis.llr)

Belongs to threads, not to the event loop: a call decodes, measures and weighs on its own thread,
and any number of threads may call at once. Pictures are decoded in this process: whoever takes
them from strangers and cannot afford a crash uses ``AnalyzerPool``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

from app.analysis import canary
from app.analysis.analyze import analyze
from app.analysis.model import ModelInfo, build_model_info
from app.analysis.record import Unrounded, build_record, encode_answer, unrounded_numbers
from app.analysis.schemas import AnalysisOut
from app.analysis.serialize import serialize_analysis
from app.arrays import RgbArray
from app.calibration.calibration import CALIBRATION_FILE, Calibration, load_calibration
from app.checks import CHECKS
from app.evidence import Analysis, Depth, Verdict
from app.face.landmarks import ThreadFaceFinders, load_landmark_model
from app.image.picture import DecodeLimits, Picture, decode
from app.image.thumbnails import average_tile, thumbnail_jpeg
from app.networks.onnx import OnnxNetworks, load_networks
from app.records import DrawingScope, PictureRecord
from app.render.overlay.kept_drawings import draw_kept, encode_kept
from app.render.overlay.overlay import draw_overlay
from app.settings import Settings, load_settings


class Stopwatch:
    """Milliseconds spent in each stage."""

    def __init__(self) -> None:
        self.spent_ms: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            elapsed = 1000.0 * (time.perf_counter() - began)
            self.spent_ms[stage] = self.spent_ms.get(stage, 0.0) + elapsed


@dataclass(frozen=True, eq=False)
class LoadedModels:
    """What a picture is analyzed with."""

    finders: ThreadFaceFinders
    networks: OnnxNetworks
    calibration: Calibration


def decode_limits(settings: Settings) -> DecodeLimits:
    """The limits that the operator set for a picture."""
    return DecodeLimits(max_bytes=settings.max_bytes, max_pixels=settings.max_pixels)


def drawn_depth(depth: Depth, *, overlay: bool, drawings: DrawingScope) -> Depth:
    """``depth``, or ``FULL`` where the picture is drawn whatever its verdict.

    Of a list's pictures only flagged ones are drawn, and those are looked at in full anyway.
    """
    return Depth.FULL if overlay or drawings == "all" else depth


@dataclass(frozen=True, eq=False)
class Examined:
    """``drawings``: the pixels of those that are kept, by name. ``overlay``: a PNG, or empty."""

    picture: Picture
    answer: AnalysisOut
    numbers: Unrounded
    overlay: bytes
    drawings: dict[str, RgbArray]
    timings_ms: dict[str, float]


class Analyzer:
    """Analyzes on the calling thread. Close it, or use it in ``with``.

    Has the methods of ``AnalyzerPool``.
    """

    def __init__(self, models: LoadedModels, settings: Settings) -> None:
        self._models = models
        self._settings = settings
        self.model: ModelInfo = build_model_info(models.calibration)

    @classmethod
    def open(cls, settings: Settings | None = None) -> Self:
        """``load``, with the settings of the environment unless ``settings`` are given.

        Raises ``SettingsError`` for a variable that cannot be used, and what ``load`` raises.
        """
        return cls.load(load_settings() if settings is None else settings)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @classmethod
    def load(cls, settings: Settings) -> Self:
        """Raises ``LandmarkModelError``, ``NetworkError`` or ``CalibrationError``.

        If an artefact is missing, or not the one that the others were made with.
        """
        calibration = load_calibration(
            settings.models_dir / CALIBRATION_FILE, CHECKS
        ).with_framed_share(settings.framed_share)
        networks = load_networks(settings.models_dir)
        calibration.require_networks(networks.sha256)
        finders = ThreadFaceFinders(load_landmark_model(settings.models_dir))
        return cls(LoadedModels(finders, networks, calibration), settings)

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
        """The answer about ``data``; raises a ``RequestError`` if it is no picture we can read.

        ``base_rate``: the settings' if not given. ``sha256``: of ``data``, hex, where it is known.
        ``overlay``: whether to draw it. ``drawings``: of which pictures to make the drawings that a
        list keeps. ``depth``: how far to look where nothing is drawn; whatever is drawn is looked
        at in full.
        """
        rate = self._settings.base_rate if base_rate is None else base_rate
        examined = self.examine(
            data, prior, rate, sha256=sha256, overlay=overlay, drawings=drawings, depth=depth
        )
        return build_record(
            examined.answer,
            encode_answer(examined.answer),
            examined.numbers,
            thumbnail=thumbnail_jpeg(examined.picture),
            tile=average_tile(examined.picture),
            overlay=examined.overlay,
            drawings=encode_kept(examined.drawings),
            timings_ms=examined.timings_ms,
        )

    def examine(
        self,
        data: bytes,
        prior: float,
        base_rate: float,
        *,
        sha256: str | None,
        overlay: bool,
        drawings: DrawingScope,
        depth: Depth,
    ) -> Examined:
        """Everything that an answer is made of, before it is encoded. Raises as a call does."""
        stopwatch = Stopwatch()
        depth = drawn_depth(depth, overlay=overlay, drawings=drawings)
        picture, analysis = self.decode_and_analyze(data, stopwatch, sha256, depth)
        answer = serialize_analysis(analysis, prior=prior, base_rate=base_rate)
        return Examined(
            picture,
            answer,
            unrounded_numbers(analysis),
            self.draw_overlay(picture, analysis, base_rate, stopwatch) if overlay else b"",
            self._draw_kept(picture, analysis, base_rate, drawings, stopwatch),
            stopwatch.spent_ms,
        )

    def analyze(self, data: bytes, depth: Depth = Depth.NEEDED) -> Analysis:
        """What the picture in ``data`` shows; raises a ``RequestError`` if none can be read.

        The file may be a JPEG, PNG, WebP, GIF or AVIF. A picture without a face is an outcome of
        the analysis, not an error. ``depth``: ``FULL`` for the reading of every check, also of
        those that cannot change the answer.
        """
        return self.decode_and_analyze(data, Stopwatch(), depth=depth)[1]

    def decode_and_analyze(
        self,
        data: bytes,
        stopwatch: Stopwatch,
        sha256: str | None = None,
        depth: Depth = Depth.NEEDED,
    ) -> tuple[Picture, Analysis]:
        """The picture in ``data`` and its analysis, timed. Raises as a call does."""
        models = self._models
        with stopwatch("decode"):
            picture = decode(data, decode_limits(self._settings), sha256)
        finder = models.finders.for_current_thread()
        analysis = analyze(picture, finder, models.networks, models.calibration, stopwatch, depth)
        return picture, analysis

    def draw_overlay(
        self, picture: Picture, analysis: Analysis, base_rate: float, stopwatch: Stopwatch
    ) -> bytes:
        """The overlay as a PNG; its drawing is timed as a stage."""
        with stopwatch("overlay"):
            return draw_overlay(picture, analysis, base_rate)

    def _draw_kept(
        self,
        picture: Picture,
        analysis: Analysis,
        base_rate: float,
        scope: DrawingScope,
        stopwatch: Stopwatch,
    ) -> dict[str, RgbArray]:
        """The pixels of the drawings that are kept of this picture; none outside of ``scope``."""
        is_flagged = analysis.verdict is Verdict.LIKELY_STYLEGAN
        if scope == "none" or (scope == "flagged" and not is_flagged):
            return {}
        with stopwatch("overlay"):
            return draw_kept(picture, analysis, base_rate)

    def check_canary(self) -> str | None:
        """Score the canary picture on this thread; why it differs from its record, or ``None``."""
        try:
            recorded = canary.load_canary(self._settings.models_dir)
        except canary.CanaryError as error:
            return str(error)
        return recorded.mismatch(self.decode_and_analyze(recorded.data, Stopwatch())[1])

    def child_memory_bytes(self) -> list[int]:
        """Nothing: there are no child processes."""
        return []

    def child_failures(self) -> dict[str, int]:
        """Nothing, as above."""
        return {}

    def close(self) -> None:
        """Only when no thread analyzes any more."""
        self._models.finders.close()
