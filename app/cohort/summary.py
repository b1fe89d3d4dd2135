"""What only a list can say, as the JSON object ``summarize_collected`` of a batch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import numpy as np

from app.cohort import account_stats, text
from app.cohort.collector import CohortCollector, CohortColumns, Float32Array
from app.cohort.concentration import measure_concentration
from app.cohort.duplicates import DuplicateGroups, group_duplicates
from app.cohort.parameters import CohortParameters, RateEntry, default_parameters
from app.cohort.prevalence import MixtureEstimate, ShareEstimate, estimate_mixture, even_llr
from app.cohort.template_density import is_near_frame
from app.records import ItemResult

CONCENTRATED_LOG10_P: Final = -6.0
"""A shared frame is called one below this p-value."""
MAX_DUPLICATE_GROUPS: Final = 100
MAX_GROUP_SEQS: Final = 100
MAX_NEAR_PICTURES: Final = 100_000
"""Pictures that the test looks at; of more, those with the lowest hashes stand for all."""
_HOUSE_STYLE_MIN_FACES: Final = 8
_HOUSE_STYLE_SPREAD: Final = (0.02, 0.05, 0.04)
"""Centre x, centre y and roll agree so well only where portraits follow one house style."""
_MAD_TO_SD: Final = 1.4826


def summarize_results(
    results: Iterable[ItemResult],
    *,
    prior: float,
    base_rate: float,
    parameters: CohortParameters | None = None,
) -> dict[str, Any]:
    """The cohort of a whole list; its order does not matter, and it is read once.

    ``prior``, ``base_rate``: the operator's, told beside the list's own. ``parameters``: those that
    ship, unless given.
    """
    parameters = default_parameters() if parameters is None else parameters
    collector = CohortCollector(parameters.concentration).extend(results)
    return summarize_collected(collector, prior=prior, base_rate=base_rate, parameters=parameters)


def summarize_collected(
    collector: CohortCollector, *, prior: float, base_rate: float, parameters: CohortParameters
) -> dict[str, Any]:
    """The same from what a collector holds."""
    columns = collector.columns()
    scored = columns.is_scored
    mixture = estimate_mixture(
        columns.ordinary[scored].astype(np.float64),
        columns.framed[scored].astype(np.float64),
        columns.is_likely[scored],
        parameters.prevalence,
    )
    groups = _find_duplicates(columns, parameters)
    summary: dict[str, Any] = {
        "counts": {
            "pictures": len(collector),
            "scored": int(scored.sum()),
            "unscored": {k: n for k, n in sorted(collector.outcomes.items()) if k != "scored"},
            "failed": dict(sorted(collector.failures.items())),
            "repeated": collector.repeated,
        },
        "likely": int(columns.is_likely.sum()),
        "prevalence": _round_share(mixture.generated)
        | {"pictures": _round_to_four_figures(float(mixture.posterior.sum()))},
        "shares": {
            "generated": _round_share(mixture.generated),
            "framed": _round_share(mixture.framed),
            "ordinary": _round_share(mixture.ordinary),
        },
        "expected_false_flags": _round_share(mixture.false_flags),
        "posterior": {
            "prevalence": _round_to_four_figures(mixture.generated.estimate),
            "even_llr": _round_to_milli(even_llr(mixture.generated.estimate)),
            "even_llr_at_prior": _round_to_milli(even_llr(prior)),
            "even_llr_at_base_rate": _round_to_milli(even_llr(base_rate)),
        },
        "concentration": _summarize_concentration(columns, mixture, parameters),
        "duplicates": _summarize_groups(columns, groups),
        "duplicates_total": {"groups": len(groups.members), "pictures": groups.picture_count},
        "templates": dict(sorted(collector.templates.items())),
        "transforms": dict(sorted(collector.transforms.items())),
        "accounts": account_stats.compare_accounts(collector.flagged, collector.rest),
    }
    return summary | {
        "summary": text.summary_sentences(summary),
        "caveats": text.caveat_sentences(summary),
    }


def _summarize_concentration(
    columns: CohortColumns, mixture: MixtureEstimate, parameters: CohortParameters
) -> dict[str, Any]:
    entry = parameters.concentration
    has_square = columns.is_scored & ~np.isnan(columns.squares[:, 0])
    on_template = columns.is_scored & (columns.eye_llr >= entry.on_template_llr)
    indices = _without_copies(columns, has_square & is_near_frame(columns.squares, entry))
    result = measure_concentration(columns.squares[indices].astype(np.float64), entry)
    scored = int(columns.is_scored.sum())
    return {
        # No p-value is given below those that were simulated.
        "p_value": 10.0 ** max(result.log10_p, CONCENTRATED_LOG10_P),
        "concentrated": result.log10_p < CONCENTRATED_LOG10_P,
        "observed": int(on_template.sum()),
        "expected": _round_to_four_figures(scored * entry.background.rate),
        "expected_at_most": _expected_at_most(scored, entry.background),
        "near": len(indices),
        "zoom": _round_to_milli(result.zoom),
        "looks": _summarize_pixels(columns.framed[on_template], mixture.among_framed),
        "house_style": _summarize_house_style(columns.squares[has_square]),
    }


def _expected_at_most(scored: int, background: RateEntry) -> float:
    """As many as the worst collector's rate, or the pooled one's bound, would bring."""
    return _round_to_four_figures(scored * max(background.upper_95, background.worst_collector))


def _without_copies(columns: CohortColumns, mask: np.ndarray[Any, np.dtype[np.bool_]]) -> Any:
    """Indices of ``mask`` without copies of a picture: one account's face proves one face."""
    indices = np.flatnonzero(mask)
    hashes = columns.hashes[indices]
    _, first = np.unique(hashes, axis=0, return_index=True)
    distinct = np.union1d(indices[first], indices[~hashes.any(axis=1)])
    if len(distinct) <= MAX_NEAR_PICTURES:
        return distinct
    # Which hashes are low has nothing to do with where the eyes lie, once they are mixed.
    mixed_hashes = columns.hashes[distinct].sum(axis=1) * np.uint64(0x9E3779B97F4A7C15)
    return np.sort(distinct[np.argsort(mixed_hashes, kind="stable")[:MAX_NEAR_PICTURES]])


def _summarize_pixels(framed: Float32Array, generated: ShareEstimate) -> dict[str, Any]:
    """What the pixels of those on the template say: generated ones, or photographs cut alike?

    ``framed``: the ratios of those pictures against photographs, 0 where no pixel check measured.
    ``generated``: the share of generated ones in the frame, as estimated with the list's shares.
    """
    low, high = generated.interval
    verdict = "generated" if low > 0.5 else "photographs" if high < 0.5 else "undecided"
    measured = framed[framed != 0.0]
    return {
        "pictures": len(framed),
        "measured": len(measured),
        "mean_llr": _round_to_milli(float(framed.mean())) if len(framed) else None,
        "generated_share": _round_to_four_figures(generated.estimate) if len(framed) else None,
        "interval": [_round_to_four_figures(low), _round_to_four_figures(high)],
        "verdict": verdict if len(measured) else "undecided",
    }


def _summarize_house_style(squares: Float32Array) -> dict[str, Any]:
    """Where most faces lie and how well they agree (median, and deviation by the median one)."""
    if len(squares) < _HOUSE_STYLE_MIN_FACES:
        return {"likely": False, "centre": None, "spread": None}
    centre = np.median(squares, axis=0)
    spread = _MAD_TO_SD * np.median(np.abs(squares - centre), axis=0)
    x, y, _, roll = spread
    is_house_style = all(
        s < most for s, most in zip((x, y, roll), _HOUSE_STYLE_SPREAD, strict=True)
    )
    return {
        "likely": bool(is_house_style),
        "centre": [round(float(c), 4) for c in centre],
        "spread": [round(float(s), 4) for s in spread],
    }


def _find_duplicates(columns: CohortColumns, parameters: CohortParameters) -> DuplicateGroups:
    return group_duplicates(columns.hashes, columns.is_scored, parameters.duplicates)


def _summarize_groups(columns: CohortColumns, groups: DuplicateGroups) -> list[dict[str, Any]]:
    """The largest groups; a group of faces goes before one of pictures without."""

    def has_face(members: Any) -> bool:
        return bool(columns.is_scored[members].any())

    ordered = sorted(groups.members, key=lambda m: (not has_face(m), -len(m), int(m[0])))
    return [
        {
            "pdq": "".join(f"{int(word):016x}" for word in columns.hashes[members[0]]),
            "seqs": columns.seqs[members[:MAX_GROUP_SEQS]].tolist(),
            "count": len(members),
            "face": has_face(members),
            "likely": int(columns.is_likely[members].sum()),
        }
        for members in ordered[:MAX_DUPLICATE_GROUPS]
    ]


def _round_share(share: ShareEstimate) -> dict[str, Any]:
    return {
        "estimate": _round_to_four_figures(share.estimate),
        "interval": [_round_to_four_figures(end) for end in share.interval],
    }


def _round_to_four_figures(number: float) -> float:
    """Four figures: more would be pretence."""
    return float(f"{number:.4g}")


def _round_to_milli(number: float | None) -> float | None:
    return None if number is None else round(number, 3)
