"""What only a list can say, as the JSON object ``cohort`` of a batch."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import numpy as np

from app.cohort import account_stats, text
from app.cohort.collector import Columns, Singles, Tally
from app.cohort.concentration import concentration
from app.cohort.duplicates import Groups, group
from app.cohort.parameters import Numbers, RateEntry, shipped
from app.cohort.prevalence import Prevalence, even_llr, mixture, prevalence
from app.cohort.template_density import near
from app.records import Result

CONCENTRATED_LOG10_P: Final = -6.0
"""A shared frame is called one below this p-value."""
MOST_GROUPS: Final = 100
MOST_SEQS: Final = 100
MOST_NEAR: Final = 100_000
"""Pictures that the test looks at; of more, those with the lowest hashes stand for all."""
_HOUSE_LEAST: Final = 8
_HOUSE_SPREAD: Final = (0.02, 0.05, 0.04)
"""Centre x, centre y and roll agree so well only where portraits follow one house style."""
_MAD: Final = 1.4826


def summarise(
    results: Iterable[Result], *, prior: float, base_rate: float, numbers: Numbers | None = None
) -> dict[str, Any]:
    """The cohort of a whole list; its order does not matter, and it is read once.

    ``prior``, ``base_rate``: the operator's, told beside the list's own. ``numbers``: those that
    ship, unless given.
    """
    numbers = shipped() if numbers is None else numbers
    tally = Tally(numbers.concentration).extend(results)
    return cohort(tally, prior=prior, base_rate=base_rate, numbers=numbers)


def cohort(tally: Tally, *, prior: float, base_rate: float, numbers: Numbers) -> dict[str, Any]:
    """The same from a tally."""
    found = tally.columns()
    llr = found.llr[found.scored]
    share = prevalence(numbers.prevalence.bins(llr), numbers.prevalence)
    flags = _false_flags(found, share, numbers)
    groups = _groups(found, numbers)
    said: dict[str, Any] = {
        "counts": {
            "pictures": len(tally),
            "scored": int(found.scored.sum()),
            "unscored": {k: n for k, n in sorted(tally.outcomes.items()) if k != "scored"},
            "failed": dict(sorted(tally.failures.items())),
        },
        "likely": int(found.likely.sum()),
        "prevalence": {
            "estimate": _figures(share.estimate),
            "interval": [_figures(end) for end in share.interval],
            "pictures": _figures(float(share.posterior[_bin(found, numbers)].sum())),
            "framed_photographs": _figures(share.framed),
        },
        "expected_false_flags": max(flags["by_rate"], flags["by_posterior"]),
        "false_flags": flags,
        "posterior": {
            "prevalence": _figures(share.estimate),
            "even_llr": _rounded(even_llr(share.estimate)),
            "even_llr_at_prior": _rounded(even_llr(prior)),
            "even_llr_at_base_rate": _rounded(even_llr(base_rate)),
        },
        "concentration": _concentration(found, numbers),
        "duplicates": _shown(found, groups),
        "duplicates_total": {"groups": len(groups.members), "pictures": groups.pictures},
        "templates": dict(sorted(tally.templates.items())),
        "transforms": dict(sorted(tally.transforms.items())),
        "accounts": account_stats.side_by_side(tally.flagged, tally.rest),
    }
    return said | {"summary": text.summary(said), "caveats": text.caveats(said)}


def _bin(found: Columns, numbers: Numbers) -> np.ndarray[Any, np.dtype[np.intp]]:
    return numbers.prevalence.bin_of(found.llr[found.scored])


def _false_flags(found: Columns, share: Prevalence, numbers: Numbers) -> dict[str, float]:
    """How many of the flagged are expected to be real, in three ways."""
    real = float(found.scored.sum()) * (1.0 - share.estimate)
    flagged = numbers.prevalence.bin_of(found.llr[found.likely])
    return {
        "by_rate": _figures(real * numbers.likely.rate),
        "at_most": _figures(float(found.scored.sum()) * numbers.likely.upper_95),
        "by_posterior": _figures(float((1.0 - share.posterior[flagged]).sum())),
    }


def _concentration(found: Columns, numbers: Numbers) -> dict[str, Any]:
    entry = numbers.concentration
    placed = found.scored & ~np.isnan(found.squares[:, 0])
    observed = found.scored & (found.eye_llr >= entry.on_template_llr)
    looked = _different(found, placed & near(found.squares, entry))
    test = concentration(found.squares[looked].astype(np.float64), entry)
    scored = int(found.scored.sum())
    return {
        "p_value": 10.0 ** max(test.log10_p, -300.0),
        "log10_p": _rounded(test.log10_p),
        "concentrated": test.log10_p < CONCENTRATED_LOG10_P,
        "observed": int(observed.sum()),
        "expected": _figures(scored * entry.background.rate),
        "expected_at_most": _expected_at_most(scored, entry.background),
        "near": len(looked),
        "zoom": _rounded(test.zoom),
        "looks": _looks(found.llr[observed], numbers),
        "house_style": _house_style(found.squares[placed]),
    }


def _expected_at_most(scored: int, background: RateEntry) -> float:
    """As many as the worst collector's rate, or the pooled one's bound, would bring."""
    return _figures(scored * max(background.upper_95, background.worst_collector))


def _different(found: Columns, which: np.ndarray[Any, np.dtype[np.bool_]]) -> Any:
    """Indices of ``which`` without copies of a picture: one account's face proves one face."""
    at = np.flatnonzero(which)
    hashes = found.hashes[at]
    _, first = np.unique(hashes, return_index=True)
    kept = np.union1d(at[first], at[hashes == 0])
    if len(kept) <= MOST_NEAR:
        return kept
    # Which hashes are low has nothing to do with where the eyes lie, once they are mixed.
    mixed = found.hashes[kept] * np.uint64(0x9E3779B97F4A7C15)
    return np.sort(kept[np.argsort(mixed, kind="stable")[:MOST_NEAR]])


def _looks(llr: Singles, numbers: Numbers) -> dict[str, Any]:
    """What the pixels of those on the template say: generated ones, or photographs cut alike?"""
    entry = numbers.prevalence
    made, framed = np.array(entry.generated), np.array(entry.framed)
    counts = entry.bins(llr)
    estimate, low, high = mixture(counts, made, framed)
    word = "generated" if low > 0.5 else "photographs" if high < 0.5 else "undecided"
    mean = float(counts @ np.log10(made / framed) / counts.sum()) if len(llr) else None
    return {
        "pictures": len(llr),
        "mean_llr": _rounded(mean),
        "generated_share": _figures(estimate) if len(llr) else None,
        "interval": [_figures(low), _figures(high)],
        "verdict": word if len(llr) else "undecided",
    }


def _house_style(squares: Singles) -> dict[str, Any]:
    """Where most faces lie and how well they agree (median, and deviation by the median one)."""
    if len(squares) < _HOUSE_LEAST:
        return {"likely": False, "centre": None, "spread": None}
    middle = np.median(squares, axis=0)
    spread = _MAD * np.median(np.abs(squares - middle), axis=0)
    x, y, _, roll = spread
    alike = all(s < most for s, most in zip((x, y, roll), _HOUSE_SPREAD, strict=True))
    return {
        "likely": bool(alike),
        "centre": [round(float(c), 4) for c in middle],
        "spread": [round(float(s), 4) for s in spread],
    }


def _groups(found: Columns, numbers: Numbers) -> Groups:
    placed = found.scored & ~np.isnan(found.squares[:, 0])
    lenient = placed & ~near(found.squares, numbers.concentration)
    return group(found.hashes, found.squares, lenient, numbers.duplicates)


def _shown(found: Columns, groups: Groups) -> list[dict[str, Any]]:
    """The largest groups; a group of faces goes before one of pictures without."""

    def faces(members: Any) -> bool:
        return bool(found.scored[members].any())

    first = sorted(groups.members, key=lambda m: (not faces(m), -len(m), int(m[0])))
    return [
        {
            "perceptual_hash": f"{int(found.hashes[members[0]]):016x}",
            "seqs": found.seqs[members[:MOST_SEQS]].tolist(),
            "count": len(members),
            "face": faces(members),
            "likely": int(found.likely[members].sum()),
        }
        for members in first[:MOST_GROUPS]
    ]


def _figures(number: float) -> float:
    """Four figures: more would be pretence."""
    return float(f"{number:.4g}")


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 3)
