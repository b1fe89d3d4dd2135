"""Made-up testimony: what checks might have measured, written down instead of looked at."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from app.analysis.face_result import Measurements
from app.arrays import FloatArray
from app.evidence import Check, Reading, Reason, Unmeasurable
from app.face.portrait import Portrait
from app.training.corpus import ManifestRow
from app.training.measure import MeasuredPicture


def _fail_measure(portrait: Portrait) -> Reading:
    raise AssertionError("nothing is measured here")


def make_check(name: str, version: int = 1) -> Check:
    return Check(name, version, "unit", "made up", _fail_measure)


TEXTURE, TEETH, STAMP = make_check("texture", 3), make_check("teeth"), make_check("stamp", 2)
CHECKS_BY_NAME = {check.name: check for check in (TEXTURE, TEETH, STAMP)}


def generated_row(
    kind: str = "stylegan2", source: str = "maker", path: str = "made.jpg"
) -> ManifestRow:
    return ManifestRow(path, "generated", kind, source)


def real_row(kind: str = "avatar", source: str = "people", path: str = "real.jpg") -> ManifestRow:
    return ManifestRow(path, "real", kind, source)


def measured_face(**measures: Mapping[str, float] | None) -> Measurements:
    """What each check, by name, measured on one face; ``None``: it could not."""
    return tuple(
        (
            CHECKS_BY_NAME[name],
            Unmeasurable(Reason.TOO_SMALL) if values is None else Reading(0.0, measures=values),
        )
        for name, values in measures.items()
    )


def measured_picture(row: ManifestRow, *faces: Measurements, side_px: int = 400) -> MeasuredPicture:
    return MeasuredPicture(row, faces, 1.0, side_px=side_px)


def network_measures(score: float, ln_side: float = 0.5) -> dict[str, float]:
    return {"witness": score, "ln_side": ln_side}


def two_gaussians(
    mean: float, sd: float, count: int, seed: int = 0
) -> tuple[FloatArray, FloatArray]:
    """Values of generated ones about ``mean`` and of real ones about −``mean``.

    Quantiles in a random order rather than draws: the sample is as normal as a sample can be.
    """
    rng = np.random.default_rng(seed)
    draws = np.sort(rng.normal(0.0, 1.0, (2, 400 * count)), axis=1)
    quantiles = draws.reshape(2, count, 400).mean(axis=2)
    generated, real = (rng.permutation(q) for q in quantiles)
    return mean + sd * generated, -mean + sd * real
