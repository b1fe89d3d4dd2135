"""The alignment likelihood ratio: how generator families place the face in the frame.

Three hypotheses say how a StyleGAN portrait may have come to be this picture: its frame is
*untouched*, *zoomed* about its centre (platforms and users cut the edges off), or *trimmed* (flat
borders were added and are taken off again). A small share was cropped in a way that keeps nothing
of the frame; for those the eyes are uninformative, which bounds the evidence *against* a generator.
Each hypothesis is compared with the density of ordinary avatars in the same place.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

import numpy as np

from app.arrays import FloatArray
from app.calibration.densities import GaussianMixture, log_sum_exp
from app.calibration.templates import LN_ZOOMS, AlignmentTemplate, WidenedTemplates, unzoom
from app.evidence import Match
from app.face.alignment import Alignment, Box
from app.face.median import median
from app.face.portrait import CandidateFrame, FaceMeasurement
from app.face.pose import PoseFeatures

# Prior shares of the ways in which a generated portrait becomes an avatar. Expert judgement,
# rounded: of 1,420 documented accounts 99.5 % had their eyes in the frame (Yang, Singh, Menczer
# 2024), but those were selected by their eyes, and evaders will crop. One in fifty is allowed for
# crops that keep nothing, so that pixels can still decide; some 15 % of the rest for a zoom
# (``ZOOMED_SHARE``).
CROPPED_SHARE: Final = 0.02
FLOOR_LLR: Final = math.log10(CROPPED_SHARE)
"""Lowest llr of the eyes, their strongest evidence against a generator."""
# Found borders may belong to the original (a plain backdrop): even odds.
TRIMMED_SHARE: Final = 0.5

SMALL_EYES_PX: Final = 12.0

# The correction is fitted on faces near the frame: limit its extrapolation elsewhere.
_MAX_CORRECTION: Final = np.array([0.05, 0.05, 0.2, 0.15])

Transform = Literal["untouched", "zoomed", "trimmed"]


def small_picture_weight(eye_distance_px: float) -> float:
    """Weight of blur: 1 for eyes 12 px apart (a 48 px avatar) or less, falling as 1 ÷ d²."""
    return min(1.0, (SMALL_EYES_PX / max(eye_distance_px, 1.0)) ** 2)


@dataclass(frozen=True, eq=False)
class ShapeAtypicality:
    """How atypical a face's shape is: squared Mahalanobis distance of its features.

    Turned heads, sunglasses, hands before mouths: landmarks of odd shapes miss by more, and so does
    the correction. Over the generated pictures of the fit, the square's variance grows in
    proportion to it. ``odd_whitening`` (23, 23) and ``even_whitening`` (24, 24) whiten the shape's
    numbers, ``even_centre`` (24,) is the even ones' mean; the usual face has ``usual_distance``.
    """

    odd_whitening: FloatArray
    even_whitening: FloatArray
    even_centre: FloatArray
    usual_distance: float

    def __call__(self, shape: PoseFeatures) -> float:
        """Variance of this face's square, 1 for the usual face; within 1/4 and 40."""
        odd = self.odd_whitening @ shape.odd
        even = self.even_whitening @ (shape.even[: len(self.even_centre)] - self.even_centre)
        return min(40.0, max(0.25, float(odd @ odd + even @ even) / self.usual_distance))


@dataclass(frozen=True, eq=False)
class PoseCorrection:
    """Fitted offset between FFHQ's square and the one computed from irises, by pose.

    ``odd`` (23, 2) gives x and roll from the shape's odd numbers, ``even`` (26, 2) with ``offset``
    (2,) gives y and ln side from the even ones; so a mirrored face is corrected mirrored.
    ``even_small`` (26, 2) and ``offset_small`` (2,) are added as the picture gets smaller.
    """

    odd: FloatArray
    even: FloatArray
    offset: FloatArray
    even_small: FloatArray
    offset_small: FloatArray
    atypicality: ShapeAtypicality

    def __call__(self, shape: PoseFeatures, eye_distance_px: float) -> FloatArray:
        """(x, y, ln side, roll in radians) in the square's own coordinates, (4,)."""
        x, roll = shape.odd @ self.odd
        small = small_picture_weight(eye_distance_px)
        y, ln_side = (
            shape.even @ (self.even + small * self.even_small)
            + self.offset
            + small * self.offset_small
        )
        shift = np.array([x, y, ln_side, roll])
        out: FloatArray = np.clip(shift, -_MAX_CORRECTION, _MAX_CORRECTION)
        return out


@dataclass(frozen=True, eq=False)
class NoiseVariance:
    """A variance that grows as pictures shrink: ``floor`` + ``per_px`` ÷ (eye distance)², (4,)."""

    floor: FloatArray
    per_px: FloatArray

    def at(self, eye_distance_px: float) -> FloatArray:
        out: FloatArray = self.floor + self.per_px / max(eye_distance_px, 1.0) ** 2
        return out


@dataclass(frozen=True, eq=False)
class AlignmentModel:
    """The fitted model that turns measurements of a face into a likelihood ratio."""

    correction: PoseCorrection
    templates: tuple[AlignmentTemplate, ...]
    ordinary: GaussianMixture
    """Over (centre x, centre y, ln side, roll, turn, nod)."""
    resolution: NoiseVariance
    """Error of the square from low resolution: widens the templates."""
    jitter: NoiseVariance
    """Variance between repeated measurements: the source of the interval."""

    @cached_property
    def _pose_density(self) -> GaussianMixture:
        return self.ordinary.marginal(4)

    def correct_measurement(self, measurement: FaceMeasurement) -> FloatArray:
        """The crop square that FFHQ's own tools would compute, in each frame: (f, 4)."""
        shift = self.correction(measurement.pose_features, measurement.eye_distance_px)
        return np.stack(
            [apply_correction(f.alignment, shift) for f in measurement.candidate_frames]
        )

    def correct_measurements(self, measurements: tuple[FaceMeasurement, ...]) -> FloatArray:
        """Corrected squares of all measurements: (s, f, 4)."""
        return np.stack([self.correct_measurement(s) for s in measurements])

    def widened_templates(self, measurements: tuple[FaceMeasurement, ...]) -> WidenedTemplates:
        """The templates widened by this face's atypicality and its picture's resolution."""
        noise = self.resolution.at(measurements[0].eye_distance_px)
        factor = float(
            median(np.array([self.correction.atypicality(s.pose_features) for s in measurements]))
        )
        return WidenedTemplates(self.templates, factor, noise)

    def llr(self, squares: FloatArray, pose: FloatArray, templates: WidenedTemplates) -> FloatArray:
        """log10 likelihood ratio of ``squares`` (n, f, 4), frame 0 the picture's own: (n,).

        ``pose`` (2,) is the face's: people centre frontal faces better than turned ones, so a
        turned face exactly in the frame is stronger evidence.
        """
        ln_ratios = self._ln_ratios(squares.reshape(-1, 4), pose, templates)
        by_frame = ln_ratios.reshape(len(squares), -1)
        total = by_frame[:, 0]
        if by_frame.shape[1] > 1:
            inner = by_frame[:, 1:]
            equal_weights = np.full(inner.shape[-1], 1.0 / inner.shape[-1])
            total = np.logaddexp(
                math.log(1.0 - TRIMMED_SHARE) + total,
                math.log(TRIMMED_SHARE) + log_sum_exp(inner, equal_weights),
            )
        mixed = np.logaddexp(math.log(1.0 - CROPPED_SHARE) + total, math.log(CROPPED_SHARE))
        out: FloatArray = mixed / math.log(10.0)
        return out

    def best_match(
        self,
        candidate_frames: tuple[CandidateFrame, ...],
        mean: FloatArray,
        templates: WidenedTemplates,
    ) -> Match:
        """The template and the transform with the highest likelihood.

        ``mean`` (f, 4) is its corrected square in each of ``candidate_frames``.
        """
        ln_densities = templates.ln_densities(mean)
        frame_index, template_index, zoom_index = np.unravel_index(
            int(np.argmax(ln_densities)), ln_densities.shape
        )
        candidate = candidate_frames[frame_index]
        template = templates.templates[template_index]
        unzoomed = unzoom(mean[frame_index][None])[0, zoom_index]
        zoomed = zoom_index > 0 and candidate.transform == "untouched"
        return Match(
            template=template.name,
            transform="zoomed" if zoomed else candidate.transform,
            distance=templates.distance(int(template_index), unzoomed),
            frame=_scale_box(candidate.frame, math.exp(LN_ZOOMS[zoom_index])),
            template_eyes=template.eyes,
        )

    def _ln_ratios(
        self, squares: FloatArray, pose: FloatArray, templates: WidenedTemplates
    ) -> FloatArray:
        """ln likelihood ratio of ``squares`` (n, 4), each within its frame, maybe zoomed: (n,)."""
        ln_densities = templates.ln_densities(squares).reshape(len(squares), -1)
        return log_sum_exp(
            ln_densities, np.ones(ln_densities.shape[1])
        ) - self._ln_ordinary_density(squares, pose)

    def _ln_ordinary_density(self, squares: FloatArray, pose: FloatArray) -> FloatArray:
        """ln density of ordinary avatars' squares (n, 4) given the face's pose: (n,)."""
        joint = np.concatenate([squares, np.tile(pose, (len(squares), 1))], axis=1)
        ln_pose_density = self._pose_density.log_density(pose[None])
        out: FloatArray = self.ordinary.log_density(joint) - ln_pose_density
        return out


def median_pose(measurements: tuple[FaceMeasurement, ...]) -> FloatArray:
    """The face's pose, median of all measurements: (2,)."""
    out: FloatArray = median(np.array([s.pose_features.pose for s in measurements]))
    return out


def apply_correction(alignment: Alignment, shift: FloatArray) -> FloatArray:
    """``alignment`` moved by ``shift``, which is in the square's own coordinates: (4,)."""
    x, y, ln_side, roll = alignment.vector()
    side, cos, sin = math.exp(ln_side), math.cos(roll), math.sin(roll)
    return np.array(
        [
            x + side * (cos * shift[0] - sin * shift[1]),
            y + side * (sin * shift[0] + cos * shift[1]),
            ln_side + shift[2],
            roll + shift[3],
        ]
    )


def _scale_box(box: Box, factor: float) -> Box:
    x, y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
    w, h = box.width / 2 * factor, box.height / 2 * factor
    return Box(x - w, y - h, x + w, y + h)
