"""Fits the alignment model: pose correction, templates, ordinary avatars, landmark noise.

Needs scikit-learn (the ``fit`` extra).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import nnls
from sklearn.linear_model import Ridge
from sklearn.mixture import GaussianMixture as SklearnMixture

from app.arrays import FloatArray
from app.calibration.alignment_model import (
    PoseCorrection,
    apply_correction,
    median_pose,
    small_picture_weight,
)
from app.calibration.densities import whitening_matrix
from app.calibration.file import CorrectionEntry, NoiseEntry, OrdinaryEntry, TemplateEntry
from app.face.portrait import FaceMeasurement
from app.training.calibration.student_t import fit_t
from app.training.corpus import ManifestRow

RIDGE_ALPHA: Final = 3.0
SMALL_SAMPLE_SHARE: Final = 0.25
"""Weight of small pictures among those that the correction is fitted on."""
_SQUARED_FEATURES: Final = 2
"""The last even features of a shape are squares: used in the correction, not in the atypicality."""
# The generators' picture counts differ by a factor of fifty; weight by expected prevalence instead.
FAMILY_WEIGHTS: Final[Mapping[str, float]] = {
    "stylegan1": 0.20,
    "stylegan2": 0.45,
    "stylegan2_watermarked": 0.05,
    "stylegan3": 0.20,
    "stylegan2_psi1": 0.10,
}
FEW_COLLECTORS_FREEDOM: Final = 4.0
STUDIO_SHARE: Final = 0.2
"""Prior share of studio portraits among the family's avatars (expert judgement)."""
# Beyond this from the frame, a face in a generated picture is a bystander or a landmark failure.
_MAX_FRAME_OFFSET: Final = np.array([0.06, 0.06, 0.30, 0.25])
_FREEDOM_GRID: Final = (2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 8.0, 12.0, 30.0)
_COMPONENT_COUNT: Final = 16
# Every collector of headshots brings a house style of its own: frontal, level, centred, at one
# height and size. Unseen ones get a component of their own, narrow where photographers and croppers
# centre, wide in height and size. (Centre x and y, ln side, roll, turn, nod; judgement, of the
# order of the spread within and between the house styles of the fit.)
HOUSE_STYLE_WEIGHT: Final = 0.08
_HOUSE_STYLE_MEAN: Final = np.array([0.5, 0.47, -0.1, 0.0, 0.0, 0.135])
_HOUSE_STYLE_DEVIATION: Final = np.array([0.012, 0.06, 0.3, 0.02, 0.014, 0.02])
# A broad component keeps the density of ordinary avatars above zero where few were seen.
_BROAD_WEIGHT: Final = 0.02
_SEED: Final = 20261123


@dataclass(frozen=True, eq=False)
class FaceSample:
    """The measurements of one picture's strongest face."""

    row: ManifestRow
    face_measurements: tuple[FaceMeasurement, ...]


def nearest_face(
    faces: Sequence[tuple[FaceMeasurement, ...]],
) -> tuple[FaceMeasurement, ...] | None:
    """The face whose crop square is nearest to the frame, if close enough."""

    def distance(face_measurements: tuple[FaceMeasurement, ...]) -> float:
        return float(np.max(np.abs(_frame_offset(face_measurements[0])) / _MAX_FRAME_OFFSET))

    best = min(faces, key=distance, default=None)
    return best if best is not None and distance(best) < 1.0 else None


def fit_correction(
    samples: Sequence[FaceSample], small_samples: Sequence[FaceSample]
) -> CorrectionEntry:
    """Ridge regression of the frame's position, relative to the square, on the face's shape.

    Fitted on generated pictures of FFHQ families, whose frame is the picture's own: ``samples`` at
    native size, and ``small_samples`` downscaled.
    """
    all_samples = [*samples, *small_samples]
    share = (
        SMALL_SAMPLE_SHARE / (1.0 - SMALL_SAMPLE_SHARE) * len(samples) / max(1, len(small_samples))
    )
    weights = family_weights([s.row for s in all_samples])
    weights[len(samples) :] *= share
    odd = np.array([s.face_measurements[0].pose_features.odd for s in all_samples])
    even = np.array([s.face_measurements[0].pose_features.even for s in all_samples])
    smallnesses = np.array(
        [[small_picture_weight(s.face_measurements[0].eye_distance_px)] for s in all_samples]
    )
    target = np.array(
        [_frame_from_square(_frame_offset(s.face_measurements[0])) for s in all_samples]
    )
    odd_slopes, _ = _fit_ridge(odd, target[:, [0, 3]], weights, centred=False)
    even_features = np.hstack([even, smallnesses * even, smallnesses])
    even_slopes, offset = _fit_ridge(even_features, target[:, [1, 2]], weights, centred=True)
    count = even.shape[1]
    odd, even, weights = odd[: len(samples)], even[: len(samples)], weights[: len(samples)]
    linear_even = even[:, :-_SQUARED_FEATURES]
    odd_white = _regularized_whitening((odd * weights[:, None]).T @ odd / weights.sum())
    centre = np.average(linear_even, axis=0, weights=weights)
    even_white = _regularized_whitening(np.cov(linear_even.T, aweights=weights))
    oddness = ((odd @ odd_white.T) ** 2).sum(1) + (
        ((linear_even - centre) @ even_white.T) ** 2
    ).sum(1)
    return CorrectionEntry(
        odd=_round_to_lists(odd_slopes),
        even=_round_to_lists(even_slopes[:count]),
        offset=_round_to_lists(offset),
        even_small=_round_to_lists(even_slopes[count : 2 * count]),
        offset_small=_round_to_lists(even_slopes[2 * count]),
        odd_whitening=_round_to_lists(odd_white),
        even_whitening=_round_to_lists(even_white),
        even_centre=_round_to_lists(centre),
        usual_oddness=float(f"{np.median(oddness):.6g}"),
    )


def fit_template(
    name: str,
    share: float,
    samples: Sequence[FaceSample],
    correction: PoseCorrection,
    shrink_towards: TemplateEntry | None = None,
) -> TemplateEntry:
    """A multivariate t over the corrected squares of one family (EM; freedom by likelihood).

    A family known through few collectors is spread ``shrink_towards`` a better known one: each
    collector counts once against two for that template, and the tails stay heavy.
    """
    points = np.array([mean_corrected_square(s.face_measurements, correction) for s in samples])
    variance_factors = np.array(
        [correction.atypicality(s.face_measurements[0].pose_features) for s in samples]
    )
    weights = family_weights([s.row for s in samples])
    mean, scale, freedom = max(
        (fit_t(points, weights, variance_factors, nu) for nu in _FREEDOM_GRID), key=lambda f: f[3]
    )[:3]
    if shrink_towards is not None:
        collector_count = len({s.row.collector for s in samples})
        scale = (collector_count * scale + 2.0 * np.array(shrink_towards.scale)) / (
            collector_count + 2.0
        )
        freedom = min(freedom, FEW_COLLECTORS_FREEDOM)
    eyes = np.median([unit_eyes(s.face_measurements[0]) for s in samples], axis=0)
    return TemplateEntry(
        name=name,
        share=share,
        freedom=freedom,
        mean=_round_to_lists(mean),
        scale=_round_to_lists(scale),
        eyes=_round_to_lists(eyes),
        pictures=len(samples),
    )


def fit_ordinary(points: FloatArray) -> OrdinaryEntry:
    """A Gaussian mixture over ordinary avatars' corrected squares and poses (n, 6).

    Two components are added for unseen pictures: another house style, and anything else.
    """
    mixture = SklearnMixture(
        _COMPONENT_COUNT,
        covariance_type="full",
        reg_covar=2e-5,
        n_init=3,
        max_iter=500,
        random_state=_SEED,
    ).fit(points)
    order = np.argsort(-mixture.weights_)
    extra_components = (
        (HOUSE_STYLE_WEIGHT, _HOUSE_STYLE_MEAN, np.diag(_HOUSE_STYLE_DEVIATION**2)),
        (_BROAD_WEIGHT, points.mean(axis=0), np.diag((2.0 * points.std(axis=0)) ** 2)),
    )
    remaining_weight = 1.0 - sum(weight for weight, _, _ in extra_components)
    return OrdinaryEntry(
        weights=_round_to_lists(
            np.append(
                mixture.weights_[order] * remaining_weight, [w for w, _, _ in extra_components]
            )
        ),
        means=_round_to_lists(
            np.vstack([mixture.means_[order], *(m for _, m, _ in extra_components)])
        ),
        covariances=_round_to_lists(
            np.concatenate([mixture.covariances_[order], [c for _, _, c in extra_components]])
        ),
        pictures=len(points),
    )


def fit_noise(differences: FloatArray, eye_distances_px: FloatArray) -> NoiseEntry:
    """Variance = floor + per_px ÷ d² of ``differences`` (n, 4) around zero, both at least zero."""
    inverse = 1.0 / eye_distances_px**2
    bands = _size_bands(eye_distances_px)
    x = np.array([inverse[b].mean() for b in bands])
    # Robust within a band: a misplaced face at 48 px says nothing about the noise of the others.
    y = np.array([(1.4826 * np.median(np.abs(differences[b]), axis=0)) ** 2 for b in bands])
    design = np.stack([np.ones_like(x), x / x.max()], axis=1)
    # Relative errors: a band of large pictures with little noise counts as much as a noisy one.
    coefficients = np.array([nnls(design / v[:, None], np.ones_like(v))[0] for v in y.T])
    return NoiseEntry(
        floor=_round_to_lists(coefficients[:, 0]),
        per_px=_round_to_lists(coefficients[:, 1] / x.max()),
    )


def _size_bands(eye_distances_px: FloatArray) -> list[FloatArray]:
    """Indices by size, in eight bands of equal number."""
    out: list[FloatArray] = np.array_split(np.argsort(eye_distances_px, kind="stable"), 8)
    return out


def mean_corrected_square(
    face_measurements: tuple[FaceMeasurement, ...], correction: PoseCorrection
) -> FloatArray:
    """The corrected square in the picture's own frame, mean of all measurements: (4,)."""
    out: FloatArray = np.mean([correct_square(s, correction) for s in face_measurements], axis=0)
    return out


def density_features(
    face_measurements: tuple[FaceMeasurement, ...], correction: PoseCorrection
) -> FloatArray:
    """Features of the density of ordinary avatars: corrected square and pose, (6,)."""
    return np.append(
        mean_corrected_square(face_measurements, correction), median_pose(face_measurements)
    )


def correct_square(face_measurement: FaceMeasurement, correction: PoseCorrection) -> FloatArray:
    """The corrected square in the picture's own frame: (4,)."""
    shift = correction(face_measurement.pose_features, face_measurement.eye_distance_px)
    return apply_correction(face_measurement.candidate_frames[0].alignment, shift)


def unit_eyes(face_measurement: FaceMeasurement) -> FloatArray:
    """Iris centres in unit coordinates of the picture's own frame, (2, 2)."""
    frame = face_measurement.candidate_frames[0].frame
    out: FloatArray = (face_measurement.eyes - [frame.left, frame.top]) / [
        frame.width,
        frame.height,
    ]
    return out


def family_weights(rows: Sequence[ManifestRow]) -> FloatArray:
    """Weights (n,), mean 1, by ``FAMILY_WEIGHTS``."""
    counts = Counter(r.kind for r in rows)
    raw = np.array([FAMILY_WEIGHTS.get(r.kind, 1.0) / counts[r.kind] for r in rows])
    out: FloatArray = raw / raw.mean()
    return out


def _frame_offset(face_measurement: FaceMeasurement) -> FloatArray:
    """The uncorrected square in the picture's own frame, as an offset from that frame: (4,)."""
    return np.array(face_measurement.candidate_frames[0].alignment.vector()) - [0.5, 0.5, 0.0, 0.0]


def _frame_from_square(offset: FloatArray) -> FloatArray:
    """The frame in the square's own coordinates: (x, y, ln side, roll)."""
    side, cos, sin = math.exp(offset[2]), math.cos(offset[3]), math.sin(offset[3])
    x, y = -offset[:2]
    return np.array(
        [(cos * x + sin * y) / side, (-sin * x + cos * y) / side, -offset[2], -offset[3]]
    )


def _fit_ridge(
    x: FloatArray, y: FloatArray, weights: FloatArray, *, centred: bool
) -> tuple[FloatArray, FloatArray]:
    """Slopes (p, q) and offset (q,); ``centred=False`` forces the offset to zero."""
    mean = np.average(x, axis=0, weights=weights) if centred else np.zeros(x.shape[1])
    spread = np.maximum(1e-9, np.sqrt(np.average((x - mean) ** 2, axis=0, weights=weights)))
    model = Ridge(alpha=RIDGE_ALPHA, fit_intercept=centred).fit(
        x / spread, y, sample_weight=weights
    )
    return model.coef_.T / spread[:, None], np.broadcast_to(model.intercept_, y.shape[1])


def _regularized_whitening(covariance: FloatArray) -> FloatArray:
    """The lower triangle W with W S Wᵀ = 1.

    The square is computed from some of the shape's own points, so a few features are linearly
    dependent: a ten-thousandth of the side, far below landmark noise, keeps the matrix invertible.
    """
    return whitening_matrix(covariance + 1e-8 * np.eye(len(covariance)))


def _round_to_lists(values: FloatArray) -> list:  # type: ignore[type-arg]
    """Nested lists of eight significant digits: exact enough, readable in a diff."""
    return np.vectorize(lambda v: float(f"{v:.8g}"))(values).tolist()  # type: ignore[no-any-return]
