"""Speed and memory of the whole analysis, beside a bare landmarker in the same run.

    make bench [CORPUS=<folder with manifest.csv>] [ARGS="--threads 2 --analyses 10000"]

Both sides start from the bytes of a file. The bare side decodes it with Pillow and calls MediaPipe
once; the other side is everything that `POST /v1/analyses` does between body and JSON. A fifth of
the pictures are generated ones (the share matters: only faces near a template are measured again).
The sides take turns, and the median of the rounds counts, so that a busy machine hurts both.

Then what each check costs: its time on one face of 400 px, on one thread, when the landmarks are
there already. The first check that needs the face crop (or the person in it) pays for it.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import statistics
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import cycle, islice
from pathlib import Path
from typing import Final

import cv2
import mediapipe as mp
import numpy as np
from PIL import Image

from app.analysis.analyze import analyze, portray
from app.calibration.calibration import load
from app.checks import CHECKS
from app.face.landmarks import FaceFinder, FaceFinders, load_model
from app.face.portrait import Network, Portrait
from app.image.picture import decode
from app.networks.onnx import load_networks
from app.settings import MODELS_DIR
from app.training.corpus import ORDINARY_KINDS, Corpus, read

GENERATED_SHARE: Final = 0.2
FIXTURES: Final = Path(__file__).resolve().parent.parent / "fixtures" / "faces"
FRAMED: Final = "astronaut_ffhq_*"
CHECKED_PX: Final = 400  # the side of the pictures that checks are timed on
CHUNK: Final = 500  # memory is looked at after each
_PAGE_MB: Final = os.sysconf("SC_PAGE_SIZE") / 2**20

Work = Callable[[bytes], object]


def pictures(corpus: Corpus, count: int, seed: int = 0) -> list[bytes]:
    """The bytes of `count` pictures, a fifth of them generated, drawn and mixed by `seed`."""
    generated = [row for row in corpus.rows if row.generated]
    ordinary = [row for row in corpus.rows if row.kind in ORDINARY_KINDS]
    share = round(count * GENERATED_SHARE)
    draw = random.Random(seed)  # noqa: S311 - a sample, not a secret
    rows = draw.sample(generated, min(share, len(generated)))
    rows += draw.sample(ordinary, min(count - share, len(ordinary)))
    draw.shuffle(rows)
    return [(corpus.root / row.path).read_bytes() for row in rows]


def shipped(count: int) -> list[bytes]:
    """`count` of the fixtures' bytes, a fifth of them in a generator's frame."""
    framed = sorted(FIXTURES.glob(FRAMED))
    others = sorted({*FIXTURES.glob("*.jpg"), *FIXTURES.glob("*.png")} - set(framed))
    share = round(count * GENERATED_SHARE)
    chosen = [*islice(cycle(framed), share), *islice(cycle(others), count - share)]
    random.Random(0).shuffle(chosen)  # noqa: S311 - a sample, not a secret
    return [path.read_bytes() for path in chosen]


def bare(model: bytes) -> tuple[Work, Callable[[], None]]:
    """Pillow, then MediaPipe with its default options: one landmarker a thread."""
    mine, made = threading.local(), []
    options = mp.tasks.vision.FaceLandmarkerOptions(
        base_options=mp.tasks.BaseOptions(model_asset_buffer=model)
    )

    def detect(data: bytes) -> object:
        if not hasattr(mine, "landmarker"):
            mine.landmarker = mp.tasks.vision.FaceLandmarker.create_from_options(options)
            made.append(mine.landmarker)
        rgb = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
        return mine.landmarker.detect(mp.Image(image_format=mp.ImageFormat.SRGB, data=rgb))

    def close() -> None:
        for landmarker in made:
            landmarker.close()

    return detect, close


def per_second(work: Work, todo: Sequence[bytes], pool: ThreadPoolExecutor) -> float:
    """Pictures a second through `work` on all the threads of `pool`."""
    start = time.perf_counter()
    for _ in pool.map(work, todo):
        pass
    return len(todo) / (time.perf_counter() - start)


def resident_mb() -> float:
    """What this process holds in memory now."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_MB


def memory(work: Work, todo: Sequence[bytes], count: int, pool: ThreadPoolExecutor) -> list[float]:
    """MB resident after each 500 of `count` analyses."""
    endless, held = cycle(todo), []
    for _ in range(count // CHUNK):
        per_second(work, list(islice(endless, CHUNK)), pool)
        held.append(round(resident_mb(), 1))
    return held


def framed_portraits(finder: FaceFinder, network: Network) -> list[Portrait]:
    """The face of every fixture that has one in a generator's frame, 400 px wide."""
    shown = [decode(path.read_bytes()) for path in sorted(FIXTURES.glob(FRAMED))]
    faces = [portray(p, finder, network) for p in shown if max(p.size) == CHECKED_PX]
    return [found[0] for found in faces if found]


def testimony_ms(portrait: Portrait) -> dict[str, float]:
    """What each check takes on a portrait that nothing has looked at yet, and all together."""
    spent, fresh = {}, replace(portrait)
    for check in CHECKS:
        start = time.perf_counter()
        check.measure(fresh)
        spent[check.name] = 1000.0 * (time.perf_counter() - start)
    return {"all": sum(spent.values()), **spent}


def checks_ms(portraits: Iterable[Portrait], rounds: int) -> dict[str, float]:
    """Medians of `testimony_ms` over `portraits`, each looked at once before the clock runs."""
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        runs = [testimony_ms(p) for p in portraits for _ in range(rounds + 1)]
    finally:
        cv2.setNumThreads(threads)
    timed = [run for i, run in enumerate(runs) if i % (rounds + 1)]
    return {name: round(statistics.median(run[name] for run in timed), 2) for name in timed[0]}


def main() -> None:
    """Print one JSON object."""
    say = argparse.ArgumentParser(prog="make bench", description=__doc__.splitlines()[0])
    say.add_argument("corpus", type=Path, nargs="?", help="without one: the fixtures")
    say.add_argument("--pictures", type=int, default=600)
    say.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    say.add_argument("--rounds", type=int, default=3)
    say.add_argument("--analyses", type=int, default=0, help="then watch memory over so many")
    asked = say.parse_args()

    todo = pictures(read(asked.corpus), asked.pictures) if asked.corpus else shipped(asked.pictures)
    model, calibration = load_model(MODELS_DIR), load(MODELS_DIR / "calibration.json", CHECKS)
    networks, finders = load_networks(MODELS_DIR), FaceFinders(model)
    detect, close = bare(model)

    def whole(data: bytes) -> object:
        return analyze(decode(data), finders.mine(), networks, calibration)

    rates: dict[str, list[float]] = {"bare": [], "whole": []}
    with ThreadPoolExecutor(asked.threads) as pool:
        for work in (detect, whole):  # landmarkers are made and caches filled before the clock runs
            per_second(work, todo[: 8 * asked.threads], pool)
        for _ in range(asked.rounds):
            rates["bare"].append(per_second(detect, todo, pool))
            rates["whole"].append(per_second(whole, todo, pool))
        held = memory(whole, todo, asked.analyses, pool)
    each = checks_ms(framed_portraits(finders.mine(), networks), asked.rounds)
    finders.close()
    close()

    medians = {side: statistics.median(values) for side, values in rates.items()}
    result = {
        "pictures": len(todo),
        "threads": asked.threads,
        "bare_per_second": round(medians["bare"], 1),
        "whole_per_second": round(medians["whole"], 1),
        "share": round(medians["whole"] / medians["bare"], 3),
        "checks_ms": each,
        "resident_mb_each_500": held,
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
