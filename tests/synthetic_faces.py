"""Made-up faces, portraits and a small calibration: what the science is tested on without a model.

A face is made in its own units and then placed so that its crop square lies exactly where a test
wants it; the calibration corrects nothing and knows one round template, so that every number it
gives can be worked out by hand.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from app.arrays import FloatArray, RgbArray
from app.calibration.alignment_model import AlignmentModel, PoseCorrection, ShapeAtypicality
from app.calibration.alignment_scale import build_alignment_scale
from app.calibration.calibration import Calibration, parse_calibration
from app.calibration.file import (
    AlignmentEntry,
    CalibrationFile,
    CorrectionEntry,
    FittedOn,
    FusionEntry,
    LineEntry,
    LogisticEntry,
    NoiseEntry,
    OrdinaryEntry,
    SmallestEntry,
    StampEntry,
    TemplateEntry,
    ThresholdEntry,
)
from app.calibration.fusion import EYE_ALIGNMENT_NAME, STAMP_NAME
from app.checks.eye_alignment import CHECK as EYE_ALIGNMENT
from app.evidence import Check
from app.face.alignment import Box, crop_square
from app.face.face import LANDMARK_COUNT, MIRROR_INDEX, Face
from app.face.portrait import FaceMeasurement, PixelNetwork, Portrait
from app.face.pose import compute_pose_features
from app.image.picture import Picture
from app.networks.regions import Region

UNIT: Final = Box(0.0, 0.0, 1.0, 1.0)
TEMPLATE_MEAN: Final = (0.5, 0.5, 0.0, 0.0)
TEMPLATE_SDS: Final = (0.0014, 0.0014, 0.013, 0.0055)
"""Round numbers near what StyleGAN portraits scatter by."""

_LEFT_POINTS: Final[Mapping[int, tuple[float, float]]] = {
    468: (-0.50, 0.00),  # iris
    33: (-0.66, 0.02),  # eye corners
    133: (-0.33, 0.02),
    159: (-0.50, -0.06),  # lids
    145: (-0.50, 0.08),
    61: (-0.40, 1.15),  # mouth corner
    234: (-1.10, 0.45),  # cheek
    105: (-0.55, -0.30),  # brow
    48: (-0.22, 0.62),  # wing of the nose
    172: (-0.85, 1.30),  # jaw
}
_MIDLINE_POINTS: Final[Mapping[int, float]] = {
    1: 0.62, 168: 0.00, 152: 1.75, 10: -0.90, 0: 1.02, 17: 1.32, 13: 1.13, 14: 1.16, 2: 0.75,
}  # fmt: skip


def _mirror(points: FloatArray) -> FloatArray:
    return points[MIRROR_INDEX] * [-1.0, 1.0]


def symmetric_face() -> Face:
    """A frontal face that is its own mirror image about x = 0; irises 1 px apart."""
    points = np.random.default_rng(3).normal([0.0, 0.5], [0.6, 0.6], (LANDMARK_COUNT, 2))
    for left, position in _LEFT_POINTS.items():
        points[left] = position
        points[MIRROR_INDEX[left]] = (-position[0], position[1])
    for point, y in _MIDLINE_POINTS.items():
        points[point] = (0.0, y)
    return Face((points + _mirror(points)) / 2.0)


def perturbed_face(seed: int = 0, amount: float = 0.05) -> Face:
    """``symmetric_face`` with every landmark moved a little: no symmetry is left to hide behind."""
    points = symmetric_face().landmarks
    return Face(points + np.random.default_rng(seed).normal(0.0, amount, points.shape))


def transform_face(
    face: Face, scale: float = 1.0, turn_deg: float = 0.0, by: tuple[float, float] = (0.0, 0.0)
) -> Face:
    """``face`` under the similarity: scaled and turned (clockwise) about the origin, then moved."""
    angle = math.radians(turn_deg)
    cos, sin = math.cos(angle), math.sin(angle)
    return Face(scale * face.landmarks @ np.array([[cos, sin], [-sin, cos]]) + by)


def place_face(
    square: tuple[float, float, float, float], frame: Box = UNIT, face: Face | None = None
) -> Face:
    """``face`` moved to where its crop square is ``square``: (x, y, ln side, roll) of ``frame``."""
    face = face or symmetric_face()
    corners = crop_square(face)
    edge = corners[1] - corners[0]
    x, y, ln_side, roll = square
    side = math.exp(ln_side) * math.sqrt(frame.width * frame.height)
    turn_deg = math.degrees(roll - math.atan2(edge[1], edge[0]))
    turned = transform_face(face, side / math.hypot(*edge), turn_deg)
    goal = np.array([frame.left + x * frame.width, frame.top + y * frame.height])
    return transform_face(turned, by=tuple(goal - crop_square(turned).mean(axis=0)))


def flat_picture(width: int = 400, height: int = 400, level: int = 128) -> Picture:
    """One grey, nothing to trim."""
    return Picture(np.full((height, width, 3), level, dtype=np.uint8), "PNG", "ab" * 32)


PERSON_SIDE: Final = 48


class RegionNetwork:
    """Of a network that is asked for regions and persons alone."""

    def face_map(self, rgb: RgbArray) -> FloatArray:
        raise AssertionError(f"asked what the face of {rgb.shape} shows")


class ForbiddenNetwork(RegionNetwork):
    """A network that must not be asked: what is tested looks at no pixel."""

    def score_map(self, rgb: RgbArray) -> FloatArray:
        raise AssertionError(f"asked what {rgb.shape} shows")

    def person_mask(self, rgb: RgbArray) -> FloatArray:
        raise AssertionError(f"asked who is in {rgb.shape}")


@dataclass(frozen=True)
class ConstantNetwork:
    """A network that says ``log_odds`` of every place, and sees a person-shaped ellipse."""

    log_odds: float = 0.0

    def score_map(self, rgb: RgbArray) -> FloatArray:
        height, width = rgb.shape[:2]
        return np.full((len(Region), max(1, height // 16), max(1, width // 16)), self.log_odds)

    def face_map(self, rgb: RgbArray) -> FloatArray:
        out: FloatArray = self.score_map(rgb)[0]
        return out

    def person_mask(self, rgb: RgbArray) -> FloatArray:
        y, x = (np.mgrid[:PERSON_SIDE, :PERSON_SIDE] + 0.5) / PERSON_SIDE
        inside = ((x - 0.5) / 0.3) ** 2 + ((y - 0.6) / 0.5) ** 2 < 1.0
        return np.asarray(inside, dtype=np.float64)


def make_portrait(
    square: tuple[float, float, float, float] = TEMPLATE_MEAN,
    size: tuple[int, int] = (400, 400),
    face: Face | None = None,
    repeats: int = 0,
    network: PixelNetwork | None = None,
) -> Portrait:
    """A portrait in a flat picture whose crop square lies at ``square`` of the picture's frame."""
    placed_face = place_face(square, Box(0.0, 0.0, *map(float, size)), face)
    return Portrait(
        flat_picture(*size), placed_face, repeats=(placed_face,) * repeats, network=network
    )


def make_face_measurements(
    square: tuple[float, float, float, float] = TEMPLATE_MEAN,
    size: tuple[int, int] = (400, 400),
    face: Face | None = None,
    repeats: int = 0,
) -> tuple[FaceMeasurement, ...]:
    """The sightings of ``make_portrait``."""
    return make_portrait(square, size, face, repeats).face_measurements


def usual_distance() -> float:
    """What the shape of ``symmetric_face`` measures, unwhitened: it is this calibration's usual."""
    features = compute_pose_features(symmetric_face())
    return float(features.odd @ features.odd + features.even[:24] @ features.even[:24])


def make_correction_entry(**changes: Any) -> CorrectionEntry:
    """Corrects nothing; the symmetric face is the usual one."""
    entry: dict[str, Any] = {
        "odd": [[0.0, 0.0]] * 23,
        "even": [[0.0, 0.0]] * 26,
        "offset": [0.0, 0.0],
        "even_small": [[0.0, 0.0]] * 26,
        "offset_small": [0.0, 0.0],
        "odd_whitening": np.eye(23).tolist(),
        "even_whitening": np.eye(24).tolist(),
        "even_centre": [0.0] * 24,
        "usual_oddness": usual_distance(),
    }
    return CorrectionEntry(**entry | changes)


def make_template_entry(name: str = "ffhq", **changes: Any) -> TemplateEntry:
    """The FFHQ frame in round numbers."""
    entry: dict[str, Any] = {
        "name": name,
        "share": 1.0,
        "freedom": 5.0,
        "mean": list(TEMPLATE_MEAN),
        "scale": np.diag(np.square(TEMPLATE_SDS)).tolist(),
        "eyes": [[0.381, 0.477], [0.615, 0.477]],
        "pictures": 1000,
    }
    return TemplateEntry(**entry | changes)


def make_ordinary_entry() -> OrdinaryEntry:
    """Two broad clouds of avatars, posed like the symmetric face or a little turned."""
    turn, nod = compute_pose_features(symmetric_face()).pose
    return OrdinaryEntry(
        weights=[0.7, 0.3],
        means=[[0.5, 0.46, -0.3, 0.0, turn, nod], [0.5, 0.4, -0.8, 0.0, turn, nod]],
        covariances=[np.diag(np.square(sds)).tolist() for sds in _ORDINARY_SDS],
        pictures=3000,
    )


_ORDINARY_SDS: Final = (
    (0.06, 0.07, 0.3, 0.08, 0.06, 0.04),
    (0.12, 0.12, 0.5, 0.15, 0.12, 0.08),
)


def make_alignment_entry(**changes: Any) -> AlignmentEntry:
    """What the small calibration knows of ``eye_alignment``."""
    fields: dict[str, Any] = {
        "version": EYE_ALIGNMENT.version,
        "correction": make_correction_entry(),
        "templates": [make_template_entry()],
        "ordinary": make_ordinary_entry(),
        "resolution": NoiseEntry(floor=[0.0] * 4, per_px=[0.002, 0.002, 0.05, 0.01]),
        "jitter": NoiseEntry(floor=[1e-7, 1e-7, 4e-6, 1e-6], per_px=[1e-4, 1e-4, 4e-3, 1e-3]),
        "bounds": [-3.0, 3.0],
        "uncertainty": [[-9.0, 0.1], [9.0, 0.1]],
    }
    return AlignmentEntry(**fields | changes)


def make_logistic_entry(
    names: Sequence[str] = ("witness", "ln_side"), **changes: Any
) -> LogisticEntry:
    """A scale for ``names``: ln LR is the first one, whatever the size, and it is quite sure."""
    fields: dict[str, Any] = {
        "version": 1,
        "names": list(names),
        "centre": [0.0] * len(names),
        "scale": [1.0] * len(names),
        "weights": [1.0] + [0.0] * (len(names) - 1),
        "size_weights": [0.0] * len(names),
        "offset": 0.0,
        "bounds": [-2.0, 2.0],
        "uncertainty": [[-9.0, 0.1], [9.0, 0.1]],
        "figures": {"auc_400px": 0.9},
    }
    return LogisticEntry(**fields | changes)


def make_stamp_entry(**changes: Any) -> StampEntry:
    """A stamp that was read is worth 2.5."""
    fields: dict[str, Any] = {
        "version": 1,
        "hit_llr": 2.5,
        "interval": [2.4, 3.0],
        "bounds": [0.0, 2.5],
        "figures": {"real_pictures": 1000.0},
    }
    return StampEntry(**fields | changes)


def make_check_entries(
    checks: Iterable[Check], names: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    """An entry of its kind for each of ``checks``; ``names`` of the measures that each gives."""

    def make_entry(check: Check) -> AlignmentEntry | LogisticEntry | StampEntry:
        if check.name == EYE_ALIGNMENT_NAME:
            return make_alignment_entry(version=check.version)
        if check.name == STAMP_NAME:
            return make_stamp_entry(version=check.version)
        return make_logistic_entry(names.get(check.name, ("ln_side",)), version=check.version)

    return {check.name: make_entry(check) for check in checks}


def make_threshold_entry(verdict: str, llr: float) -> ThresholdEntry:
    return ThresholdEntry.model_validate(
        {
            "verdict": verdict,
            "llr": llr,
            "false_positive_rate": 0.0005,
            "false_positives": 1,
            "negatives": 2000,
            "upper_95": 0.0024,
            "true_positive_rate": 0.99,
            "positives": 1000,
            "meaning": "made up",
        }
    )


def make_eyes_only_fusion(
    *,
    ordinary: Sequence[float] = (1.0, 0.0),
    framed: Sequence[float] = (1.0, 0.0),
    ordinary_entry: LineEntry | None = None,
    framed_entry: LineEntry | None = None,
    uncertainty: list[list[float]] | None = None,
    **changes: Any,
) -> FusionEntry:
    """A fusion in which the eyes' llr is the total, as sure as they are.

    ``ordinary``, ``framed``: slope and offset of each line, ``uncertainty`` of both; or its entry.
    """
    table: dict[str, Any] = {} if uncertainty is None else {"uncertainty": uncertainty}
    fields: dict[str, Any] = {
        "framed_share": 0.0,
        "weights": {},
        "offset": 0.0,
        "sides_px": [200.0],
        "ordinary": ordinary_entry or make_line_entry(*ordinary, **table),
        "framed": framed_entry or make_line_entry(*framed, **table),
    }
    return FusionEntry(**fields | changes)


def make_line_entry(slope: float = 1.0, offset: float = 0.0, **changes: Any) -> LineEntry:
    """A line of one slope and offset at every size, of no uncertainty."""
    fields: dict[str, Any] = {
        "slopes": [slope],
        "offsets": [offset],
        "unmeasured": {},
        "bounds": [-9.0, 9.0],
        "uncertainty": [[-9.0, 0.0], [9.0, 0.0]],
        "pictures": [1000, 2000],
    }
    return LineEntry(**fields | changes)


def calibration_file(**changes: Any) -> CalibrationFile:
    """The small calibration as a file; ``changes`` replace its fields."""
    content: dict[str, Any] = {
        "format": 3,
        "fitted_on": FittedOn(manifest_sha256="0" * 64, pictures={"avatar": 3000}, collectors=3),
        "networks": {},
        "checks": {EYE_ALIGNMENT.name: make_alignment_entry()},
        "fusion": make_eyes_only_fusion(),
        "bounds": [-3.0, 3.0],
        "thresholds": [
            make_threshold_entry("likely_stylegan", 2.0),
            make_threshold_entry("unlikely_stylegan", -1.0),
        ],
        "smallest": SmallestEntry(
            eye_distance_px=5.0, false_positives=1, negatives=2000, upper_95=0.0024
        ),
        "figures": {"cllr": 0.1},
        "error_rates": [],
    }
    return CalibrationFile(**content | changes)


def small_calibration(
    for_checks: Sequence[Check] = (EYE_ALIGNMENT,), **changes: Any
) -> Calibration:
    """The small calibration as the service would load it, for ``for_checks``."""
    return parse_calibration(calibration_file(**changes).model_dump_json().encode(), for_checks)


def small_model(**changes: Any) -> AlignmentModel:
    """The alignment model of the small calibration; ``changes`` replace fields of its entry."""
    return build_alignment_scale(make_alignment_entry(**changes)).model


def random_correction(seed: int = 0) -> PoseCorrection:
    """A correction of small random slopes: it moves every face, and none by much."""
    rng = np.random.default_rng(seed)
    return PoseCorrection(
        odd=rng.normal(0.0, 0.01, (23, 2)),
        even=rng.normal(0.0, 0.003, (26, 2)),
        offset=np.array([0.002, -0.004]),
        even_small=rng.normal(0.0, 0.003, (26, 2)),
        offset_small=np.array([0.001, 0.003]),
        atypicality=ShapeAtypicality(np.eye(23), np.eye(24), np.zeros(24), usual_distance()),
    )
