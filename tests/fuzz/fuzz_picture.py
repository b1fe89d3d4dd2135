"""A coverage-guided fuzzer on decoding, and on the whole analysis of what decodes: ``make fuzz``.

    make fuzz [RUNS=100000] [SECONDS=900]

Coverage is that of our readers and of Pillow's Python; the codecs behind them are not instrumented
and are reached by mutation alone. Anything but an ``AvatarError`` ends the run, as does a picture
that takes 5 s or 2 GB. Every ``ANALYSED``-th picture that decodes is analysed as the service would.
After each 10,000 inputs a line of JSON says what became of them.
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

    from app.errors import AvatarError
    from app.image.picture import DecodeLimits, Picture, decode

from app.analysis.analyze import analyze
from app.calibration.calibration import FILE, load
from app.checks import CHECKS
from app.face.landmarks import FaceFinder, load_model
from app.networks.onnx import load_networks
from app.settings import MODELS_DIR

FACES = Path(__file__).resolve().parent.parent.parent / "fixtures" / "faces"
ANALYSED = 25
TOLD_EACH = 10_000
SLOW_MS = 300.0
"""Of processor time; the slowest so far beyond it is kept in a file."""
MAX_SEED_BYTES = 40_000
LIMITS = DecodeLimits(max_pixels=4_000_000)
"""Smaller than the service's, so that a run looks at many pictures and not at a few vast ones."""

told: Counter[str] = Counter()
slowest_ms = 0.0
began = time.perf_counter()


def main() -> None:
    """libFuzzer's own options follow those that are given here."""
    finder, networks = FaceFinder(load_model(MODELS_DIR)), load_networks(MODELS_DIR)
    calibration = load(MODELS_DIR / FILE, CHECKS)
    with atheris.instrument_imports(include=["PIL"]):
        PIL.Image.init()
    decode((FACES / "astronaut.jpg").read_bytes())
    idle_mb = peak_mb()

    def examine(picture: Picture) -> None:
        analysis = analyze(picture, finder, networks, calibration)
        told[f"outcome {analysis.outcome}"] += 1

    def once(data: bytes) -> None:
        one(data)
        if inputs() % TOLD_EACH == 0:
            report()

    def one(data: bytes) -> None:
        global slowest_ms
        start = time.process_time()
        try:
            picture = decode(data, LIMITS)
        except AvatarError as error:
            told[error.code] += 1
        else:
            told["ok"] += 1
            if told["ok"] % ANALYSED == 0:
                examine(picture)
                return
        took_ms = 1000.0 * (time.process_time() - start)
        if took_ms > max(SLOW_MS, slowest_ms):
            Path(f"slow-{took_ms:.0f}ms").write_bytes(data)
        slowest_ms = max(slowest_ms, took_ms)

    def report() -> None:
        said = {
            "inputs": inputs(),
            "answers": dict(told.most_common()),
            "slowest_decode_ms": round(slowest_ms, 1),
            "peak_mb": peak_mb(),
            "peak_mb_before_the_first": idle_mb,
            "seconds": round(time.perf_counter() - began, 1),
        }
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()

    with tempfile.TemporaryDirectory() as corpus:
        seed(Path(corpus))
        limits = ["-timeout=5", "-rss_limit_mb=2048", "-malloc_limit_mb=1024"]
        fixed = [*limits, f"-max_len={MAX_SEED_BYTES}", corpus]
        atheris.Setup([*sys.argv, *fixed], once, custom_mutator=mutated)
        atheris.Fuzz()


def inputs() -> int:
    """How many were looked at so far."""
    return sum(count for name, count in told.items() if not name.startswith("outcome"))


def seed(folder: Path) -> None:
    """Everything that ships and is small, hostile or not."""
    with (FACES / "hostile" / "manifest.csv").open(encoding="utf-8") as table:
        hostile = [FACES / "hostile" / row["file"] for row in csv.DictReader(table)]
    for number, path in enumerate([*hostile, *sorted(FACES.glob("*.*"))]):
        if path.stat().st_size <= MAX_SEED_BYTES:
            (folder / str(number)).write_bytes(path.read_bytes())


def mutated(data: bytes, max_size: int, seed: int) -> bytes:
    """libFuzzer's own mutation; a PNG then gets good checksums, which hide what is behind them."""
    changed: bytes = atheris.Mutate(data, max_size)
    if changed.startswith(b"\x89PNG\r\n\x1a\n") and random.Random(seed).random() < 0.9:
        return with_checksums(changed)[:max_size]
    return changed


def with_checksums(png: bytes) -> bytes:
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
