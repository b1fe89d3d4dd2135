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
from app.calibration.calibration import load
from app.checks import CHECKS
from app.face.landmarks import FaceFinders, load_model
from app.image.picture import Picture, decode
from app.image.sandbox.pool import Decoders
from app.networks.onnx import load_networks
from app.settings import MODELS_DIR
from app.training.corpus import read
from benchmarks.__main__ import Work, per_second, pictures, shipped


def main() -> None:
    """Print one JSON object."""
    say = argparse.ArgumentParser(prog="isolation", description=__doc__)
    say.add_argument("corpus", type=Path, nargs="?", help="without one: the fixtures")
    say.add_argument("--pictures", type=int, default=300)
    say.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    say.add_argument("--rounds", type=int, default=5)
    asked = say.parse_args()

    todo = pictures(read(asked.corpus), asked.pictures) if asked.corpus else shipped(asked.pictures)
    finders, networks = FaceFinders(load_model(MODELS_DIR)), load_networks(MODELS_DIR)
    calibration = load(MODELS_DIR / "calibration.json", CHECKS)
    decoders = Decoders(asked.threads)

    def whole(unpack: Callable[[bytes], Picture]) -> Work:
        return lambda data: analyze(unpack(data), finders.mine(), networks, calibration)

    ways: dict[str, Work] = {
        "decode_here": decode,
        "decode_apart": decoders,
        "whole_here": whole(decode),
        "whole_apart": whole(decoders),
    }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    with ThreadPoolExecutor(asked.threads) as pool:
        for work in ways.values():
            per_second(work, todo[: 8 * asked.threads], pool)
        for _ in range(asked.rounds):
            for name, work in ways.items():
                rates[name].append(per_second(work, todo, pool))
    decoders.close()
    finders.close()
    medians = {name: round(statistics.median(found), 1) for name, found in rates.items()}
    lost = 100.0 * (1.0 - medians["whole_apart"] / medians["whole_here"])
    print(json.dumps({**medians, "whole_lost_percent": round(lost, 1)}, indent=2))


if __name__ == "__main__":
    main()
