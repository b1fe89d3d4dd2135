"""A picture becomes portraits, readings, evidence, an analysis: the whole line, in code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Final

import numpy as np

from app.analysis.face_result import FaceResult, examine_face, order_faces
from app.analysis.given_coordinates import evidence_as_given, face_as_given
from app.calibration.calibration import Calibration
from app.checks.eye_alignment import gan_eye_distance, is_near_template
from app.evidence import (
    NO_RATIOS,
    Analysis,
    Depth,
    LikelihoodRatios,
    Outcome,
    Reason,
    Unmeasurable,
    Verdict,
)
from app.face.landmarks import FaceFinder
from app.face.mesh_fit import default_mesh_fit
from app.face.orientation import find_oriented_faces, is_tilted
from app.face.portrait import PixelNetwork, Portrait
from app.image.picture import Picture

FEW_COLOURS_BITS: Final = 2.5
"""Of 9,000 photographs with a face less than one in a hundred has a lower colour entropy; half of
logos, icons and default pictures do. Asked only where no face is found, so it dismisses no face."""


def colour_entropy_bits(picture: Picture) -> float:
    """Shannon entropy of the picture's colours at four bits a channel, 0 (blank) to 12 bits."""
    codes = (picture.rgb >> 4).astype(np.int32) @ np.array([256, 16, 1], dtype=np.int32)
    share = np.bincount(codes.ravel(), minlength=4096) / codes.size
    used = share[share > 0]
    return float(-(used * np.log2(used)).sum())


TURNED_AWAY_DEG: Final = 45.0
"""Beyond it landmarks of the far side are guessed: the answer has a warning."""

StageTimer = Callable[[str], AbstractContextManager[None]]


def no_timing(_stage: str) -> AbstractContextManager[None]:
    """A step that times nothing."""
    return nullcontext()


def build_portraits(
    picture: Picture, finder: FaceFinder, network: PixelNetwork
) -> tuple[Portrait, ...]:
    """A portrait of every face, in the orientation in which faces stand.

    A face that comes near a template is measured a second time.
    """
    oriented = find_oriented_faces(picture, finder, default_mesh_fit())
    portraits = [
        Portrait(
            oriented.picture,
            face,
            len(oriented.faces),
            network=network,
            turn=oriented.turn,
            is_orientation_certain=oriented.is_certain,
        )
        for face in oriented.faces
    ]
    return tuple(
        replace(p, repeats=finder.remeasure(p.picture, p.face)) if is_near_template(p) else p
        for p in portraits
    )


def outcome_without_face(picture: Picture) -> Outcome:
    """The outcome of a picture in which no face was found."""
    is_photo = colour_entropy_bits(picture) >= FEW_COLOURS_BITS
    return Outcome.NO_FACE if is_photo else Outcome.NOT_A_PHOTO


def outcome_with_face(best: FaceResult) -> Outcome:
    """The outcome that the answering face gives the picture."""
    if best.is_measured:
        return Outcome.SCORED
    reasons = {
        e.measurement.reason for e in best.evidence if isinstance(e.measurement, Unmeasurable)
    }
    return Outcome.TOO_SMALL if Reason.TOO_SMALL in reasons else Outcome.NO_FACE


def analyze(
    picture: Picture,
    finder: FaceFinder,
    network: PixelNetwork,
    calibration: Calibration,
    time_stage: StageTimer = no_timing,
    depth: Depth = Depth.NEEDED,
) -> Analysis:
    """Analyze ``picture``; ``time_stage`` is entered around "landmarks" and "checks".

    ``depth``: ``FULL`` to have every check look at every face. The ratios stay the same.
    """
    with time_stage("landmarks"):
        portraits = build_portraits(picture, finder, network)
    with time_stage("checks"):
        results = [examine_face(portrait, calibration, depth) for portrait in portraits]
        order = order_faces(results)
        return build_analysis(
            picture, [portraits[i] for i in order], [results[i] for i in order], calibration
        )


def build_analysis(
    picture: Picture,
    portraits: Sequence[Portrait],
    results: Sequence[FaceResult],
    calibration: Calibration,
) -> Analysis:
    """The analysis of ``picture`` from its faces, the answering one first."""
    best = results[0] if results else None
    outcome = outcome_with_face(best) if best else outcome_without_face(picture)
    scored = outcome is Outcome.SCORED
    against = best.against if best and scored else NO_RATIOS
    turn = portraits[0].turn if portraits else 0
    evidence = tuple(
        evidence_as_given(e, picture.size, turn) for e in (best.evidence if best else ())
    )
    eye_distance_px = portraits[0].face.eye_distance_px if portraits else 0.0
    return Analysis(
        outcome=outcome,
        verdict=calibration.verdict(against.total.llr, eye_distance_px)
        if scored
        else Verdict.NOT_APPLICABLE,
        sha256=picture.sha256,
        pdq=picture.pdq.hex,
        pdq_quality=picture.pdq.quality,
        size=picture.size,
        declared_size=picture.declared_size,
        format=picture.format,
        animated=picture.animated,
        faces=tuple(face_as_given(p.face, picture.size, turn) for p in portraits),
        alignment=best.alignment if best and scored else None,
        match=next((e.match for e in evidence if e.match), None),
        evidence=evidence,
        against=against,
        calibration_id=calibration.id,
        warnings=(
            *picture_warnings(
                len(portraits),
                portrait_warnings(portraits[0]) if portraits else (),
                picture.animated,
            ),
            *(measurement_warnings(against, eye_distance_px, calibration) if scored else ()),
        ),
        llr_bounds=calibration.bounds,
        gan_eye_distance=gan_eye_distance(portraits[0]) if portraits else None,
        orientation_deg=turn,
    )


def measurement_warnings(
    against: LikelihoodRatios, eye_distance_px: float, calibration: Calibration
) -> tuple[str, ...]:
    """What a reader of a scored picture's llr must know of how it was measured."""
    conditions = {
        "geometry_only": not against.is_framed_measured,
        "too_small_to_clear": calibration.is_too_small(eye_distance_px),
    }
    return tuple(name for name, holds in conditions.items() if holds)


def picture_warnings(
    face_count: int, answering_face: Sequence[str], animated: bool
) -> tuple[str, ...]:
    """What a reader must know of the picture; ``answering_face``: its ``portrait_warnings``."""
    several = ("several_faces",) if face_count > 1 else ()
    return (*several, *answering_face, *(("animated",) if animated else ()))


def portrait_warnings(portrait: Portrait) -> tuple[str, ...]:
    """What a reader must know of how one face stands in the picture as it was given."""
    conditions = {
        "rotated": _is_rotated(portrait),
        "turned_away": abs(portrait.face.yaw_deg) > TURNED_AWAY_DEG,
    }
    return tuple(name for name, holds in conditions.items() if holds)


def _is_rotated(portrait: Portrait) -> bool:
    """Whether the face does not stand in the picture as given, or it cannot be told."""
    return portrait.turn != 0 or not portrait.is_orientation_certain or is_tilted(portrait.face)
