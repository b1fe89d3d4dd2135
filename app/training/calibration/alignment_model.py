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

from app.calibration.alignment_model import PoseCorrection, apply_correction, pose_of, smallness
from app.calibration.densities import FloatArray, whitening
from app.calibration.file import CorrectionEntry, NoiseEntry, OrdinaryEntry, TemplateEntry
from app.face.portrait import Sighting
from app.training.calibration.student_t import fit_t
from app.training.corpus import Row

RIDGE: Final = 3.0
SMALL_SHARE: Final = 0.25
"""Weight of small pictures among those that the correction is fitted on."""
_SQUARED: Final = 2
"""The last even numbers of a shape are squares: they correct, but have no say in oddness."""
# Generators differ in number of pictures by fifty; each counts by how it may be met instead.
FAMILY_WEIGHT: Final[Mapping[str, float]] = {
    "stylegan1": 0.20,
    "stylegan2": 0.45,
    "stylegan2_watermarked": 0.05,
    "stylegan3": 0.20,
    "stylegan2_psi1": 0.10,
}
FEW_COLLECTORS_FREEDOM: Final = 4.0
STUDIO_SHARE: Final = 0.2
"""Prior share of studio portraits among the family's avatars; judgement."""
# Beyond this from the frame, a face in a generated picture is a bystander or a landmark failure.
_REACH: Final = np.array([0.06, 0.06, 0.30, 0.25])
_FREEDOMS: Final = (2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 8.0, 12.0, 30.0)
_COMPONENTS: Final = 16
# Every collector of headshots brings a house style of its own: frontal, level, centred, at one
# height and size. Those not yet seen get a component of their own, narrow where photographers and
# croppers centre, wide in height and size. (Centre x and y, ln side, roll, turn, nod; judgement,
# of the order of the spread within and between the house styles of the fit.)
HOUSE_STYLE_WEIGHT: Final = 0.08
_HOUSE_STYLE_MEAN: Final = np.array([0.5, 0.47, -0.1, 0.0, 0.0, 0.135])
_HOUSE_STYLE_DEVIATION: Final = np.array([0.012, 0.06, 0.3, 0.02, 0.014, 0.02])
# A broad component keeps the density of ordinary avatars from vanishing where few were seen.
_BROAD_WEIGHT: Final = 0.02
_SEED: Final = 20261123


@dataclass(frozen=True, eq=False)
class Sample:
    """One picture's sightings of its answering face."""

    row: Row
    sightings: tuple[Sighting, ...]


def nearest(faces: Sequence[tuple[Sighting, ...]]) -> tuple[Sighting, ...] | None:
    """Of a picture's faces the one whose square comes nearest to the frame, if within reach."""

    def distance(sightings: tuple[Sighting, ...]) -> float:
        return float(np.max(np.abs(_own(sightings[0])) / _REACH))

    best = min(faces, key=distance, default=None)
    return best if best is not None and distance(best) < 1.0 else None


def fit_correction(samples: Sequence[Sample], small: Sequence[Sample]) -> CorrectionEntry:
    """Ridge regression of the frame's place, seen from the square, on the face's shape.

    On generated pictures of FFHQ families, whose frame is known to be the picture's own: as they
    are, and ``small`` ones, in which height and size are guessed from less.
    """
    both = [*samples, *small]
    share = SMALL_SHARE / (1.0 - SMALL_SHARE) * len(samples) / max(1, len(small))
    weights = family_weights([s.row for s in both])
    weights[len(samples) :] *= share
    odd = np.array([s.sightings[0].shape.odd for s in both])
    even = np.array([s.sightings[0].shape.even for s in both])
    smallnesses = np.array([[smallness(s.sightings[0].eye_distance_px)] for s in both])
    target = np.array([_frame_from_square(_own(s.sightings[0])) for s in both])
    odd_slopes, _ = _ridge(odd, target[:, [0, 3]], weights, centred=False)
    wide = np.hstack([even, smallnesses * even, smallnesses])
    even_slopes, offset = _ridge(wide, target[:, [1, 2]], weights, centred=True)
    count = even.shape[1]
    odd, even, weights = odd[: len(samples)], even[: len(samples)], weights[: len(samples)]
    plain = even[:, :-_SQUARED]
    odd_white = _whitening((odd * weights[:, None]).T @ odd / weights.sum())
    centre = np.average(plain, axis=0, weights=weights)
    even_white = _whitening(np.cov(plain.T, aweights=weights))
    oddness = ((odd @ odd_white.T) ** 2).sum(1) + (((plain - centre) @ even_white.T) ** 2).sum(1)
    return CorrectionEntry(
        odd=_rounded(odd_slopes),
        even=_rounded(even_slopes[:count]),
        offset=_rounded(offset),
        even_small=_rounded(even_slopes[count : 2 * count]),
        offset_small=_rounded(even_slopes[2 * count]),
        odd_whitening=_rounded(odd_white),
        even_whitening=_rounded(even_white),
        even_centre=_rounded(centre),
        usual_oddness=float(f"{np.median(oddness):.6g}"),
    )


def fit_template(
    name: str,
    share: float,
    samples: Sequence[Sample],
    correction: PoseCorrection,
    towards: TemplateEntry | None = None,
) -> TemplateEntry:
    """A multivariate t over the corrected squares of one family (EM; freedom by likelihood).

    A family known through few collectors is spread ``towards`` a better known one: each collector
    counts once against two for that template, and the tails stay heavy.
    """
    points = np.array([corrected_mean(s.sightings, correction) for s in samples])
    stretch = np.array([correction.oddness(s.sightings[0].shape) for s in samples])
    weights = family_weights([s.row for s in samples])
    mean, scale, freedom = max(
        (fit_t(points, weights, stretch, nu) for nu in _FREEDOMS), key=lambda f: f[3]
    )[:3]
    if towards is not None:
        known = len({s.row.collector for s in samples})
        scale = (known * scale + 2.0 * np.array(towards.scale)) / (known + 2.0)
        freedom = min(freedom, FEW_COLLECTORS_FREEDOM)
    eyes = np.median([unit_eyes(s.sightings[0]) for s in samples], axis=0)
    return TemplateEntry(
        name=name,
        share=share,
        freedom=freedom,
        mean=_rounded(mean),
        scale=_rounded(scale),
        eyes=_rounded(eyes),
        pictures=len(samples),
    )


def fit_ordinary(points: FloatArray) -> OrdinaryEntry:
    """A Gaussian mixture over ordinary avatars' corrected squares and poses (n, 6).

    And two components for what was not seen: another house style, and anything else.
    """
    mixture = SklearnMixture(
        _COMPONENTS,
        covariance_type="full",
        reg_covar=2e-5,
        n_init=3,
        max_iter=500,
        random_state=_SEED,
    ).fit(points)
    order = np.argsort(-mixture.weights_)
    added = (
        (HOUSE_STYLE_WEIGHT, _HOUSE_STYLE_MEAN, np.diag(_HOUSE_STYLE_DEVIATION**2)),
        (_BROAD_WEIGHT, points.mean(axis=0), np.diag((2.0 * points.std(axis=0)) ** 2)),
    )
    rest = 1.0 - sum(weight for weight, _, _ in added)
    return OrdinaryEntry(
        weights=_rounded(np.append(mixture.weights_[order] * rest, [w for w, _, _ in added])),
        means=_rounded(np.vstack([mixture.means_[order], *(m for _, m, _ in added)])),
        covariances=_rounded(
            np.concatenate([mixture.covariances_[order], [c for _, _, c in added]])
        ),
        pictures=len(points),
    )


def fit_noise(differences: FloatArray, eye_distances_px: FloatArray) -> NoiseEntry:
    """Variance = floor + per_px ÷ d² of ``differences`` (n, 4) around zero, both at least zero."""
    inverse = 1.0 / eye_distances_px**2
    bands = _bands(eye_distances_px)
    x = np.array([inverse[b].mean() for b in bands])
    # Robust within a band: a face lost at 48 px says nothing of the noise of those found.
    y = np.array([(1.4826 * np.median(np.abs(differences[b]), axis=0)) ** 2 for b in bands])
    design = np.stack([np.ones_like(x), x / x.max()], axis=1)
    # Relative errors: a band of large pictures with little noise counts as much as a noisy one.
    solved = np.array([nnls(design / v[:, None], np.ones_like(v))[0] for v in y.T])
    return NoiseEntry(floor=_rounded(solved[:, 0]), per_px=_rounded(solved[:, 1] / x.max()))


def _bands(eye_distances_px: FloatArray) -> list[FloatArray]:
    """Indices by size, in eight bands of equal number."""
    out: list[FloatArray] = np.array_split(np.argsort(eye_distances_px, kind="stable"), 8)
    return out


def corrected_mean(sightings: tuple[Sighting, ...], correction: PoseCorrection) -> FloatArray:
    """The corrected square in the picture's own frame, mean of all sightings: (4,)."""
    out: FloatArray = np.mean([corrected(s, correction) for s in sightings], axis=0)
    return out


def place(sightings: tuple[Sighting, ...], correction: PoseCorrection) -> FloatArray:
    """What the density of ordinary avatars is over: corrected square and pose, (6,)."""
    return np.append(corrected_mean(sightings, correction), pose_of(sightings))


def corrected(sighting: Sighting, correction: PoseCorrection) -> FloatArray:
    """The corrected square in the picture's own frame: (4,)."""
    shift = correction(sighting.shape, sighting.eye_distance_px)
    return apply_correction(sighting.framings[0].alignment, shift)


def unit_eyes(sighting: Sighting) -> FloatArray:
    """Iris centres in unit coordinates of the picture's own frame, (2, 2)."""
    frame = sighting.framings[0].frame
    out: FloatArray = (sighting.eyes - [frame.left, frame.top]) / [frame.width, frame.height]
    return out


def family_weights(rows: Sequence[Row]) -> FloatArray:
    """Weights, mean 1, that give each generator its family's share."""
    counts = Counter(r.kind for r in rows)
    raw = np.array([FAMILY_WEIGHT.get(r.kind, 1.0) / counts[r.kind] for r in rows])
    out: FloatArray = raw / raw.mean()
    return out


def _own(sighting: Sighting) -> FloatArray:
    """The uncorrected square in the picture's own frame, as an offset from that frame: (4,)."""
    return np.array(sighting.framings[0].alignment.vector()) - [0.5, 0.5, 0.0, 0.0]


def _frame_from_square(offset: FloatArray) -> FloatArray:
    """Where the frame lies in the square's own coordinates: (x, y, ln side, roll)."""
    side, cos, sin = math.exp(offset[2]), math.cos(offset[3]), math.sin(offset[3])
    x, y = -offset[:2]
    return np.array(
        [(cos * x + sin * y) / side, (-sin * x + cos * y) / side, -offset[2], -offset[3]]
    )


def _ridge(
    x: FloatArray, y: FloatArray, weights: FloatArray, *, centred: bool
) -> tuple[FloatArray, FloatArray]:
    """Slopes (p, q) and offset (q,); ``centred=False`` forces the offset to zero."""
    mean = np.average(x, axis=0, weights=weights) if centred else np.zeros(x.shape[1])
    spread = np.maximum(1e-9, np.sqrt(np.average((x - mean) ** 2, axis=0, weights=weights)))
    fitted = Ridge(alpha=RIDGE, fit_intercept=centred).fit(x / spread, y, sample_weight=weights)
    return fitted.coef_.T / spread[:, None], np.broadcast_to(fitted.intercept_, y.shape[1])


def _whitening(covariance: FloatArray) -> FloatArray:
    """The lower triangle W with W S Wᵀ = 1.

    The square is made of some of the shape's own points, so a few numbers follow from others: a
    ten-thousandth of the side, far below landmark noise, keeps the matrix invertible.
    """
    return whitening(covariance + 1e-8 * np.eye(len(covariance)))


def _rounded(values: FloatArray) -> list:  # type: ignore[type-arg]
    """Nested lists of eight significant digits: exact enough, readable in a diff."""
    return np.vectorize(lambda v: float(f"{v:.8g}"))(values).tolist()  # type: ignore[no-any-return]
