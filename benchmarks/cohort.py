"""Quality of list statistics, on simulated lists of pictures from held-out collectors.

`python -m benchmarks.cohort SCORES.csv 96=SMALL.csv …` takes what `eyeline evaluate --scores`
wrote, for pictures as they are and made small. Collectors are split into halves, several times; the
parameters are fitted on one half, lists are drawn from the other. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
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
LIST_LENGTH = 300
GENERATED_SHARES = (0.0, 0.04, 0.1, 0.2)
FRAMED_SHARES = (0.0, 0.04, 0.2)
MIN_PICTURES = 20
PRIOR, BASE_RATE = 0.5, 0.0005


@dataclass(frozen=True, eq=False)
class HeldOutSplit:
    """``parameters`` were fitted without ``pictures``, from which ``rng`` draws lists."""

    parameters: CohortParameters
    pictures: Sequence[HeldOutScore]
    rng: np.random.Generator
    generated: list[HeldOutScore] = field(init=False)
    ordinary: list[HeldOutScore] = field(init=False)
    framed: list[HeldOutScore] = field(init=False)

    def __post_init__(self) -> None:
        generated = [p for p in self.pictures if p.is_generated]
        object.__setattr__(self, "generated", generated)
        ordinary = [p for p in self.pictures if p.kind in ORDINARY_KINDS]
        object.__setattr__(self, "ordinary", ordinary)
        framed = [p for p in self.pictures if p.kind in ALIGNED_KINDS]
        object.__setattr__(self, "framed", framed)

    def draw(
        self, pool: Sequence[HeldOutScore], count: int, *, with_replacement: bool = False
    ) -> list[HeldOutScore]:
        """``count`` of ``pool`` at random."""
        return [pool[i] for i in self.rng.choice(len(pool), count, replace=with_replacement)]

    def summarize(self, pictures: Sequence[HeldOutScore]) -> dict[str, Any]:
        """The cohort of a list of ``pictures``."""
        results = (_result(i, p, self.rng.bytes(32).hex()) for i, p in enumerate(pictures))
        return summarize_results(
            results, prior=PRIOR, base_rate=BASE_RATE, parameters=self.parameters
        )

    def concentration(self, pictures: Sequence[HeldOutScore]) -> dict[str, Any]:
        """What the test for a shared frame makes of a list of ``pictures``."""
        out: dict[str, Any] = self.summarize(pictures)["concentration"]
        return out


@dataclass(frozen=True)
class ListOutcome:
    """Whether the intervals of one list hold the truth; its estimate of the generated share."""

    generated_covered: bool
    framed_covered: bool
    flags_covered: bool
    estimate: float
    width: float


def _result(seq: int, picture: HeldOutScore, pdq: str) -> ItemResult:
    likely = picture.llr >= LIKELY_LLR
    return ItemResult(
        seq,
        str(seq),
        record=PictureRecord(
            sha256="",
            pdq=pdq,
            pdq_quality=100,
            outcome=Outcome.SCORED,
            verdict=Verdict.LIKELY_STYLEGAN if likely else Verdict.INCONCLUSIVE,
            llr=picture.llr,
            llr_ordinary=picture.ordinary,
            llr_framed=picture.framed,
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
                    float(line["llr_ordinary"]),
                    float(line["llr_framed"]),
                    float(line["eye_alignment_llr"] or 0.0),
                    (x, y, ln_side, roll) if cells[0] else None,
                )
            )
    return scored


def split_collectors(
    by_size: Mapping[int, Sequence[HeldOutScore]], count: int, seed: int
) -> Iterator[dict[int, HeldOutSplit]]:
    """``count`` halvings by collector, each kind's collectors dealt out in turn; by size.

    The parameters are fitted on one half of the largest pictures.
    """
    pictures = by_size[max(by_size)]
    for number in range(count):
        rng = np.random.default_rng((seed, number))
        side: dict[str, bool] = {}
        for kind in sorted({h.kind for h in pictures}):
            collectors = sorted({h.collector for h in pictures if h.kind == kind} - side.keys())
            first = bool(rng.integers(2))
            for position, at in enumerate(rng.permutation(len(collectors))):
                side[collectors[at]] = (position % 2 == 0) == first
        parameters = fit_cohort([h for h in pictures if side[h.collector]], "")
        yield {
            size: HeldOutSplit(parameters, [h for h in part if not side[h.collector]], rng)
            for size, part in by_size.items()
        }


def measure_concentration(split: HeldOutSplit, lists: int) -> dict[str, list[bool]]:
    """Which lists of three sorts are called concentrated."""
    few = max(1, lists // 10)

    def is_called(pictures: Sequence[HeldOutScore]) -> bool:
        return bool(split.concentration(pictures)["concentrated"])

    return {
        "ordinary_20": [is_called(split.draw(split.ordinary, 20)) for _ in range(lists)],
        "four_generated_of_20": [
            is_called(split.draw(split.generated, 4) + split.draw(split.ordinary, 16))
            for _ in range(few)
        ],
        "five_generated": [is_called(split.draw(split.generated, 5)) for _ in range(few)],
    }


def measure_shares(split: HeldOutSplit, lists: int) -> dict[str, list[ListOutcome]]:
    """What lists of 300 say of their shares, by the shares that they truly have."""
    out: dict[str, list[ListOutcome]] = {}
    for generated, framed in product(GENERATED_SHARES, FRAMED_SHARES):
        counts = [round(LIST_LENGTH * share) for share in (generated, framed)]
        for _ in range(lists):
            pictures = [
                *split.draw(split.generated, counts[0], with_replacement=True),
                *split.draw(split.framed, counts[1], with_replacement=True),
                *split.draw(split.ordinary, LIST_LENGTH - sum(counts), with_replacement=True),
            ]
            summary = split.summarize(pictures)
            false_flags = sum(p.llr >= LIKELY_LLR and not p.is_generated for p in pictures)
            share = summary["shares"]["generated"]
            outcome = ListOutcome(
                generated_covered=_holds(share["interval"], generated),
                framed_covered=_holds(summary["shares"]["framed"]["interval"], framed),
                flags_covered=_holds(summary["expected_false_flags"]["interval"], false_flags),
                estimate=share["estimate"],
                width=share["interval"][1] - share["interval"][0],
            )
            out.setdefault(f"{generated:.0%} generated, {framed:.0%} framed", []).append(outcome)
    return out


def _holds(interval: Sequence[float], truth: float) -> bool:
    return interval[0] - 1e-9 <= truth <= interval[1] + 1e-9


def summarize_outcomes(outcomes: Sequence[ListOutcome]) -> dict[str, float]:
    """How often the intervals hold the truth, and how wide that of the generated share is."""
    return {
        "lists": len(outcomes),
        "generated_covered": round(float(np.mean([o.generated_covered for o in outcomes])), 3),
        "framed_covered": round(float(np.mean([o.framed_covered for o in outcomes])), 3),
        "false_flags_covered": round(float(np.mean([o.flags_covered for o in outcomes])), 3),
        "mean_estimate": round(float(np.mean([o.estimate for o in outcomes])), 4),
        "mean_width": round(float(np.mean([o.width for o in outcomes])), 4),
    }


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
                split.concentration(split.draw(pictures, MIN_PICTURES))["p_value"]
                for _ in range(100)
            ),
            "near": concentration["near"],
            "observed": concentration["observed"],
            "looks": concentration["looks"]["verdict"],
            "house_style": concentration["house_style"]["likely"],
            "prevalence": [prevalence["estimate"], *prevalence["interval"]],
        }
    return by_collector


def report(
    by_size: Mapping[int, Sequence[HeldOutScore]], lists: int, share_lists: int, count: int
) -> dict[str, Any]:
    """Everything, over ``count`` splits; ``share_lists`` in every cell of shares and sizes."""
    called: dict[str, list[bool]] = {}
    outcomes: dict[tuple[int, str], list[ListOutcome]] = {}
    collectors: dict[str, dict[str, Any]] = {"ordinary": {}, "framed": {}}
    for splits in split_collectors(by_size, count, seed=20261125):
        split = splits[max(splits)]
        for name, values in measure_concentration(split, lists // count).items():
            called.setdefault(name, []).extend(values)
        for size, sized_split in splits.items():
            for cell, values_of_cell in measure_shares(sized_split, share_lists // count).items():
                outcomes.setdefault((size, cell), []).extend(values_of_cell)
        for name, kinds in (("ordinary", ORDINARY_KINDS), ("framed", ALIGNED_KINDS)):
            collectors[name] |= summarize_collectors(split, kinds, collectors[name])
    return {
        "pictures": {size: len(part) for size, part in by_size.items()},
        "splits": count,
        "concentration": {
            name: {
                "lists": len(values),
                "called": sum(values),
                "share": round(float(np.mean(values)), 4),
            }
            for name, values in called.items()
        },
        "shares": {
            f"{size} px, {cell}": summarize_outcomes(values)
            for (size, cell), values in outcomes.items()
        },
        "collectors": collectors,
    }


def parse_scores(argument: str) -> tuple[int, Path]:
    """``SIDE=PATH``, or a path for pictures as they are, which count as 400 px."""
    side, equals, path = argument.partition("=")
    return (int(side), Path(path)) if equals and side.isdigit() else (400, Path(argument))


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(prog="benchmarks.cohort", description=__doc__.splitlines()[0])
    parser.add_argument("scores", nargs="+", type=parse_scores, help="[SIDE=]SCORES.csv")
    parser.add_argument("--lists", type=int, default=10_000)
    parser.add_argument("--share-lists", type=int, default=200)
    parser.add_argument("--splits", type=int, default=4)
    arguments = parser.parse_args()
    start = time.perf_counter()
    result = report(
        {side: read_scores(path) for side, path in arguments.scores},
        arguments.lists,
        arguments.share_lists,
        arguments.splits,
    )
    print(json.dumps(result | {"seconds": round(time.perf_counter() - start, 1)}, indent=1))


if __name__ == "__main__":
    main()
