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

from app.cohort import Numbers, summarise
from app.records import Finding, Result
from app.training.calibration.sample_weights import ALIGNED_KINDS
from app.training.cohort.fit import Held, fit_cohort
from app.training.corpus import ORDINARY_KINDS, Row

LIKELY_LLR = 1.0
CALLED = 1e-6
LEAST = 20
PRIOR, BASE_RATE = 0.5, 0.0005


@dataclass(frozen=True, eq=False)
class Split:
    """``numbers`` were fitted without ``pictures``; ``rng`` draws lists from them."""

    numbers: Numbers
    pictures: Sequence[Held]
    rng: np.random.Generator
    made: list[Held] = field(init=False)
    ordinary: list[Held] = field(init=False)

    def __post_init__(self) -> None:
        made = [p for p in self.pictures if p.generated]
        object.__setattr__(self, "made", made)
        ordinary = [p for p in self.pictures if p.kind in ORDINARY_KINDS]
        object.__setattr__(self, "ordinary", ordinary)

    def draw(self, some: Sequence[Held], count: int, *, again: bool = False) -> list[Held]:
        """``count`` of ``some`` at random."""
        return [some[i] for i in self.rng.choice(len(some), count, replace=again)]

    def say(self, pictures: Sequence[Held]) -> dict[str, Any]:
        """The cohort of a list of ``pictures``."""
        hashes = self.rng.integers(1, 1 << 63, len(pictures))
        results = (_result(i, p, int(hashes[i])) for i, p in enumerate(pictures))
        return summarise(results, prior=PRIOR, base_rate=BASE_RATE, numbers=self.numbers)

    def p_value(self, pictures: Sequence[Held]) -> float:
        found: float = self.say(pictures)["concentration"]["p_value"]
        return found


def _result(seq: int, picture: Held, perceptual_hash: int) -> Result:
    likely = picture.llr >= LIKELY_LLR
    return Result(
        seq,
        str(seq),
        finding=Finding(
            sha256="",
            perceptual_hash=f"{perceptual_hash:016x}",
            outcome="scored",
            verdict="likely_generated" if likely else "inconclusive",
            llr=picture.llr,
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


def read(path: Path) -> list[Held]:
    """The scored pictures of ``path``; raises ``SystemExit`` where squares are missing."""
    found = []
    with path.open(newline="", encoding="utf-8") as file:
        for line in csv.DictReader(file):
            if line["outcome"] != "scored":
                continue
            if "square_x" not in line:
                raise SystemExit(f"{path} has no squares: run `eyeline evaluate --scores` anew")
            row = Row(line["path"], line["label"], line["kind"], line["source"])
            cells = [line[f"square_{name}"] for name in ("x", "y", "ln_side", "roll")]
            x, y, ln_side, roll = (float(cell or "nan") for cell in cells)
            found.append(
                Held(
                    row.kind,
                    row.collector,
                    float(line["llr"]),
                    float(line["eye_alignment_llr"] or 0.0),
                    (x, y, ln_side, roll) if cells[0] else None,
                )
            )
    return found


def splits(held: Sequence[Held], count: int, seed: int) -> Iterator[Split]:
    """``count`` halvings by collector, each kind's collectors dealt out in turn."""
    for number in range(count):
        rng = np.random.default_rng((seed, number))
        side: dict[str, bool] = {}
        for kind in sorted({h.kind for h in held}):
            mine = sorted({h.collector for h in held if h.kind == kind} - side.keys())
            first = bool(rng.integers(2))
            for place, at in enumerate(rng.permutation(len(mine))):
                side[mine[at]] = (place % 2 == 0) == first
        numbers = fit_cohort([h for h in held if side[h.collector]], LIKELY_LLR, "")
        yield Split(numbers, [h for h in held if not side[h.collector]], rng)


def concentrations(split: Split, lists: int) -> dict[str, list[float]]:
    """p-values of three sorts of lists."""
    few = max(1, lists // 10)
    return {
        "ordinary_20": [split.p_value(split.draw(split.ordinary, 20)) for _ in range(lists)],
        "four_generated_of_20": [
            split.p_value(split.draw(split.made, 4) + split.draw(split.ordinary, 16))
            for _ in range(few)
        ],
        "five_generated": [split.p_value(split.draw(split.made, 5)) for _ in range(few)],
    }


def prevalences(split: Split, lists: int) -> list[tuple[float, float, float, float]]:
    """(truth, estimate, low, high) for lists of 50 to 2,000 with 0 to 20 % generated."""
    found = []
    for _ in range(lists):
        share = split.rng.uniform(0.0, 0.2)
        count = int(np.exp(split.rng.uniform(np.log(50), np.log(2000))))
        made = int(split.rng.binomial(count, share))
        pictures = split.draw(split.made, made, again=True)
        pictures += split.draw(split.ordinary, count - made, again=True)
        said = split.say(pictures)["prevalence"]
        found.append((share, said["estimate"], *said["interval"]))
    return found


def whole(split: Split, kinds: Sequence[str], done: Container[str]) -> dict[str, dict[str, Any]]:
    """Every collector's pictures of ``kinds`` as one list, and in lists of 20, unless ``done``."""
    found = {}
    for collector in sorted({p.collector for p in split.pictures if p.kind in kinds}):
        mine = [p for p in split.pictures if p.kind in kinds and p.collector == collector]
        if len(mine) < LEAST or collector in done:
            continue
        said = split.say(mine)
        seen, share = said["concentration"], said["prevalence"]
        found[collector] = {
            "pictures": len(mine),
            "p_value": seen["p_value"],
            "least_p_of_100_lists_of_20": min(
                split.p_value(split.draw(mine, LEAST)) for _ in range(100)
            ),
            "near": seen["near"],
            "observed": seen["observed"],
            "looks": seen["looks"]["verdict"],
            "house_style": seen["house_style"]["likely"],
            "prevalence": [share["estimate"], *share["interval"]],
        }
    return found


def report(held: Sequence[Held], lists: int, prevalence_lists: int, count: int) -> dict[str, Any]:
    """Everything, over ``count`` splits."""
    p_values: dict[str, list[float]] = {}
    found: list[tuple[float, float, float, float]] = []
    wholes: dict[str, dict[str, Any]] = {"ordinary": {}, "framed": {}}
    for split in splits(held, count, seed=20261125):
        for name, values in concentrations(split, lists // count).items():
            p_values.setdefault(name, []).extend(values)
        found += prevalences(split, prevalence_lists // count)
        for name, kinds in (("ordinary", ORDINARY_KINDS), ("framed", ALIGNED_KINDS)):
            wholes[name] |= whole(split, kinds, wholes[name])
    said = {
        name: {
            "lists": len(values),
            "called": sum(p < CALLED for p in values),
            "share": round(float(np.mean(np.array(values) < CALLED)), 4),
            "least_p": min(values),
        }
        for name, values in p_values.items()
    }
    truth, estimate, low, high = np.array(found).T
    return {
        "pictures": len(held),
        "splits": count,
        "concentration": said,
        "prevalence": {
            "lists": len(found),
            "covered": round(float(((low <= truth) & (truth <= high)).mean()), 4),
            "truth_below": round(float((truth < low).mean()), 4),
            "truth_above": round(float((truth > high).mean()), 4),
            "mean_error": round(float((estimate - truth).mean()), 5),
            "mean_width": round(float((high - low).mean()), 4),
        },
        "collectors": wholes,
    }


def main() -> None:
    """Print one JSON object."""
    say = argparse.ArgumentParser(prog="benchmarks.cohort", description=__doc__.splitlines()[0])
    say.add_argument("scores", type=Path, help="what `eyeline evaluate --scores` wrote")
    say.add_argument("--lists", type=int, default=10_000)
    say.add_argument("--prevalence-lists", type=int, default=500)
    say.add_argument("--splits", type=int, default=4)
    asked = say.parse_args()
    start = time.perf_counter()
    said = report(read(asked.scores), asked.lists, asked.prevalence_lists, asked.splits)
    print(json.dumps(said | {"seconds": round(time.perf_counter() - start, 1)}, indent=1))


if __name__ == "__main__":
    main()
