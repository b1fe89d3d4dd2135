"""Bootstrap uncertainty of the pixel checks' weights: refits on resampled collectors."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Final

import numpy as np

from app.arrays import FloatArray
from app.calibration.file import CheckEntry, FusionEntry
from app.calibration.fusion import Fusion, PixelLine, build_fusion
from app.training.calibration.alignment import spread_by_band
from app.training.calibration.fusion import (
    PixelLlrs,
    build_scales,
    fit_pixel_checks,
    pixel_check_names,
    weigh_checks,
)
from app.training.calibration.measurements import MeasuredCorpus

BOOTSTRAP_COUNT: Final = 12
_SEED: Final = 20261125
_PROBE_STRIDE: Final = 7
_LINES: Final = ("ordinary", "framed")
"""The fusion's two lines, which get an uncertainty like the checks."""


def with_uncertainty(
    measured_corpus: MeasuredCorpus, checks: Mapping[str, CheckEntry], fusion_entry: FusionEntry
) -> tuple[dict[str, CheckEntry], FusionEntry]:
    """The entries with the spread of each llr over ``BOOTSTRAP_COUNT`` refits."""
    rng = np.random.default_rng(_SEED)
    collectors = sorted({m.row.collector for m in measured_corpus.native})
    draws = [
        Counter(str(c) for c in rng.choice(collectors, len(collectors)))
        for _ in range(BOOTSTRAP_COUNT)
    ]
    runs = [run for draw_counts in draws if (run := refit_llrs(measured_corpus, draw_counts))]
    tables = {
        name: spread_by_band(drop_unmeasured(np.array([run[name] for run in runs])))
        for name in (*pixel_check_names(), *_LINES)
    }
    updated = {
        name: entry.model_copy(update={"uncertainty": tables[name]}) if name in tables else entry
        for name, entry in checks.items()
    }
    lines = {
        name: getattr(fusion_entry, name).model_copy(update={"uncertainty": tables[name]})
        for name in _LINES
    }
    return updated, fusion_entry.model_copy(update=lines)


def refit_llrs(
    measured_corpus: MeasuredCorpus, draw_counts: Mapping[str, int]
) -> dict[str, list[float]]:
    """llr of the probes by check and by line, from a refit on resampled collectors.

    ``draw_counts``: how often each collector was drawn. Empty if one class was not drawn at all.
    """
    resampled = measured_corpus.resample(lambda row: draw_counts.get(row.collector, 0))
    if len({m.row.is_generated for m in resampled.pixel_pictures}) < 2:
        return {}
    names = pixel_check_names()
    entries, fusion_entry = fit_pixel_checks(resampled.pixel_pictures)
    scales, fusion = build_scales(entries), build_fusion(fusion_entry)
    probes = [
        weigh_checks(m.row, t, scales, names)
        for m in measured_corpus.pixel_pictures[::_PROBE_STRIDE]
        for t in m.faces
    ]
    by_check = {name: [probe.llrs.get(name, math.nan) for probe in probes] for name in names}
    by_line = {
        name: [_line_llr(fusion, line, probe) for probe in probes]
        for name, line in zip(_LINES, (fusion.ordinary, fusion.framed), strict=True)
    }
    return by_check | by_line


def _line_llr(fusion: Fusion, line: PixelLine, probe: PixelLlrs) -> float:
    pixels = fusion.pixel_llr(probe.llrs)
    return math.nan if pixels is None else line.llr(pixels, probe.side_px, probe.llrs)


def drop_unmeasured(runs: FloatArray) -> FloatArray:
    """Without the columns of probes that could not be measured."""
    out: FloatArray = runs[:, np.isfinite(runs).all(axis=0)]
    return out
