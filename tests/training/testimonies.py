"""Made-up testimony: what checks might have measured, written down instead of looked at."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from app.analysis.analyze import Testimony
from app.evidence import Check, Reading, Reason, Unmeasurable
from app.face.face import FloatArray
from app.face.portrait import Portrait
from app.training.corpus import Row
from app.training.measure import Measured


def _never(portrait: Portrait) -> Reading:
    raise AssertionError("nothing is measured here")


def a_check(name: str, version: int = 1) -> Check:
    return Check(name, version, "unit", "made up", _never)


TEXTURE, TEETH, STAMP = a_check("texture", 3), a_check("teeth"), a_check("stamp", 2)
BY_NAME = {check.name: check for check in (TEXTURE, TEETH, STAMP)}


def made(kind: str = "stylegan2", source: str = "maker", path: str = "made.jpg") -> Row:
    return Row(path, "generated", kind, source)


def real(kind: str = "avatar", source: str = "people", path: str = "real.jpg") -> Row:
    return Row(path, "real", kind, source)


def face(**measures: Mapping[str, float] | None) -> Testimony:
    """What each check, by name, measured on one face; ``None``: it could not."""
    return tuple(
        (
            BY_NAME[name],
            Unmeasurable(Reason.TOO_SMALL) if found is None else Reading(0.0, measures=found),
        )
        for name, found in measures.items()
    )


def seen(row: Row, *faces: Testimony, side_px: int = 400) -> Measured:
    return Measured(row, faces, 1.0, side_px=side_px)


def looked(witness: float, ln_side: float = 0.5) -> dict[str, float]:
    return {"witness": witness, "ln_side": ln_side}


def two_bells(mean: float, sd: float, count: int, seed: int = 0) -> tuple[FloatArray, FloatArray]:
    """Values of generated ones about ``mean`` and of real ones about −``mean``.

    Quantiles in a random order rather than draws: the sample is as normal as a sample can be.
    """
    rng = np.random.default_rng(seed)
    draws = np.sort(rng.normal(0.0, 1.0, (2, 400 * count)), axis=1)
    quantiles = draws.reshape(2, count, 400).mean(axis=2)
    one, other = (rng.permutation(q) for q in quantiles)
    return mean + sd * one, -mean + sd * other
