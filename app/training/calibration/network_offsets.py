"""Removes the offsets between the scores of several networks.

Held out, a picture is read by the network that was not trained on its split
(``held_out_networks``). The networks were trained separately, and one may score everything higher
than another, more so on small pictures. Two numbers per network and check correct this.

They are fitted on the collectors whose pictures were distributed over all networks at random:
there, differences come from the networks. Differences between whole collectors may be real, and
correcting those would raise the scores of difficult collectors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from sklearn.linear_model import LogisticRegression

from app.arrays import FloatArray
from app.calibration.logistic_scale import SIZE_MEASURE
from app.checks import CHECKS
from app.evidence import Check, Reading, Unmeasurable
from app.training.calibration.logistic import collect_samples
from app.training.calibration.sample_weights import compute_sample_weights
from app.training.measure import MeasuredPicture

NETWORK_MEASURE: Final = "witness"
"""The measure that comes from a network."""
_MIN_SLOPE: Final = 0.05

NetworkOffset = tuple[float, float]
"""Added to the network's log odds, and its slope by ``ln_side``."""


@dataclass(frozen=True)
class OffsetCorrection:
    """``offsets``: by check, then by network index. They sum to 0 over the networks."""

    offsets: Mapping[str, Mapping[int, NetworkOffset]]

    def __call__(self, measured: MeasuredPicture) -> MeasuredPicture:
        """``measured`` with its network's offset removed."""
        if not self.offsets:
            return measured
        return replace(
            measured,
            faces=tuple(
                tuple(
                    (check, self._correct_reading(check, reading, measured.network_index))
                    for check, reading in measurements
                )
                for measurements in measured.faces
            ),
        )

    def _correct_reading(
        self, check: Check, reading: Reading | Unmeasurable, network_index: int
    ) -> Reading | Unmeasurable:
        if isinstance(reading, Unmeasurable) or check.name not in self.offsets:
            return reading
        constant, by_size = self.offsets[check.name].get(network_index, (0.0, 0.0))
        offset = constant + by_size * reading.measures[SIZE_MEASURE]
        measures = {**reading.measures, NETWORK_MEASURE: reading.measures[NETWORK_MEASURE] + offset}
        return replace(reading, measures=measures, value=reading.value + offset)


def fit_offset_correction(pictures: Sequence[MeasuredPicture]) -> OffsetCorrection:
    """The offsets between the networks that read ``pictures``; empty where there was one."""
    network_indices = {m.network_index for m in pictures}
    if len(network_indices) < 2:
        return OffsetCorrection({})
    networks_by_source: dict[str, set[int]] = {}
    for m in pictures:
        networks_by_source.setdefault(m.row.source, set()).add(m.network_index)
    shared_pictures = [m for m in pictures if networks_by_source[m.row.source] == network_indices]
    offsets_by_check = {
        c.name: _fit_offsets(c, shared_pictures, sorted(network_indices)) for c in CHECKS
    }
    return OffsetCorrection(
        {name: offsets for name, offsets in offsets_by_check.items() if offsets}
    )


def _fit_offsets(
    check: Check, pictures: Sequence[MeasuredPicture], network_indices: Sequence[int]
) -> dict[int, NetworkOffset]:
    """Offsets from a logistic regression on the score, the size and the network index.

    Empty unless every network read some generated and some real pictures.
    """
    samples_by_network = [
        [
            sample
            for sample in collect_samples(
                check, [m for m in pictures if m.network_index == network_index]
            )
            if NETWORK_MEASURE in sample.measures
        ]
        for network_index in network_indices
    ]
    if any(
        len({s.row.is_generated for s in network_samples}) < 2
        for network_samples in samples_by_network
    ):
        return {}
    samples = [s for network_samples in samples_by_network for s in network_samples]
    labels = np.array([s.row.is_generated for s in samples])
    scores, sizes = (
        np.array([s.measures[name] for s in samples]) for name in (NETWORK_MEASURE, SIZE_MEASURE)
    )
    network_columns: FloatArray = np.repeat(
        np.eye(len(network_indices)),
        [len(network_samples) for network_samples in samples_by_network],
        axis=0,
    )
    shared = np.stack([scores, sizes, scores * sizes], axis=1)
    columns = np.concatenate([shared, network_columns, network_columns * sizes[:, None]], axis=1)
    # Each network's generated and real pictures weigh the same, however many it read.
    weights = np.concatenate(
        [
            compute_sample_weights([s.row for s in network_samples])
            for network_samples in samples_by_network
        ]
    )
    model = LogisticRegression(C=1.0, max_iter=2000).fit(columns, labels, sample_weight=weights)
    # The more a network's scores must be raised, the lower it scores.
    slope = max(float(model.coef_[0][0]), _MIN_SLOPE)
    offsets = model.coef_[0][len(shared[0]) :].reshape(2, len(network_indices)) / slope
    offsets = offsets - offsets.mean(axis=1, keepdims=True)
    return {
        network_index: (float(a), float(b))
        for network_index, a, b in zip(network_indices, *offsets, strict=True)
    }
