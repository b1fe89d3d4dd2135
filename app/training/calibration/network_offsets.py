"""Brings what several networks say to one scale.

Held out, a picture is read by the network that did not see its part (``held_out``). The networks
were trained apart, and one may call everything a little more generated than another, more so on
small pictures. That is no property of the pictures: two numbers a network and check even it out.

They are fitted on the collectors whose pictures were dealt out to all networks by chance. What
these differ by from network to network is the networks' doing; what whole collectors differ by may
be their own, and evening that out would lift the hard ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from sklearn.linear_model import LogisticRegression

from app.calibration.densities import FloatArray
from app.calibration.logistic_scale import SIZE
from app.checks import CHECKS
from app.evidence import Check, Reading, Unmeasurable
from app.training.calibration.logistic import samples_of
from app.training.calibration.sample_weights import importances
from app.training.measure import Measured

WITNESS: Final = "witness"
"""The measure that comes from a network."""
_LEAST_SLOPE: Final = 0.05

Shift = tuple[float, float]
"""What is added to a witness, and that by ``ln_side``; log odds."""


@dataclass(frozen=True)
class Evening:
    """``shifts``: by check, then by reader. They sum to 0 over the readers."""

    shifts: Mapping[str, Mapping[int, Shift]]

    def __call__(self, measured: Measured) -> Measured:
        """``measured`` as a network amid all of them would have read it."""
        if not self.shifts:
            return measured
        return replace(
            measured,
            testimonies=tuple(
                tuple(
                    (check, self._evened(check, found, measured.reader))
                    for check, found in testimony
                )
                for testimony in measured.testimonies
            ),
        )

    def _evened(
        self, check: Check, found: Reading | Unmeasurable, reader: int
    ) -> Reading | Unmeasurable:
        if isinstance(found, Unmeasurable) or check.name not in self.shifts:
            return found
        constant, by_size = self.shifts[check.name].get(reader, (0.0, 0.0))
        shift = constant + by_size * found.measures[SIZE]
        measures = {**found.measures, WITNESS: found.measures[WITNESS] + shift}
        return replace(found, measures=measures, value=found.value + shift)


def fit_evening(seen: Sequence[Measured]) -> Evening:
    """What evens the networks that read ``seen``; nothing to do where there was one."""
    readers = {m.reader for m in seen}
    if len(readers) < 2:
        return Evening({})
    read_by: dict[str, set[int]] = {}
    for m in seen:
        read_by.setdefault(m.row.source, set()).add(m.reader)
    dealt = [m for m in seen if read_by[m.row.source] == readers]
    fitted = {c.name: _shifts(c, dealt, sorted(readers)) for c in CHECKS}
    return Evening({name: shifts for name, shifts in fitted.items() if shifts})


def _shifts(check: Check, seen: Sequence[Measured], readers: Sequence[int]) -> dict[int, Shift]:
    """From a logistic regression on the witness and the size, with and by the reader.

    Nothing unless every reader read some of either side.
    """
    read = [
        [
            sample
            for sample in samples_of(check, [m for m in seen if m.reader == reader])
            if WITNESS in sample.measures
        ]
        for reader in readers
    ]
    if any(len({s.row.generated for s in own}) < 2 for own in read):
        return {}
    samples = [s for own in read for s in own]
    made = np.array([s.row.generated for s in samples])
    witness, size = (np.array([s.measures[name] for s in samples]) for name in (WITNESS, SIZE))
    mine: FloatArray = np.repeat(np.eye(len(readers)), [len(own) for own in read], axis=0)
    shared = np.stack([witness, size, witness * size], axis=1)
    columns = np.concatenate([shared, mine, mine * size[:, None]], axis=1)
    # Each network's pictures weigh alike on both sides: who read more generated ones says nothing.
    weights = np.concatenate([importances([s.row for s in own]) for own in read])
    fitted = LogisticRegression(C=1.0, max_iter=2000).fit(columns, made, sample_weight=weights)
    # The more one network's pictures need to be lifted, the lower it reads.
    slope = max(float(fitted.coef_[0][0]), _LEAST_SLOPE)
    lifts = fitted.coef_[0][len(shared[0]) :].reshape(2, len(readers)) / slope
    lifts = lifts - lifts.mean(axis=1, keepdims=True)
    return {reader: (float(a), float(b)) for reader, a, b in zip(readers, *lifts, strict=True)}
