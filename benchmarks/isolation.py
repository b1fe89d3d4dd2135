"""What it costs to decode in child processes: ``python -m benchmarks.isolation [CORPUS]``.

The same pictures, on as many threads as there are cores, decoded in the process and out of it:
alone, and as the first step of the whole analysis. The ways take turns; medians of the rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from app.analysis.analyze import analyze
from app.calibration.calibration import load_calibration
from app.checks import CHECKS
from app.face.landmarks import ThreadFaceFinders, load_landmark_model
from app.image.picture import Picture, decode
from app.image.sandbox.pool import DecoderPool
from app.networks.onnx import load_networks
from app.settings import MODELS_DIR
from app.training.corpus import read_corpus
from benchmarks.__main__ import PictureFn, corpus_pictures, fixture_pictures, measure_rate


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(prog="isolation", description=__doc__)
    parser.add_argument("corpus", type=Path, nargs="?", help="without one: the fixtures")
    parser.add_argument("--pictures", type=int, default=300)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()

    todo = (
        corpus_pictures(read_corpus(arguments.corpus), arguments.pictures)
        if arguments.corpus
        else fixture_pictures(arguments.pictures)
    )
    finders, networks = (
        ThreadFaceFinders(load_landmark_model(MODELS_DIR)),
        load_networks(MODELS_DIR),
    )
    calibration = load_calibration(MODELS_DIR / "calibration.json", CHECKS)
    decoders = DecoderPool(arguments.threads)

    def analyze_with(decode_fn: Callable[[bytes], Picture]) -> PictureFn:
        return lambda data: analyze(
            decode_fn(data), finders.for_current_thread(), networks, calibration
        )

    variants: dict[str, PictureFn] = {
        "decode_here": decode,
        "decode_apart": decoders,
        "whole_here": analyze_with(decode),
        "whole_apart": analyze_with(decoders),
    }
    rates: dict[str, list[float]] = {name: [] for name in variants}
    with ThreadPoolExecutor(arguments.threads) as pool:
        for work in variants.values():
            measure_rate(work, todo[: 8 * arguments.threads], pool)
        for _ in range(arguments.rounds):
            for name, work in variants.items():
                rates[name].append(measure_rate(work, todo, pool))
    decoders.close()
    finders.close()
    medians = {name: round(statistics.median(values), 1) for name, values in rates.items()}
    overhead = 100.0 * (1.0 - medians["whole_apart"] / medians["whole_here"])
    print(json.dumps({**medians, "whole_lost_percent": round(overhead, 1)}, indent=2))


if __name__ == "__main__":
    main()
