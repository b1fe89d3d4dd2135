"""What lists say, measured on simulated lists of pictures from collectors that the fit never saw.

`python -m benchmarks.cohort SCORES.csv` takes what `eyeline evaluate CORPUS --scores SCORES.csv`
wrote. Collectors are split into halves, several times; the numbers are fitted on one half, lists
are drawn from the other. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from app.cohort.parameters import CohortParameters
from app.cohort.summary import summarize_results
from app.evidence import Outcome, Verdict
from app.records import ItemResult, PictureRecord
from app.training.calibration.sample_weights import ALIGNED_KINDS
from app.training.cohort.fit import HeldOutScore, fit_cohort
from app.training.corpus import ORDINARY_KINDS, ManifestRow

LIKELY_LLR = 1.0
SIGNIFICANT_P = 1e-6
MIN_PICTURES = 20
PRIOR, BASE_RATE = 0.5, 0.0005


@dataclass(frozen=True, eq=False)
class HeldOutSplit:
    """``parameters`` were fitted without ``pictures``; ``rng`` draws lists from them."""

    parameters: CohortParameters
    pictures: Sequence[HeldOutScore]
    rng: np.random.Generator
    generated: list[HeldOutScore] = field(init=False)
    ordinary: list[HeldOutScore] = field(init=False)

    def __post_init__(self) -> None:
        generated = [p for p in self.pictures if p.is_generated]
        object.__setattr__(self, "made", generated)
        ordinary = [p for p in self.pictures if p.kind in ORDINARY_KINDS]
        object.__setattr__(self, "ordinary", ordinary)

    def draw(
        self, pool: Sequence[HeldOutScore], count: int, *, with_replacement: bool = False
    ) -> list[HeldOutScore]:
        """``count`` of ``pool`` at random."""
        return [pool[i] for i in self.rng.choice(len(pool), count, replace=with_replacement)]

    def summarize(self, pictures: Sequence[HeldOutScore]) -> dict[str, Any]:
        """The cohort of a list of ``pictures``."""
        hashes = self.rng.integers(1, 1 << 63, len(pictures))
        results = (_result(i, p, int(hashes[i])) for i, p in enumerate(pictures))
        return summarize_results(
            results, prior=PRIOR, base_rate=BASE_RATE, parameters=self.parameters
        )

    def p_value(self, pictures: Sequence[HeldOutScore]) -> float:
        value: float = self.summarize(pictures)["concentration"]["p_value"]
        return value


def _result(seq: int, picture: HeldOutScore, pdq: int) -> ItemResult:
    likely = picture.llr >= LIKELY_LLR
    return ItemResult(
        seq,
        str(seq),
        record=PictureRecord(
            sha256="",
            pdq=f"{pdq:064x}",
            pdq_quality=100,
            outcome=Outcome.SCORED,
            verdict=Verdict.LIKELY_STYLEGAN if likely else Verdict.INCONCLUSIVE,
            llr=picture.llr,
            llr_ordinary=picture.llr,
            llr_framed=0.0,
            eye_llr=picture.eye_llr,
            analysis=b"",
            width=400,
            height=400,
            square=picture.square,
            template="ffhq",
            transform="untouched",
            distance=1.0,
        ),
    )


def read_scores(path: Path) -> list[HeldOutScore]:
    """The scored pictures of ``path``; raises ``SystemExit`` where squares are missing."""
    scored = []
    with path.open(newline="", encoding="utf-8") as file:
        for line in csv.DictReader(file):
            if line["outcome"] != "scored":
                continue
            if "square_x" not in line:
                raise SystemExit(f"{path} has no squares: run `eyeline evaluate --scores` anew")
            row = ManifestRow(line["path"], line["label"], line["kind"], line["source"])
            cells = [line[f"square_{name}"] for name in ("x", "y", "ln_side", "roll")]
            x, y, ln_side, roll = (float(cell or "nan") for cell in cells)
            scored.append(
                HeldOutScore(
                    row.kind,
                    row.collector,
                    float(line["llr"]),
                    float(line["eye_alignment_llr"] or 0.0),
                    (x, y, ln_side, roll) if cells[0] else None,
                )
            )
    return scored


def split_collectors(
    pictures: Sequence[HeldOutScore], count: int, seed: int
) -> Iterator[HeldOutSplit]:
    """``count`` halvings by collector, each kind's collectors dealt out in turn."""
    for number in range(count):
        rng = np.random.default_rng((seed, number))
        side: dict[str, bool] = {}
        for kind in sorted({h.kind for h in pictures}):
            collectors = sorted({h.collector for h in pictures if h.kind == kind} - side.keys())
            first = bool(rng.integers(2))
            for position, at in enumerate(rng.permutation(len(collectors))):
                side[collectors[at]] = (position % 2 == 0) == first
        parameters = fit_cohort([h for h in pictures if side[h.collector]], LIKELY_LLR, "")
        yield HeldOutSplit(parameters, [h for h in pictures if not side[h.collector]], rng)


def measure_concentration(split: HeldOutSplit, lists: int) -> dict[str, list[float]]:
    """p-values of three sorts of lists."""
    few = max(1, lists // 10)
    return {
        "ordinary_20": [split.p_value(split.draw(split.ordinary, 20)) for _ in range(lists)],
        "four_generated_of_20": [
            split.p_value(split.draw(split.generated, 4) + split.draw(split.ordinary, 16))
            for _ in range(few)
        ],
        "five_generated": [split.p_value(split.draw(split.generated, 5)) for _ in range(few)],
    }


def measure_prevalence(split: HeldOutSplit, lists: int) -> list[tuple[float, float, float, float]]:
    """(truth, estimate, low, high) for lists of 50 to 2,000 with 0 to 20 % generated."""
    estimates = []
    for _ in range(lists):
        share = split.rng.uniform(0.0, 0.2)
        count = int(np.exp(split.rng.uniform(np.log(50), np.log(2000))))
        generated_count = int(split.rng.binomial(count, share))
        pictures = split.draw(split.generated, generated_count, with_replacement=True)
        pictures += split.draw(split.ordinary, count - generated_count, with_replacement=True)
        prevalence = split.summarize(pictures)["prevalence"]
        estimates.append((share, prevalence["estimate"], *prevalence["interval"]))
    return estimates


def summarize_collectors(
    split: HeldOutSplit, kinds: Sequence[str], skip: Container[str]
) -> dict[str, dict[str, Any]]:
    """Every collector's pictures of ``kinds`` as one list, and in lists of 20, unless ``skip``."""
    by_collector = {}
    for collector in sorted({p.collector for p in split.pictures if p.kind in kinds}):
        pictures = [p for p in split.pictures if p.kind in kinds and p.collector == collector]
        if len(pictures) < MIN_PICTURES or collector in skip:
            continue
        summary = split.summarize(pictures)
        concentration, prevalence = summary["concentration"], summary["prevalence"]
        by_collector[collector] = {
            "pictures": len(pictures),
            "p_value": concentration["p_value"],
            "least_p_of_100_lists_of_20": min(
                split.p_value(split.draw(pictures, MIN_PICTURES)) for _ in range(100)
            ),
            "near": concentration["near"],
            "observed": concentration["observed"],
            "looks": concentration["looks"]["verdict"],
            "house_style": concentration["house_style"]["likely"],
            "prevalence": [prevalence["estimate"], *prevalence["interval"]],
        }
    return by_collector


def report(
    pictures: Sequence[HeldOutScore], lists: int, prevalence_lists: int, count: int
) -> dict[str, Any]:
    """Everything, over ``count`` splits."""
    p_values: dict[str, list[float]] = {}
    estimates: list[tuple[float, float, float, float]] = []
    collectors: dict[str, dict[str, Any]] = {"ordinary": {}, "framed": {}}
    for split in split_collectors(pictures, count, seed=20261125):
        for name, values in measure_concentration(split, lists // count).items():
            p_values.setdefault(name, []).extend(values)
        estimates += measure_prevalence(split, prevalence_lists // count)
        for name, kinds in (("ordinary", ORDINARY_KINDS), ("framed", ALIGNED_KINDS)):
            collectors[name] |= summarize_collectors(split, kinds, collectors[name])
    concentration = {
        name: {
            "lists": len(values),
            "called": sum(p < SIGNIFICANT_P for p in values),
            "share": round(float(np.mean(np.array(values) < SIGNIFICANT_P)), 4),
            "least_p": min(values),
        }
        for name, values in p_values.items()
    }
    truth, estimate, low, high = np.array(estimates).T
    return {
        "pictures": len(pictures),
        "splits": count,
        "concentration": concentration,
        "prevalence": {
            "lists": len(estimates),
            "covered": round(float(((low <= truth) & (truth <= high)).mean()), 4),
            "truth_below": round(float((truth < low).mean()), 4),
            "truth_above": round(float((truth > high).mean()), 4),
            "mean_error": round(float((estimate - truth).mean()), 5),
            "mean_width": round(float((high - low).mean()), 4),
        },
        "collectors": collectors,
    }


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(prog="benchmarks.cohort", description=__doc__.splitlines()[0])
    parser.add_argument("scores", type=Path, help="what `eyeline evaluate --scores` wrote")
    parser.add_argument("--lists", type=int, default=10_000)
    parser.add_argument("--prevalence-lists", type=int, default=500)
    parser.add_argument("--splits", type=int, default=4)
    arguments = parser.parse_args()
    start = time.perf_counter()
    result = report(
        read_scores(arguments.scores), arguments.lists, arguments.prevalence_lists, arguments.splits
    )
    print(json.dumps(result | {"seconds": round(time.perf_counter() - start, 1)}, indent=1))


if __name__ == "__main__":
    main()
