"""Analyses made by hand, and their drawings over flat pictures."""

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Final, Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from app.evidence import (
    NO_RATIOS,
    Analysis,
    Check,
    Evidence,
    Mark,
    Match,
    Outcome,
    Reading,
    Unmeasurable,
    Verdict,
)
from app.face.alignment import Box, align
from app.face.face import (
    FACE_OVAL,
    IRIS_LEFT,
    IRIS_RIGHT,
    LANDMARK_COUNT,
    MOUTH_CORNER_LEFT,
    MOUTH_CORNER_RIGHT,
    Face,
)
from app.image.picture import Picture
from app.render.overlay.overlay import draw_overlay
from tests.likelihood_ratios import make_ratios

Pixels = NDArray[np.int64]

FFHQ_EYES: Final = ((0.381, 0.477), (0.615, 0.477))


def _make_ordinary_face() -> Face:
    """A face off the middle, for a picture of 400 px."""
    return _make_face((170.0, 150.0), (230.0, 156.0))


def _make_face(
    left: tuple[float, float], right: tuple[float, float], mouth_drop: float = 1.05
) -> Face:
    """A frontal face whose irises lie here; the mouth ``mouth_drop`` eye distances below."""
    eyes = np.array([left, right], dtype=np.float64)
    across = eyes[1] - eyes[0]
    down = np.array([-across[1], across[0]]) * mouth_drop
    middle = eyes.mean(axis=0) + down / 2
    points = np.tile(middle, (LANDMARK_COUNT, 1))
    points[[IRIS_LEFT, IRIS_RIGHT]] = eyes
    points[[MOUTH_CORNER_LEFT, MOUTH_CORNER_RIGHT]] = (
        eyes + down + [[0.1, 0.0], [-0.1, 0.0]] * across
    )
    turn = np.linspace(0.0, 2.0 * np.pi, len(FACE_OVAL), endpoint=False)
    radius = np.hypot(*across)
    points[list(FACE_OVAL)] = middle + radius * np.column_stack([np.sin(turn), -1.3 * np.cos(turn)])
    return Face(points)


def _fail_measure(portrait: object) -> Unmeasurable:
    raise AssertionError("drawing measures nothing")


def _make_evidence(
    name: str, *marks: Mark, summary: str = "it looks so", llr: float = 0.4
) -> Evidence:
    return Evidence(
        Check(name, 1, "unit", "paper", _fail_measure), Reading(1.0, marks), llr, summary
    )


def _make_match(
    size: tuple[int, int],
    frame: Box | None = None,
    distance: float = 1.0,
    transform: Literal["untouched", "zoomed", "trimmed"] = "zoomed",
) -> Match:
    if frame is None:
        frame, transform = Box(0.0, 0.0, *size), "untouched"
    return Match("ffhq", transform, distance, frame, FFHQ_EYES)


def _make_analysis(
    size: tuple[int, int] = (400, 400),
    faces: tuple[Face, ...] | None = None,
    match: Match | None = None,
    evidence: tuple[Evidence, ...] = (),
    warnings: tuple[str, ...] = (),
    llr: float = 3.2,
) -> Analysis:
    faces = (_make_ordinary_face(),) if faces is None else faces
    return Analysis(
        outcome=Outcome.SCORED,
        verdict=Verdict.LIKELY_STYLEGAN,
        sha256="ab" * 32,
        pdq="0" * 64,
        pdq_quality=100,
        size=size,
        declared_size=size,
        format="PNG",
        animated=False,
        faces=faces,
        alignment=align(faces[0], Box(0.0, 0.0, *size)) if faces else None,
        match=match,
        evidence=evidence,
        against=make_ratios(llr, (llr - 0.3, llr + 0.2)),
        calibration_id="2026-01-01",
        warnings=warnings,
    )


def _make_faceless_analysis(
    outcome: Outcome = Outcome.NO_FACE, size: tuple[int, int] = (400, 400)
) -> Analysis:
    return replace(
        _make_analysis(size, faces=(), llr=0.0),
        outcome=outcome,
        verdict=Verdict.NOT_APPLICABLE,
        against=NO_RATIOS,
    )


def _draw_pixels(analysis: Analysis, colour: tuple[int, int, int] = (128, 128, 128)) -> Pixels:
    width, height = analysis.size
    rgb = np.full((height, width, 3), colour, dtype=np.uint8)
    image = Image.open(io.BytesIO(draw_overlay(Picture(rgb, "PNG", "ab" * 32), analysis)))
    assert image.format == "PNG"
    assert image.mode == "RGB"
    return np.asarray(image).astype(np.int64)


@pytest.fixture(scope="session")
def ordinary_face() -> Face:
    """A face off the middle, for a picture of 400 px."""
    return _make_ordinary_face()


@pytest.fixture(scope="session")
def make_face() -> Callable[..., Face]:
    """Make a frontal face from where its irises lie, px."""
    return _make_face


@pytest.fixture(scope="session")
def make_match() -> Callable[..., Match]:
    """Make a match with the FFHQ template, in the picture's own frame or another."""
    return _make_match


@pytest.fixture(scope="session")
def make_evidence() -> Callable[..., Evidence]:
    """Make what a check of this name measured, with its marks."""
    return _make_evidence


@pytest.fixture(scope="session")
def make_analysis() -> Callable[..., Analysis]:
    """Make a scored analysis of a picture with a face."""
    return _make_analysis


@pytest.fixture(scope="session")
def make_faceless_analysis() -> Callable[..., Analysis]:
    """Make the analysis of a picture in which nothing was weighed."""
    return _make_faceless_analysis


@pytest.fixture(scope="session")
def draw_pixels() -> Callable[..., Pixels]:
    """Draw an analysis over a flat picture; its pixels."""
    return _draw_pixels
