"""Analysis → JSON: rounding, unit coordinates, and null where nothing was measured."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np

from app import __version__
from app.analysis.schemas import (
    AgainstOut,
    AlignmentOut,
    AnalysisOut,
    FaceOut,
    ImageOut,
    MarkOut,
    MeasuredOut,
    ModelOut,
    Point,
    RatioOut,
    TimingsOut,
    UnmeasurableOut,
)
from app.evidence import (
    SCOPE,
    Analysis,
    Evidence,
    LikelihoodRatio,
    LikelihoodRatios,
    Mark,
    Outcome,
    Unmeasurable,
)
from app.face.face import Face
from app.render import analysis_text


def serialize_analysis(
    analysis: Analysis,
    *,
    prior: float,
    base_rate: float,
) -> AnalysisOut:
    """``analysis`` as callers see it, before it is given an ``id``, timings or an overlay."""
    is_scored = analysis.outcome is Outcome.SCORED
    return AnalysisOut(
        id="",
        custom_id=None,
        outcome=analysis.outcome,
        verdict=analysis.verdict,
        likelihood=_round_probability(analysis.posterior(prior)) if is_scored else None,
        prior=prior,
        base_rate=base_rate,
        posterior_at_base_rate=_round_probability(analysis.posterior(base_rate))
        if is_scored
        else None,
        llr=_round(analysis.llr, 3),
        llr_interval=_round_pair(analysis.llr_interval, 3) if is_scored else None,
        against=_against(analysis.against) if is_scored else None,
        support=analysis.support,
        alignment=_alignment(analysis),
        face=_face(analysis, analysis.face) if analysis.face else None,
        checks=[_check(e, analysis.size) for e in analysis.evidence],
        image=ImageOut(
            sha256=analysis.sha256,
            pdq=analysis.pdq,
            pdq_quality=analysis.pdq_quality,
            width=analysis.declared_size[0],
            height=analysis.declared_size[1],
            format=analysis.format,
            animated=analysis.animated,
        ),
        warnings=list(analysis.warnings),
        scope=SCOPE,
        model=ModelOut(version=__version__, calibration=analysis.calibration_id),
        timings_ms=None,
    )


def format_text(analysis: AnalysisOut) -> str:
    """``analysis`` for people, in a few lines: the verdict, what it is worth, and why."""
    verdict, outcome = analysis_text.in_words(analysis.verdict), analysis.outcome.replace("_", " ")
    if analysis.likelihood is None or analysis.llr_interval is None:
        return f"{verdict} ({outcome})"
    low, high = analysis.llr_interval
    direction = "for" if analysis.llr >= 0 else "against"
    support = (
        "no support for or against"
        if analysis.support == "none"
        else f"{analysis.support} support {direction}"
    )
    lines = [
        verdict,
        f"  log10 likelihood ratio {analysis.llr:+.2f} (95 %: {low:+.2f} to {high:+.2f}), "
        f"{support} a StyleGAN-family face",
        f"  likelihood {analysis.likelihood:.4g} at a prior of {analysis.prior:g}; "
        f"{analysis.posterior_at_base_rate:.4g} at the base rate of {analysis.base_rate:g}",
        *(f"  {check.name}: {check.summary}" for check in analysis.checks),
        *(f"  {analysis_text.warning_text(warning)}" for warning in analysis.warnings),
        f"  {analysis.scope}",
    ]
    return "\n".join(lines)


def data_uri(data: bytes, media_type: str = "image/png") -> str:
    """``data`` as a ``data:`` URI."""
    return f"data:{media_type};base64,{base64.b64encode(data).decode('ascii')}"


def timings_out(spent_ms: Mapping[str, float]) -> TimingsOut:
    """``spent_ms`` by stage; 0 for a stage that is not in it."""
    return TimingsOut(
        **{stage: _round(spent_ms.get(stage, 0.0), 1) for stage in TimingsOut.model_fields}
    )


def _against(against: LikelihoodRatios) -> AgainstOut:
    return AgainstOut(
        ordinary=_ratio(against.ordinary, True),
        framed=_ratio(against.framed, against.is_framed_measured),
        framed_share=against.framed_share,
    )


def _ratio(ratio: LikelihoodRatio, measured: bool) -> RatioOut:
    return RatioOut(
        llr=_round(ratio.llr, 3), interval=_round_pair(ratio.interval, 3), measured=measured
    )


def _alignment(analysis: Analysis) -> AlignmentOut | None:
    alignment, match = analysis.alignment, analysis.match
    if alignment is None:
        return None
    return AlignmentOut(
        template=match.template if match else None,
        transform=match.transform if match else None,
        distance=_round(match.distance, 2) if match else None,
        centre=_round_pair(alignment.centre, 4),
        side=_round(alignment.side, 4),
        roll_deg=_round(alignment.roll_deg, 2),
    )


def _face(analysis: Analysis, face: Face) -> FaceOut:
    left, right = _points(face.eyes, analysis.size)
    return FaceOut(
        count=analysis.face_count,
        eyes=(left, right),
        eye_distance_px=_round(face.eye_distance_px, 1),
        roll_deg=_round(face.roll_deg, 2),
        yaw_deg=_round(face.yaw_deg, 1),
        orientation_deg=analysis.orientation_deg,
        gan_eye_distance=_round(analysis.gan_eye_distance or 0.0, 4),
    )


def _check(evidence: Evidence, size: tuple[int, int]) -> MeasuredOut | UnmeasurableOut:
    check, measured = evidence.check, evidence.measurement
    if isinstance(measured, Unmeasurable):
        return UnmeasurableOut(
            name=check.name,
            version=check.version,
            reason=measured.reason,
            llr=_round(evidence.llr, 3),
            summary=evidence.summary,
        )
    return MeasuredOut(
        name=check.name,
        version=check.version,
        value=_round(measured.value, 3),
        unit=check.unit,
        llr=_round(evidence.llr, 3),
        summary=evidence.summary,
        measures={name: _round(value, 4) for name, value in measured.measures.items()},
        marks=[_mark(mark, size) for mark in measured.marks],
    )


def _mark(mark: Mark, size: tuple[int, int]) -> MarkOut:
    return MarkOut(label=mark.label, shape=mark.shape, points=_points(mark.points, size))


def _points(points_px: np.ndarray[Any, np.dtype[np.float64]], size: tuple[int, int]) -> list[Point]:
    return [(_round(x, 4), _round(y, 4)) for x, y in (points_px / np.array(size)).tolist()]


def _round_pair(pair: tuple[float, float], digits: int) -> tuple[float, float]:
    return _round(pair[0], digits), _round(pair[1], digits)


def _round(value: float, digits: int) -> float:
    """Rounded, and never minus zero."""
    return round(float(value), digits) + 0.0


def _round_probability(p: float) -> float:
    """Three significant digits of whichever of p and 1 - p is smaller: never 0, never 1."""
    return float(f"{p:.3g}") if p <= 0.5 else round(1.0 - float(f"{1.0 - p:.3g}"), 15)
