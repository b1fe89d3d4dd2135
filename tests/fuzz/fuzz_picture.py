"""A coverage-guided fuzzer on decoding, and on the whole analysis of what decodes: ``make fuzz``.

    make fuzz [RUNS=100000] [SECONDS=900]

Coverage is that of our readers and of Pillow's Python; the codecs behind them are not instrumented
and are reached by mutation alone. Anything but an ``RequestError`` ends the run, as does a picture
that takes 5 s or 2 GB. Every ``ANALYZE_EVERY``-th picture that decodes is analysed as the service
would. After each 10,000 inputs a line of JSON says what became of them.
"""

from __future__ import annotations

import csv
import json
import random
import resource
import struct
import sys
import tempfile
import time
import zlib
from collections import Counter
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["app.image.containers", "app.image.picture", "PIL"]):
    import PIL.Image

    from app.image.picture import DecodeLimits, Picture, decode

from app import MODELS_DIR
from app.analysis.analyze import analyze
from app.calibration.calibration import CALIBRATION_FILE, load_calibration
from app.checks import CHECKS
from app.errors import RequestError
from app.face.landmarks import FaceFinder, load_landmark_model
from app.networks.onnx import load_networks

FACES = Path(__file__).resolve().parent.parent.parent / "fixtures" / "faces"
ANALYZE_EVERY = 25
REPORT_EVERY = 10_000
SLOW_MS = 300.0
"""Of processor time; the slowest so far beyond it is kept in a file."""
MAX_SEED_BYTES = 40_000
LIMITS = DecodeLimits(max_pixels=4_000_000)
"""Smaller than the service's, so that a run looks at many pictures and not at a few vast ones."""

counts: Counter[str] = Counter()
slowest_ms = 0.0
started = time.perf_counter()


def main() -> None:
    """libFuzzer's own options follow those that are given here."""
    finder, networks = FaceFinder(load_landmark_model(MODELS_DIR)), load_networks(MODELS_DIR)
    calibration = load_calibration(MODELS_DIR / CALIBRATION_FILE, CHECKS)
    with atheris.instrument_imports(include=["PIL"]):
        PIL.Image.init()
    decode((FACES / "astronaut.jpg").read_bytes())
    idle_mb = peak_mb()

    def analyze_picture(picture: Picture) -> None:
        analysis = analyze(picture, finder, networks, calibration)
        counts[f"outcome {analysis.outcome}"] += 1

    def fuzz_one(data: bytes) -> None:
        decode_one(data)
        if input_count() % REPORT_EVERY == 0:
            write_report()

    def decode_one(data: bytes) -> None:
        global slowest_ms
        start = time.process_time()
        try:
            picture = decode(data, LIMITS)
        except RequestError as error:
            counts[error.code] += 1
        else:
            counts["ok"] += 1
            if counts["ok"] % ANALYZE_EVERY == 0:
                analyze_picture(picture)
                return
        took_ms = 1000.0 * (time.process_time() - start)
        if took_ms > max(SLOW_MS, slowest_ms):
            Path(f"slow-{took_ms:.0f}ms").write_bytes(data)
        slowest_ms = max(slowest_ms, took_ms)

    def write_report() -> None:
        said = {
            "inputs": input_count(),
            "answers": dict(counts.most_common()),
            "slowest_decode_ms": round(slowest_ms, 1),
            "peak_mb": peak_mb(),
            "peak_mb_before_the_first": idle_mb,
            "seconds": round(time.perf_counter() - started, 1),
        }
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()

    with tempfile.TemporaryDirectory() as corpus:
        write_seeds(Path(corpus))
        limits = ["-timeout=5", "-rss_limit_mb=2048", "-malloc_limit_mb=1024"]
        fixed = [*limits, f"-max_len={MAX_SEED_BYTES}", corpus]
        atheris.Setup([*sys.argv, *fixed], fuzz_one, custom_mutator=mutate)
        atheris.Fuzz()


def input_count() -> int:
    """How many were looked at so far."""
    return sum(count for name, count in counts.items() if not name.startswith("outcome"))


def write_seeds(folder: Path) -> None:
    """Everything that ships and is small, hostile or not."""
    with (FACES / "hostile" / "manifest.csv").open(encoding="utf-8") as table:
        hostile = [FACES / "hostile" / row["file"] for row in csv.DictReader(table)]
    for number, path in enumerate([*hostile, *sorted(FACES.glob("*.*"))]):
        if path.stat().st_size <= MAX_SEED_BYTES:
            (folder / str(number)).write_bytes(path.read_bytes())


def mutate(data: bytes, max_size: int, seed: int) -> bytes:
    """libFuzzer's own mutation; a PNG then gets good checksums, which hide what is behind them."""
    changed: bytes = atheris.Mutate(data, max_size)
    if changed.startswith(b"\x89PNG\r\n\x1a\n") and random.Random(seed).random() < 0.9:
        return fix_checksums(changed)[:max_size]
    return changed


def fix_checksums(png: bytes) -> bytes:
    """``png`` with every checksum right, as far as its chunks can be followed."""
    parts, at = [png[:8]], 8
    while at + 12 <= len(png):
        (length,) = struct.unpack_from(">I", png, at)
        body = png[at + 4 : at + 8 + length]
        parts += [png[at : at + 4], body, struct.pack(">I", zlib.crc32(body))]
        at += 12 + length
    return b"".join(parts) + png[at:]


def peak_mb() -> int:
    """The most that this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    main()
