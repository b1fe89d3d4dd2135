"""Speed and memory of the whole analysis, compared with a bare landmarker in the same run.

    make bench [CORPUS=<folder with manifest.csv>] [ARGS="--threads 2 --generated-share 0"]

Both sides start from the bytes of a file. The bare side decodes it with Pillow and calls MediaPipe
once; the other side is everything that `POST /v1/analyses` does between body and JSON. A fifth of
the pictures are generated (the share matters: only faces near a template are measured again, and
far from every frame most are looked at no further). The two alternate and the median of the rounds
is reported, so that load on the machine affects both.

Then the cost of each check: its time on one face of 400 px, on one thread, given the landmarks. The
first check that needs the face crop (or the person mask) includes its cost.
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

from app import MODELS_DIR
from app.analysis.analyze import analyze, build_portraits
from app.calibration.calibration import load_calibration
from app.checks import CHECKS
from app.face.landmarks import FaceFinder, ThreadFaceFinders, load_landmark_model
from app.face.portrait import PixelNetwork, Portrait
from app.image.picture import decode
from app.networks.onnx import load_networks
from app.training.corpus import ORDINARY_KINDS, Corpus, read_corpus

GENERATED_SHARE: Final = 0.2
FIXTURES: Final = Path(__file__).resolve().parent.parent / "fixtures" / "faces"
FRAMED_GLOB: Final = "astronaut_ffhq_*"
CHECKED_PX: Final = 400  # the side of the pictures that checks are timed on
ANALYSES_PER_SAMPLE: Final = 500  # memory is sampled after each
_PAGE_MB: Final = os.sysconf("SC_PAGE_SIZE") / 2**20

PictureFn = Callable[[bytes], object]


def corpus_pictures(
    corpus: Corpus, count: int, seed: int = 0, generated_share: float = GENERATED_SHARE
) -> list[bytes]:
    """The bytes of `count` pictures, this share of them generated, drawn and mixed by `seed`."""
    generated = [row for row in corpus.rows if row.is_generated]
    ordinary = [row for row in corpus.rows if row.kind in ORDINARY_KINDS]
    share = round(count * generated_share)
    draw = random.Random(seed)  # noqa: S311 - a sample, not a secret
    rows = draw.sample(generated, min(share, len(generated)))
    rows += draw.sample(ordinary, min(count - share, len(ordinary)))
    draw.shuffle(rows)
    return [(corpus.root / row.path).read_bytes() for row in rows]


def fixture_pictures(count: int) -> list[bytes]:
    """`count` of the fixtures' bytes, a fifth of them in a generator's frame."""
    framed = sorted(FIXTURES.glob(FRAMED_GLOB))
    others = sorted({*FIXTURES.glob("*.jpg"), *FIXTURES.glob("*.png")} - set(framed))
    share = round(count * GENERATED_SHARE)
    chosen = [*islice(cycle(framed), share), *islice(cycle(others), count - share)]
    random.Random(0).shuffle(chosen)  # noqa: S311 - a sample, not a secret
    return [path.read_bytes() for path in chosen]


def bare_landmarker(model: bytes) -> tuple[PictureFn, Callable[[], None]]:
    """Pillow, then MediaPipe with its default options: one landmarker a thread."""
    local, landmarkers = threading.local(), []
    options = mp.tasks.vision.FaceLandmarkerOptions(
        base_options=mp.tasks.BaseOptions(model_asset_buffer=model)
    )

    def detect(data: bytes) -> object:
        if not hasattr(local, "landmarker"):
            local.landmarker = mp.tasks.vision.FaceLandmarker.create_from_options(options)
            landmarkers.append(local.landmarker)
        rgb = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
        return local.landmarker.detect(mp.Image(image_format=mp.ImageFormat.SRGB, data=rgb))

    def close() -> None:
        for landmarker in landmarkers:
            landmarker.close()

    return detect, close


def measure_rate(work: PictureFn, todo: Sequence[bytes], pool: ThreadPoolExecutor) -> float:
    """Pictures a second through `work` on all the threads of `pool`."""
    start = time.perf_counter()
    for _ in pool.map(work, todo):
        pass
    return len(todo) / (time.perf_counter() - start)


def measure_cost(
    work: PictureFn, todo: Sequence[bytes], pool: ThreadPoolExecutor
) -> tuple[float, float]:
    """Pictures a second, and ms of processor time for each, which other load hardly moves."""
    start = time.process_time()
    rate = measure_rate(work, todo, pool)
    return rate, 1000.0 * (time.process_time() - start) / len(todo)


def resident_mb() -> float:
    """Resident memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_MB


def measure_memory(
    work: PictureFn, todo: Sequence[bytes], count: int, pool: ThreadPoolExecutor
) -> list[float]:
    """MB resident after each 500 of `count` analyses."""
    endless, resident = cycle(todo), []
    for _ in range(count // ANALYSES_PER_SAMPLE):
        measure_rate(work, list(islice(endless, ANALYSES_PER_SAMPLE)), pool)
        resident.append(round(resident_mb(), 1))
    return resident


def framed_portraits(finder: FaceFinder, network: PixelNetwork) -> list[Portrait]:
    """The face of every fixture that has one in a generator's frame, 400 px wide."""
    fixture_images = [decode(path.read_bytes()) for path in sorted(FIXTURES.glob(FRAMED_GLOB))]
    faces = [
        build_portraits(p, finder, network) for p in fixture_images if max(p.size) == CHECKED_PX
    ]
    return [face_portraits[0] for face_portraits in faces if face_portraits]


def time_checks(portrait: Portrait) -> dict[str, float]:
    """Time of each check on a fresh portrait, and of all together."""
    elapsed_ms, fresh = {}, replace(portrait)
    for check in CHECKS:
        start = time.perf_counter()
        check.measure(fresh)
        elapsed_ms[check.name] = 1000.0 * (time.perf_counter() - start)
    return {"all": sum(elapsed_ms.values()), **elapsed_ms}


def median_check_ms(portraits: Iterable[Portrait], rounds: int) -> dict[str, float]:
    """Median of each time of `time_checks` over `portraits`, after a warm-up of each."""
    runs = [time_checks(p) for p in portraits for _ in range(rounds + 1)]
    timed = [run for i, run in enumerate(runs) if i % (rounds + 1)]
    return {name: round(statistics.median(run[name] for run in timed), 2) for name in timed[0]}


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path, nargs="?", help="without one: the fixtures")
    parser.add_argument("--pictures", type=int, default=600)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--generated-share", type=float, default=GENERATED_SHARE, help="of the corpus's pictures"
    )
    parser.add_argument("--analyses", type=int, default=0, help="then watch memory over so many")
    arguments = parser.parse_args()

    todo = (
        corpus_pictures(
            read_corpus(arguments.corpus),
            arguments.pictures,
            generated_share=arguments.generated_share,
        )
        if arguments.corpus
        else fixture_pictures(arguments.pictures)
    )
    model, calibration = (
        load_landmark_model(MODELS_DIR),
        load_calibration(MODELS_DIR / "calibration.json", CHECKS),
    )
    networks, finders = load_networks(MODELS_DIR), ThreadFaceFinders(model)
    cv2.setNumThreads(1)  # as in the processes that analyze: a picture stays on its thread
    detect, close = bare_landmarker(model)

    def analyze_whole(data: bytes) -> object:
        return analyze(decode(data), finders.for_current_thread(), networks, calibration)

    costs: dict[str, list[tuple[float, float]]] = {"bare": [], "whole": []}
    with ThreadPoolExecutor(arguments.threads) as pool:
        for work in (
            detect,
            analyze_whole,
        ):  # landmarkers are made and caches filled before the clock runs
            measure_rate(work, todo[: 8 * arguments.threads], pool)
        for _ in range(arguments.rounds):
            costs["bare"].append(measure_cost(detect, todo, pool))
            costs["whole"].append(measure_cost(analyze_whole, todo, pool))
        resident = measure_memory(analyze_whole, todo, arguments.analyses, pool)
    check_ms = median_check_ms(
        framed_portraits(finders.for_current_thread(), networks), arguments.rounds
    )
    finders.close()
    close()

    rates, cpu_ms = (
        {side: statistics.median(pair[i] for pair in pairs) for side, pairs in costs.items()}
        for i in (0, 1)
    )
    result = {
        "pictures": len(todo),
        "threads": arguments.threads,
        "bare_per_second": round(rates["bare"], 1),
        "whole_per_second": round(rates["whole"], 1),
        "share": round(rates["whole"] / rates["bare"], 3),
        "bare_cpu_ms": round(cpu_ms["bare"], 2),
        "whole_cpu_ms": round(cpu_ms["whole"], 2),
        "cpu_share": round(cpu_ms["bare"] / cpu_ms["whole"], 3),
        "checks_ms": check_ms,
        "resident_mb_each_500": resident,
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
