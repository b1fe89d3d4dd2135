"""An evaluation's figures as pictures: ROC, Tippett, calibration, and rates by size and tone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from app.arrays import FloatArray
from app.evidence import Outcome
from app.training.calibration.sample_weights import ALIGNED_KINDS
from app.training.corpus import ORDINARY_KINDS
from app.training.evaluation.breakdowns import rates_by_size, rates_by_skin_tone
from app.training.evaluation.metrics import pav_llr
from app.training.evaluation.scoring import ScoredPicture

UNSCORED_LLR: Final = -np.inf
"""A picture without a score is never flagged."""
_POOLS: Final = {"ordinary avatars": ORDINARY_KINDS, "photographs in the frame": ALIGNED_KINDS}
_COLOURS: Final = {
    "generated": "#b3261e",
    "ordinary avatars": "#1f5fa8",
    "photographs in the frame": "#7a5c00",
}
_RATE_COLOURS: Final = {"generated": "#b3261e", "ordinary": "#1f5fa8", "framed": "#7a5c00"}
_SIZE_IN: Final = (6.4, 4.8)


def draw_plots(scores: Sequence[ScoredPicture], folder: Path) -> list[Path]:
    """Write the plots as PNG into ``folder``, which is made; those that have pictures to show."""
    generated = _llrs([s for s in scores if s.row.is_generated])
    pools = {name: _llrs([s for s in scores if s.row.kind in _POOLS[name]]) for name in _POOLS}
    pools = {name: llrs for name, llrs in pools.items() if len(llrs)}
    figures: dict[str, Figure] = {}
    if len(generated) and pools:
        figures["roc"] = _draw_roc(generated, pools)
        figures["tippett"] = _draw_tippett({"generated": generated, **pools})
        figures["calibration"] = _draw_calibration(generated, pools)
    for name, label, rates in (
        ("by_size", "longer side, px", rates_by_size(scores)),
        ("by_tone", "apparent skin tone (ITA of the cheeks)", rates_by_skin_tone(scores)),
    ):
        if rates:
            figures[name] = _draw_rates(rates, label)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, figure in figures.items():
        paths.append(folder / f"{name}.png")
        figure.savefig(paths[-1], dpi=120, metadata={"Software": None})
    return paths


def roc_points(generated: FloatArray, real: FloatArray) -> tuple[FloatArray, FloatArray]:
    """False-positive and recall rates at every threshold that a picture of ``real`` sets.

    From the lowest rate that they can show, one in all of them, up to 1.
    """
    thresholds = np.sort(real)[::-1]
    false_positives = np.arange(1, len(real) + 1) / len(real)
    recall = np.array([(generated > threshold).mean() for threshold in thresholds])
    return false_positives, recall


def _llrs(scores: Sequence[ScoredPicture]) -> FloatArray:
    return np.array([s.llr if s.outcome == Outcome.SCORED else UNSCORED_LLR for s in scores])


def _draw_roc(generated: FloatArray, pools: Mapping[str, FloatArray]) -> Figure:
    figure, axes = _new_figure("false-positive rate", "recall")
    for name, llrs in pools.items():
        label = f"{name} ({len(llrs):,})"
        axes.step(*roc_points(generated, llrs), where="post", label=label, **_style(name))
    axes.set_xscale("log")
    axes.set_xlim(right=1.0)
    axes.set_title(f"ROC of {len(generated):,} generated pictures against")
    axes.legend(loc="lower right")
    return figure


def _draw_tippett(pools: Mapping[str, FloatArray]) -> Figure:
    """The share of each pool above every llr."""
    figure, axes = _new_figure("llr", "share of pictures above")
    for name, llrs in pools.items():
        scored = np.sort(llrs[np.isfinite(llrs)])
        share = np.arange(len(scored), 0, -1) / len(llrs)
        axes.step(scored, share, where="pre", label=f"{name} ({len(llrs):,})", **_style(name))
    axes.axvline(0.0, color="#999999", linewidth=0.8)
    axes.set_title("Tippett plot")
    axes.legend(loc="center left")
    return figure


def _draw_calibration(generated: FloatArray, pools: Mapping[str, FloatArray]) -> Figure:
    """The llr that the pictures themselves give (pool adjacent violators) by the llr given."""
    figure, axes = _new_figure("llr as given", "llr after the best recalibration (PAV)")
    generated = generated[np.isfinite(generated)]
    for name, llrs in pools.items():
        real = llrs[np.isfinite(llrs)]
        given = np.concatenate([generated, real])
        if not len(generated) or not len(real):
            continue
        order = np.argsort(given)
        recalibrated = pav_llr(generated, real)[order]
        axes.plot(given[order], recalibrated, label=f"generated against {name}", **_style(name))
    low, high = axes.get_xlim()
    axes.plot([low, high], [low, high], color="#999999", linewidth=0.8, label="calibrated")
    axes.set_title("Calibration")
    axes.legend(loc="upper left")
    return figure


def _draw_rates(rates: Mapping[str, Mapping[str, Any]], label: str) -> Figure:
    """How many of each pool are called likely_stylegan, with the bound of each rate from above."""
    figure, axes = _new_figure(label, "called likely_stylegan")
    width = 0.8 / len(_RATE_COLOURS)
    for number, (pool, colour) in enumerate(_RATE_COLOURS.items()):
        for place, row in enumerate(rates.values()):
            cell = row[pool]
            if not cell["pictures"]:
                continue
            x = place + (number - 1) * width
            axes.bar(x, cell["rate"], width, color=colour)
            axes.plot([x, x], [cell["rate"], cell["upper_95"]], color="#333333", linewidth=1.0)
            axes.annotate(f"{cell['pictures']:,}", (x, 0.0), ha="center", va="top", fontsize=6)
    axes.set_xticks(range(len(rates)), list(rates))
    axes.tick_params(axis="x", pad=10)
    axes.set_title("Rates with their one-sided 95 % upper bounds; pictures below")
    handles = [Rectangle((0, 0), 1, 1, color=colour) for colour in _RATE_COLOURS.values()]
    axes.legend(handles, list(_RATE_COLOURS), loc="center right")
    return figure


def _new_figure(x_label: str, y_label: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=_SIZE_IN, layout="constrained")
    axes = figure.subplots()
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.grid(alpha=0.3)
    return figure, axes


def _style(name: str) -> dict[str, Any]:
    return {"color": _COLOURS[name], "linewidth": 1.4}
