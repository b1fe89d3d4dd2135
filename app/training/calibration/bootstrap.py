"""How sure the pixel checks' weights are: fitted again on collectors drawn with replacement."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Final

import numpy as np

from app.calibration.densities import FloatArray
from app.calibration.file import Entry, FusionEntry
from app.calibration.fusion import fusion
from app.training.calibration.alignment import spread_by_band
from app.training.calibration.fusion import fit_pixels, pixel_checks, scales, weights_of
from app.training.calibration.measurements import Seen

BOOTSTRAPS: Final = 12
_SEED: Final = 20261125
_PROBES_APART: Final = 7
_TOTAL: Final = ""


def with_uncertainty(
    seen: Seen, checks: Mapping[str, Entry], fused: FusionEntry
) -> tuple[dict[str, Entry], FusionEntry]:
    """``checks`` and ``fused`` with the spread of each llr over ``BOOTSTRAPS`` refits."""
    rng = np.random.default_rng(_SEED)
    collectors = sorted({m.row.collector for m in seen.native})
    draws = [
        Counter(str(c) for c in rng.choice(collectors, len(collectors))) for _ in range(BOOTSTRAPS)
    ]
    runs = [run for drawn in draws if (run := llrs_of(seen, drawn))]
    tables = {
        name: spread_by_band(measured_only(np.array([run[name] for run in runs])))
        for name in (*pixel_checks(), _TOTAL)
    }
    moved = {
        name: entry.model_copy(update={"uncertainty": tables[name]}) if name in tables else entry
        for name, entry in checks.items()
    }
    return moved, fused.model_copy(update={"uncertainty": tables[_TOTAL]})


def llrs_of(seen: Seen, drawn: Mapping[str, int]) -> dict[str, list[float]]:
    """llr of the probes by check, and together, as fitted on collectors ``drawn`` so often.

    Empty if the draw left out all of one side.
    """
    again = seen.repeated(lambda row: drawn.get(row.collector, 0))
    if len({m.row.generated for m in again.pixels}) < 2:
        return {}
    names = pixel_checks()
    fitted, fused = fit_pixels(again.pixels)
    weighing, total = scales(fitted), fusion(fused)
    probes = [t for m in seen.pixels[::_PROBES_APART] for t in m.testimonies]
    found = [weights_of(t, weighing, names) for t in probes]
    by_check = {name: [f.get(name, math.nan) for f in found] for name in names}
    together = [total.pixels(f) for f in found]
    return by_check | {_TOTAL: [math.nan if llr is None else llr for llr in together]}


def measured_only(runs: FloatArray) -> FloatArray:
    """The columns of the probes that could be measured."""
    out: FloatArray = runs[:, np.isfinite(runs).all(axis=0)]
    return out
