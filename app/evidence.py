"""The result types: what a check measured, its likelihood ratio, and the combined analysis.

Nothing here computes: ``app.calibration`` turns readings into evidence, ``app.analysis`` combines
it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import numpy as np

from app.arrays import FloatArray

if TYPE_CHECKING:
    from app.face.alignment import Alignment, Box
    from app.face.face import Face
    from app.face.portrait import FaceMeasurement, Portrait


SCOPE: Final = (
    "Speaks of faces from the StyleGAN family of generators (StyleGAN 1 to 3 with their aligned "
    "frame, and studio generators built on it). Silent about diffusion models, other generators, "
    "edited photographs, and about the account behind the picture."
)


class Reason(StrEnum):
    """Why a check could not measure; its llr is then 0."""

    TOO_SMALL = "too_small"
    TURNED_AWAY = "turned_away"
    DEGENERATE = "degenerate"
    OUT_OF_PICTURE = "out_of_picture"
    MOUTH_CLOSED = "mouth_closed"
    EYES_CLOSED = "eyes_closed"
    OCCLUDED = "occluded"
    NO_BACKGROUND = "no_background"
    NO_HAIR = "no_hair"
    NOT_LOOKED_AT = "not_looked_at"
    """No network was given: only where pictures are analyzed without ``models/``."""
    NOT_NEEDED = "not_needed"
    """Nothing that the check could say would change the answer, so it did not look."""


class Depth(StrEnum):
    """How far a picture is looked at.

    ``needed``: until nothing more can change the answer. ``full``: with every check. Ratios and
    verdict are the same.
    """

    NEEDED = "needed"
    FULL = "full"


class Outcome(StrEnum):
    """The outcome of a picture; only ``scored`` pictures have an llr."""

    SCORED = "scored"
    NO_FACE = "no_face"
    TOO_SMALL = "too_small"
    NOT_A_PHOTO = "not_a_photo"


class Verdict(StrEnum):
    """The llr as one of three categories; ``not_applicable`` where nothing was scored."""

    LIKELY_STYLEGAN = "likely_stylegan"
    INCONCLUSIVE = "inconclusive"
    UNLIKELY_STYLEGAN = "unlikely_stylegan"
    NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True, eq=False)
class Mark:
    """A shape to draw where a check measured. ``points``: px, (n, 2), inside the picture."""

    points: FloatArray
    shape: Literal["dots", "line", "outline"]
    label: str

    def __post_init__(self) -> None:
        points = np.array(self.points, dtype=np.float64).reshape(-1, 2)
        points.setflags(write=False)
        object.__setattr__(self, "points", points)


@dataclass(frozen=True, eq=False)
class Reading:
    """What a check measured on one portrait. A check does not judge.

    ``value`` is in the check's unit. ``measures`` are named numbers that the calibration weighs
    together; a check always gives the same names. ``face_measurements`` holds what plain numbers
    cannot: the face's crop square in every frame, once for each measurement.
    """

    value: float
    marks: tuple[Mark, ...] = ()
    face_measurements: tuple[FaceMeasurement, ...] = ()
    measures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Unmeasurable:
    """A check that cannot measure this portrait, and why."""

    reason: Reason


@dataclass(frozen=True)
class Match:
    """Which frame of which generator family an alignment fits best."""

    template: str
    transform: Literal["untouched", "zoomed", "trimmed"]
    distance: float
    """Standard deviations (Mahalanobis) from the template, after the transform is undone."""
    frame: Box
    """Where the generator's own frame lies, px of this picture; wider than it when zoomed."""
    template_eyes: tuple[tuple[float, float], tuple[float, float]]
    """Where the template puts the iris centres: unit coordinates of ``frame``, left first."""


def default_summary(llr: float, match: Match | None) -> str:
    """The sentence for a check without a ``summarize`` of its own."""
    side = "for" if llr > 0 else "against"
    return f"{verbal_support(llr)} support {side} a StyleGAN-family generator"


WEAK_SUPPORT_LLR: Final = 0.30103
"""log10 of a ratio of 2: the first band begins here."""


@dataclass(frozen=True)
class GradedSummary:
    """A check's sentence by its llr: from 1 up, from ``inconclusive_llr``, between, and against."""

    drawn: str
    rather_drawn: str
    neither: str
    photographed: str
    inconclusive_llr: float = WEAK_SUPPORT_LLR

    def __call__(self, llr: float, match: Match | None) -> str:
        """The sentence for ``llr``; ``match`` is the frame's, and says nothing of pixels."""
        if llr >= 1.0:
            return self.drawn
        if llr >= self.inconclusive_llr:
            return self.rather_drawn
        return self.neither if llr > -self.inconclusive_llr else self.photographed


@dataclass(frozen=True)
class Check:
    """A named measurement on the pixels; ``name`` is the module's name.

    ``summarize`` puts a weighed reading (its llr, and the match if it has one) into a sentence.
    """

    name: str
    version: int
    unit: str
    reference: str
    measure: Callable[[Portrait], Reading | Unmeasurable]
    summarize: Callable[[float, Match | None], str] = default_summary


@dataclass(frozen=True, eq=False)
class Evidence:
    """One check's reading and its log10 likelihood ratio, 0.0 when unmeasurable."""

    check: Check
    measurement: Reading | Unmeasurable
    llr: float
    summary: str
    match: Match | None = None


class LikelihoodRatio(NamedTuple):
    """``llr``: log10 of a likelihood ratio. ``interval``: its 95 % interval, low end first."""

    llr: float
    interval: tuple[float, float]

    def without_support_against(self) -> LikelihoodRatio:
        """llr and interval raised to at least 0, for unreliable evidence against a generator."""
        low, high = self.interval
        return LikelihoodRatio(max(0.0, self.llr), (low, max(0.0, high)))


@dataclass(frozen=True)
class LikelihoodRatios:
    """The two ratios that everything else follows from, and their mixture.

    ``ordinary``: P(picture | StyleGAN family) ÷ P(picture | ordinary avatar). ``framed``: the same
    against a real photograph that sits in a generator's frame; only the pixel checks and the stamp
    bear on it, and it is exactly 0 with ``is_framed_measured`` false where none of them measured.
    ``total``: against a mixture of the two in which a share ``framed_share`` is framed.
    """

    ordinary: LikelihoodRatio
    framed: LikelihoodRatio
    total: LikelihoodRatio
    framed_share: float
    is_framed_measured: bool

    def without_support_against(self) -> LikelihoodRatios:
        """All three ratios raised to at least 0."""
        return replace(
            self,
            ordinary=self.ordinary.without_support_against(),
            framed=self.framed.without_support_against(),
            total=self.total.without_support_against(),
        )


NO_RATIO: Final = LikelihoodRatio(0.0, (0.0, 0.0))
NO_RATIOS: Final = LikelihoodRatios(NO_RATIO, NO_RATIO, NO_RATIO, 0.0, False)
"""The ratios of a picture without a measured face."""


@dataclass(frozen=True, eq=False)
class Analysis:
    """The analysis of one picture; without pixels, so that many can be kept.

    ``against`` holds the likelihood ratios, all 0.0 unless ``outcome`` is ``scored``; ``llr`` and
    ``llr_interval`` are those of their mixture. ``faces`` holds every face found, the one with the
    strongest evidence first; ``alignment``, ``match`` and ``evidence`` belong to that one.
    ``alignment`` is the crop square corrected for the head's pose. ``size`` is that of the pixels
    analyzed, ``declared_size`` that of the file's picture, (width, height), px. ``pdq``: 64 hex
    digits; ``pdq_quality`` 0 to 100. ``gan_eye_distance`` (Yang, Singh, Menczer 2024) is reported
    only and never weighed; ``None`` without a face. ``llr_bounds``: the calibration's bounds of
    every llr. ``orientation_deg``: the clockwise rotation that makes the face upright.
    ``alignment`` is that of the rotated picture; everything else is in px of the picture as given.
    """

    outcome: Outcome
    verdict: Verdict
    sha256: str
    pdq: str
    pdq_quality: int
    size: tuple[int, int]
    declared_size: tuple[int, int]
    format: str
    animated: bool
    faces: tuple[Face, ...]
    alignment: Alignment | None
    match: Match | None
    evidence: tuple[Evidence, ...]
    against: LikelihoodRatios
    calibration_id: str
    warnings: tuple[str, ...]
    llr_bounds: tuple[float, float] = (-6.0, 6.0)
    gan_eye_distance: float | None = None
    orientation_deg: Literal[0, 90, 180, 270] = 0

    @property
    def llr(self) -> float:
        """log10 likelihood ratio against the mixture of ordinary and framed real pictures."""
        return self.against.total.llr

    @property
    def llr_interval(self) -> tuple[float, float]:
        """95 % interval of ``llr``."""
        return self.against.total.interval

    @property
    def face_count(self) -> int:
        return len(self.faces)

    @property
    def face(self) -> Face | None:
        """The face with the strongest evidence, if any was found."""
        return self.faces[0] if self.faces else None

    @property
    def support(self) -> str:
        return verbal_support(self.llr)

    def posterior(self, prior: float) -> float:
        """Posterior probability of the StyleGAN family at ``prior`` (0 < prior < 1)."""
        if not 0.0 < prior < 1.0:
            raise ValueError("prior must lie between 0 and 1, both excluded")
        odds: float = prior / (1.0 - prior) * 10.0**self.llr
        return odds / (1.0 + odds)


# ENFSI, Guideline for Evaluative Reporting in Forensic Science (2015), table of verbal equivalents.
_SUPPORT_BANDS: tuple[tuple[float, str], ...] = (
    (6.0, "extremely strong"),
    (4.0, "very strong"),
    (3.0, "strong"),
    (2.0, "moderately strong"),
    (1.0, "moderate"),
    (WEAK_SUPPORT_LLR, "weak"),
)


def verbal_support(llr: float) -> str:
    """The verbal band of |llr|; below a ratio of 2 there is ``none``."""
    magnitude = abs(llr)
    return next((name for bound, name in _SUPPORT_BANDS if magnitude >= bound), "none")
