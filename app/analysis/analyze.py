"""A picture becomes portraits, readings, evidence, an analysis: the whole line, in code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from app.calibration.calibration import Calibration
from app.calibration.fusion import STAMP
from app.checks import CHECKS
from app.checks.eye_alignment import near
from app.evidence import (
    Analysis,
    Check,
    Evidence,
    Outcome,
    Reading,
    Reason,
    Unmeasurable,
    Verdict,
)
from app.face.alignment import Alignment
from app.face.landmarks import FaceFinder
from app.face.portrait import Network, Portrait
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
"""Beyond it landmarks of the far side are guessed; said as a warning."""

Step = Callable[[str], AbstractContextManager[None]]


def no_timing(_stage: str) -> AbstractContextManager[None]:
    """A step that times nothing."""
    return nullcontext()


Testimony = tuple[tuple[Check, Reading | Unmeasurable], ...]
"""What every check measured on one face."""


@dataclass(frozen=True, eq=False)
class Hearing:
    """One face's testimony, weighed."""

    evidence: tuple[Evidence, ...]
    llr: float
    interval: tuple[float, float]
    square: Alignment | None

    @property
    def measured(self) -> bool:
        """Whether anything was said of the face; that no stamp was read says nothing of it."""
        return any(
            isinstance(e.measured, Reading) and (e.check.name != STAMP or e.llr > 0.0)
            for e in self.evidence
        )


def portray(picture: Picture, finder: FaceFinder, network: Network) -> tuple[Portrait, ...]:
    """A portrait of every face; a second measurement where a face comes near a template."""
    faces = finder.find_faces(picture)
    portraits = [Portrait(picture, face, len(faces), network=network) for face in faces]
    return tuple(
        replace(p, repeats=finder.repeats(picture, p.face)) if near(p) else p for p in portraits
    )


def testify(portrait: Portrait, checks: Sequence[Check] = CHECKS) -> Testimony:
    """Every check's measurement of one portrait."""
    return tuple((check, check.measure(portrait)) for check in checks)


def hear(testimony: Testimony, calibration: Calibration) -> Hearing:
    """What a testimony weighs, check by check and together."""
    pairs = [calibration.weigh(check, measured) for check, measured in testimony]
    weighed = {e.check.name: w for e, w in pairs if isinstance(e.measured, Reading)}
    llr, interval = calibration.fuse(weighed) if weighed else (0.0, (0.0, 0.0))
    square = next((w.square for w in weighed.values() if w.square), None)
    return Hearing(tuple(e for e, _ in pairs), llr, interval, square)


def ranking(hearings: Sequence[Hearing]) -> list[int]:
    """Indices of ``hearings``, the one that answers for the picture first.

    The strongest evidence answers, and a face that could not be measured never hides one that
    could.
    """
    return sorted(
        range(len(hearings)),
        key=lambda i: (hearings[i].measured, hearings[i].llr),
        reverse=True,
    )


def faceless(picture: Picture) -> Outcome:
    """The outcome of a picture in which no face was found."""
    photo = colour_entropy_bits(picture) >= FEW_COLOURS_BITS
    return Outcome.NO_FACE if photo else Outcome.NOT_A_PHOTO


def outcome_of(best: Hearing) -> Outcome:
    """The outcome that the answering face gives the picture."""
    if best.measured:
        return Outcome.SCORED
    reasons = {e.measured.reason for e in best.evidence if isinstance(e.measured, Unmeasurable)}
    return Outcome.TOO_SMALL if Reason.TOO_SMALL in reasons else Outcome.NO_FACE


def analyze(
    picture: Picture,
    finder: FaceFinder,
    network: Network,
    calibration: Calibration,
    step: Step = no_timing,
) -> Analysis:
    """What Eyeline says of ``picture``; ``step`` is entered around "landmarks" and "checks"."""
    with step("landmarks"):
        portraits = portray(picture, finder, network)
    with step("checks"):
        testimonies = [testify(portrait, calibration.checks) for portrait in portraits]
        hearings = [hear(testimony, calibration) for testimony in testimonies]
        order = ranking(hearings)
        return conclude(
            picture, [portraits[i] for i in order], [hearings[i] for i in order], calibration
        )


def conclude(
    picture: Picture,
    portraits: Sequence[Portrait],
    hearings: Sequence[Hearing],
    calibration: Calibration,
) -> Analysis:
    """The analysis of ``picture`` from its faces, the answering one first."""
    best = hearings[0] if hearings else None
    outcome = outcome_of(best) if best else faceless(picture)
    scored = outcome is Outcome.SCORED
    llr = best.llr if best and scored else 0.0
    return Analysis(
        outcome=outcome,
        verdict=calibration.verdict(llr) if scored else Verdict.NOT_APPLICABLE,
        sha256=picture.sha256,
        perceptual_hash=picture.perceptual_hash,
        size=picture.size,
        format=picture.format,
        animated=picture.animated,
        faces=tuple(p.face for p in portraits),
        alignment=best.square if best and scored else None,
        match=next((e.match for e in best.evidence if e.match), None) if best else None,
        evidence=best.evidence if best else (),
        llr=llr,
        llr_interval=best.interval if best and scored else (0.0, 0.0),
        calibration_id=calibration.id,
        warnings=_warnings(picture, portraits),
    )


def _warnings(picture: Picture, portraits: Sequence[Portrait]) -> tuple[str, ...]:
    said = {
        "several_faces": len(portraits) > 1,
        "animated": picture.animated,
        "turned_away": bool(portraits) and abs(portraits[0].face.yaw_deg) > TURNED_AWAY_DEG,
    }
    return tuple(name for name, true in said.items() if true)
