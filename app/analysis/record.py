"""An examined picture → what is kept of it for a list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from app.analysis.analyzer import AnalyzedPicture
from app.analysis.serialize import serialize_analysis
from app.checks.eye_alignment import CHECK as EYE_ALIGNMENT
from app.evidence import Analysis
from app.image.picture import Picture
from app.image.thumbnails import average_tile, thumbnail_jpeg
from app.records import PictureRecord

ThumbnailFn = Callable[[Picture], bytes]


@dataclass(frozen=True, eq=False)
class AnalyzedRecord:
    """A finding and what it took. ``timings_ms``: by stage."""

    record: PictureRecord
    timings_ms: Mapping[str, float]


def build_record(
    analyzed: AnalyzedPicture,
    *,
    prior: float,
    base_rate: float,
    make_thumbnail: ThumbnailFn = thumbnail_jpeg,
) -> AnalyzedRecord:
    """``analyzed`` as a batch keeps it: with a thumbnail instead of its picture.

    The same bytes at the same priors give the same finding.
    The answer has neither ``id`` nor ``custom_id``, which belong to the item, and no timings.
    """
    analysis, picture = analyzed.analysis, analyzed.picture
    analysis_out = serialize_analysis(analyzed, prior=prior, base_rate=base_rate, fetch_ms=None)
    match = analysis.match
    width, height = picture.declared_size
    record = PictureRecord(
        sha256=analysis.sha256,
        perceptual_hash=analysis.perceptual_hash,
        outcome=str(analysis.outcome),
        verdict=str(analysis.verdict),
        llr=analysis_out.llr,
        llr_ordinary=_round_llr(analysis.against.ordinary.llr),
        llr_framed=_round_llr(analysis.against.framed.llr),
        eye_llr=_eye_llr(analysis),
        analysis=analysis_out.model_dump_json(exclude={"id", "custom_id"}).encode(),
        width=width,
        height=height,
        eyes=_eyes(analysis),
        square=analysis.alignment.vector() if analysis.alignment else None,
        template=match.template if match else None,
        transform=match.transform if match else None,
        distance=match.distance if match else None,
        warnings=analysis.warnings,
        thumbnail=make_thumbnail(picture),
        tile=average_tile(picture),
    )
    return AnalyzedRecord(record, analyzed.timings_ms)


def _round_llr(llr: float) -> float:
    """As the answer gives it."""
    return round(llr, 3) + 0.0


def _eye_llr(analysis: Analysis) -> float:
    return next((e.llr for e in analysis.evidence if e.check.name == EYE_ALIGNMENT.name), 0.0)


def _eyes(analysis: Analysis) -> tuple[float, float, float, float] | None:
    if analysis.face is None:
        return None
    (left_x, left_y), (right_x, right_y) = (analysis.face.eyes / analysis.size).tolist()
    return left_x, left_y, right_x, right_y
