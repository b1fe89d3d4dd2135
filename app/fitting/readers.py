"""Brings what two networks say to one scale.

Held out, a picture is read by the network that did not see its half (``held_out``). The two were
trained apart, and one may call everything a little more generated than the other, more so on
small pictures. That is no property of the pictures: two numbers a check even it out. They are
fitted on all pictures, and say nothing of any one collector.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from sklearn.linear_model import LogisticRegression

from app.checks import CHECKS
from app.density import FloatArray
from app.evidence import Check, Reading, Unmeasurable
from app.fitting.measure import Measured
from app.fitting.shares import importances, takes_part
from app.scales.measures import SIZE

WITNESS: Final = "witness"
"""The measure that comes from a network."""
_LEAST_SLOPE: Final = 0.05


@dataclass(frozen=True)
class Evening:
    """By check: how much further up the second network reads, and that by ``ln_side``; log odds."""

    gaps: Mapping[str, tuple[float, float]]

    def __call__(self, measured: Measured) -> Measured:
        """``measured`` as a network between the two would have read it."""
        if not self.gaps:
            return measured
        side = 0.5 if measured.reader == 1 else -0.5
        return replace(
            measured,
            testimonies=tuple(
                tuple((check, self._evened(check, found, side)) for check, found in testimony)
                for testimony in measured.testimonies
            ),
        )

    def _evened(
        self, check: Check, found: Reading | Unmeasurable, side: float
    ) -> Reading | Unmeasurable:
        if isinstance(found, Unmeasurable) or check.name not in self.gaps:
            return found
        constant, by_size = self.gaps[check.name]
        shift = -side * (constant + by_size * found.measures[SIZE])
        measures = {**found.measures, WITNESS: found.measures[WITNESS] + shift}
        return replace(found, measures=measures, value=found.value + shift)


def fit_evening(seen: Sequence[Measured]) -> Evening:
    """What evens the two networks that read ``seen``; nothing to do where there was one."""
    if len({m.reader for m in seen}) < 2:
        return Evening({})
    return Evening({c.name: gap for c in CHECKS if (gap := _gap(c, seen)) is not None})


def _gap(check: Check, seen: Sequence[Measured]) -> tuple[float, float] | None:
    """From a logistic regression on the witness and the size, with and by the reader."""
    found = [
        (m, reading.measures)
        for m in seen
        if takes_part(m.row)
        for testimony in m.testimonies
        for one, reading in testimony
        if one.name == check.name and isinstance(reading, Reading) and WITNESS in reading.measures
    ]
    made = np.array([m.row.generated for m, _ in found])
    if len({(m.reader, m.row.generated) for m, _ in found}) < 4:
        return None
    witness, size = (np.array([x[name] for _, x in found]) for name in (WITNESS, SIZE))
    side = np.array([0.5 if m.reader == 1 else -0.5 for m, _ in found])
    columns: FloatArray = np.stack([witness, size, witness * size, side, side * size], axis=1)
    # Each network's pictures weigh alike on both sides: who read more generated ones says nothing.
    weights = np.zeros(len(found))
    for part in (side > 0.0, side < 0.0):
        weights[part] = importances(
            [m.row for (m, _), mine in zip(found, part, strict=True) if mine]
        )
    fitted = LogisticRegression(C=1.0, max_iter=2000).fit(columns, made, sample_weight=weights)
    slope = max(float(fitted.coef_[0][0]), _LEAST_SLOPE)
    # The more one network's pictures need to be lifted, the lower it reads.
    return -float(fitted.coef_[0][3]) / slope, -float(fitted.coef_[0][4]) / slope
