"""Analysis → the wire: rounding, unit coordinates, and null where there is nothing to say."""

from __future__ import annotations

import base64
import secrets
from typing import Any

import numpy as np

from app import __version__
from app.analysis.analyzer import STAGES, Examined
from app.analysis.schemas import (
    AlignmentOut,
    AnalysisOut,
    FaceOut,
    ImageOut,
    MarkOut,
    MeasuredOut,
    ModelOut,
    Point,
    TimingsOut,
    UnmeasurableOut,
)
from app.checks.eye_alignment import gan_eye_distance
from app.evidence import SCOPE, Analysis, Evidence, Mark, Outcome, Unmeasurable
from app.face.face import Face
from app.face.portrait import Portrait


def wire(
    examined: Examined,
    *,
    prior: float,
    base_rate: float,
    custom_id: str | None = None,
    fetch_ms: float | None = 0.0,
    overlay: bytes | None = None,
) -> AnalysisOut:
    """``examined`` as callers see it. ``fetch_ms`` ``None``: untimed. ``overlay``: PNG bytes."""
    analysis = examined.analysis
    scored = analysis.outcome is Outcome.SCORED
    return AnalysisOut(
        id=f"an_{secrets.token_hex(12)}",
        custom_id=custom_id,
        outcome=analysis.outcome,
        verdict=analysis.verdict,
        likelihood=_probability(analysis.likelihood(prior)) if scored else None,
        prior=prior,
        base_rate=base_rate,
        posterior_at_base_rate=_probability(analysis.likelihood(base_rate)) if scored else None,
        llr=_tidy(analysis.llr, 3),
        llr_interval=_pair(analysis.llr_interval, 3) if scored else None,
        support=analysis.support,
        alignment=_alignment(analysis),
        face=_face(examined, analysis.face) if analysis.face else None,
        checks=[_check(e, analysis.size) for e in analysis.evidence],
        image=ImageOut(
            sha256=analysis.sha256,
            perceptual_hash=analysis.perceptual_hash,
            width=examined.picture.declared_size[0],
            height=examined.picture.declared_size[1],
            format=analysis.format,
            animated=analysis.animated,
        ),
        warnings=list(analysis.warnings),
        scope=SCOPE,
        model=ModelOut(version=__version__, calibration=analysis.calibration_id),
        timings_ms=_timings(examined, fetch_ms) if fetch_ms is not None else None,
        overlay=data_uri(overlay) if overlay is not None else None,
    )


def told(said: AnalysisOut) -> str:
    """``said`` for people, in a few lines: the verdict, what it is worth, and why."""
    verdict, outcome = said.verdict.replace("_", " "), said.outcome.replace("_", " ")
    if said.likelihood is None or said.llr_interval is None:
        return f"{verdict} ({outcome})"
    low, high = said.llr_interval
    side = "for" if said.llr >= 0 else "against"
    lines = [
        verdict,
        f"  log10 likelihood ratio {said.llr:+.2f} (95 %: {low:+.2f} to {high:+.2f}), "
        f"{said.support} support {side} a StyleGAN-family face",
        f"  likelihood {said.likelihood:.4g} at a prior of {said.prior:g}; "
        f"{said.posterior_at_base_rate:.4g} at the base rate of {said.base_rate:g}",
        *(f"  {check.name}: {check.summary}" for check in said.checks),
        *(f"  note: {warning.replace('_', ' ')}" for warning in said.warnings),
    ]
    return "\n".join(lines)


def data_uri(png: bytes) -> str:
    """``png`` as a page shows it without asking again."""
    return f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"


def _timings(examined: Examined, fetch_ms: float) -> TimingsOut:
    spent = {"fetch": fetch_ms, **examined.timings_ms}
    return TimingsOut(**{stage: _tidy(spent.get(stage, 0.0), 1) for stage in STAGES})


def _alignment(analysis: Analysis) -> AlignmentOut | None:
    alignment, match = analysis.alignment, analysis.match
    if alignment is None:
        return None
    return AlignmentOut(
        template=match.template if match else None,
        transform=match.transform if match else None,
        distance=_tidy(match.distance, 2) if match else None,
        centre=_pair(alignment.centre, 4),
        side=_tidy(alignment.side, 4),
        roll_deg=_tidy(alignment.roll_deg, 2),
    )


def _face(examined: Examined, face: Face) -> FaceOut:
    left, right = _points(face.eyes, examined.analysis.size)
    return FaceOut(
        count=examined.analysis.face_count,
        eyes=(left, right),
        eye_distance_px=_tidy(face.eye_distance_px, 1),
        roll_deg=_tidy(face.roll_deg, 2),
        yaw_deg=_tidy(face.yaw_deg, 1),
        gan_eye_distance=_tidy(gan_eye_distance(Portrait(examined.picture, face)), 4),
    )


def _check(evidence: Evidence, size: tuple[int, int]) -> MeasuredOut | UnmeasurableOut:
    check, measured = evidence.check, evidence.measured
    if isinstance(measured, Unmeasurable):
        return UnmeasurableOut(
            name=check.name,
            version=check.version,
            reason=measured.reason,
            llr=_tidy(evidence.llr, 3),
            summary=evidence.summary,
        )
    return MeasuredOut(
        name=check.name,
        version=check.version,
        value=_tidy(measured.value, 3),
        unit=check.unit,
        llr=_tidy(evidence.llr, 3),
        summary=evidence.summary,
        measures={name: _tidy(value, 4) for name, value in measured.measures.items()},
        marks=[_mark(mark, size) for mark in measured.marks],
    )


def _mark(mark: Mark, size: tuple[int, int]) -> MarkOut:
    return MarkOut(label=mark.label, shape=mark.shape, points=_points(mark.points, size))


def _points(points_px: np.ndarray[Any, np.dtype[np.float64]], size: tuple[int, int]) -> list[Point]:
    return [(_tidy(x, 4), _tidy(y, 4)) for x, y in (points_px / np.array(size)).tolist()]


def _pair(pair: tuple[float, float], digits: int) -> tuple[float, float]:
    return _tidy(pair[0], digits), _tidy(pair[1], digits)


def _tidy(value: float, digits: int) -> float:
    """Rounded, and never minus zero."""
    return round(float(value), digits) + 0.0


def _probability(p: float) -> float:
    """Three significant digits of whichever of p and 1 - p is smaller: never 0, never 1."""
    return float(f"{p:.3g}") if p <= 0.5 else round(1.0 - float(f"{1.0 - p:.3g}"), 15)
