"""Turned pictures: are they found and answered as upright ones are, and what does it cost?

`python -m benchmarks.orientation CORPUS` turns generated pictures by quarter turns, mirrors them
top to bottom and rotates them by other angles, and looks for ordinary avatars that pay for the
search. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from app.analysis.analyze import analyze
from app.arrays import RgbArray
from app.calibration.calibration import CALIBRATION_FILE, load_calibration
from app.checks import CHECKS
from app.errors import RequestError
from app.evidence import Analysis, Verdict
from app.face.face import Face
from app.face.landmarks import FaceFinder, load_landmark_model
from app.face.mesh_fit import DEFAULT_MESH_FIT_PATH, default_mesh_fit
from app.face.orientation import find_oriented_faces
from app.face.turn_mosaic import TurnScores
from app.image.picture import Picture, decode
from app.networks.onnx import load_networks
from app.training.corpus import FFHQ_KINDS, ORDINARY_KINDS, STUDIO_KINDS, read_corpus

MODELS: Final = DEFAULT_MESH_FIT_PATH.parent
ANGLES_DEG: Final = (15.0, 30.0, 60.0, 105.0, 135.0, 165.0, 195.0, 255.0, 300.0, 345.0)
_SEED: Final = 20261201


def rotate(rgb: RgbArray, degrees: float) -> RgbArray:
    """``rgb`` rotated about its centre, black beyond its edges."""
    height, width = rgb.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), -degrees, 1.0)
    return np.asarray(cv2.warpAffine(rgb, matrix, (width, height), flags=cv2.INTER_CUBIC), np.uint8)


def rotation(degrees: float) -> Callable[[RgbArray], RgbArray]:
    """``rotate`` by ``degrees``."""
    return lambda rgb: rotate(rgb, degrees)


VARIANTS: Final[Mapping[str, Callable[[RgbArray], RgbArray]]] = {
    "upright": lambda rgb: rgb,
    "90": lambda rgb: np.rot90(rgb, -1),
    "180": lambda rgb: np.rot90(rgb, 2),
    "270": lambda rgb: np.rot90(rgb, 1),
    "mirrored top to bottom": lambda rgb: rgb[::-1],
    **{f"rotated by {d:g}": rotation(d) for d in ANGLES_DEG},
}


class CountingFinder(FaceFinder):
    """Counts searches in other orientations, and the time that these and detections take."""

    searches, milliseconds = 0, 0.0

    def detect(self, picture: Picture) -> tuple[Face, ...]:
        """As ``FaceFinder`` does, timed."""
        start = time.perf_counter()
        faces = super().detect(picture)
        self.milliseconds += 1000.0 * (time.perf_counter() - start)
        return faces

    def score_turns(self, picture: Picture) -> TurnScores:
        """As ``FaceFinder`` does, timed."""
        start = time.perf_counter()
        scores = super().score_turns(picture)
        self.milliseconds += 1000.0 * (time.perf_counter() - start)
        self.searches += 1
        return scores


def measure_generated(
    pictures: list[Picture], judge: Callable[[Picture], Analysis]
) -> dict[str, dict[str, int]]:
    """How every variant of ``pictures`` is called, and how often against without a warning."""
    out: dict[str, dict[str, int]] = {}
    for name, change in VARIANTS.items():
        counts: Counter[str] = Counter()
        for picture in pictures:
            changed = np.ascontiguousarray(change(picture.rgb), dtype=np.uint8)
            analysis = judge(Picture(changed, "PNG", ""))
            counts[str(analysis.verdict)] += 1
            counts["rotated"] += "rotated" in analysis.warnings
            silent = "rotated" not in analysis.warnings
            counts["unlikely, no warning"] += (
                silent and analysis.verdict == Verdict.UNLIKELY_STYLEGAN
            )
            counts["strong against, no warning"] += silent and analysis.llr <= -2.0
        out[name] = dict(counts)
    return out


def measure_ordinary(
    pictures: list[Picture], finder: CountingFinder, judge: Callable[[Picture], Analysis]
) -> dict[str, Any]:
    """How many ordinary avatars pay for the search, how much, and what it changes."""
    paid, extra_ms, changed = 0, 0.0, Counter[str]()
    for picture in pictures:
        before, spent = finder.searches, finder.milliseconds
        first = finder.detect(picture)
        first_ms = finder.milliseconds - spent
        oriented = find_oriented_faces(picture, finder, default_mesh_fit())
        has_paid = finder.searches > before
        paid += has_paid
        extra_ms += max(0.0, finder.milliseconds - spent - 2.0 * first_ms) if has_paid else 0.0
        changed["no face at first"] += not first
        if oriented.turn or not oriented.is_certain:
            verdict = judge(picture).verdict
            changed[f"{'turned' if oriented.turn else 'uncertain'}: {verdict}"] += 1
    return {
        "pictures": len(pictures),
        "pay": paid,
        "mean_extra_ms": round(extra_ms / len(pictures), 3),
        "changed": dict(changed),
    }


def read_pictures(root: Path, kinds: tuple[str, ...], count: int) -> list[Picture]:
    """``count`` pictures of ``kinds`` at random."""
    rows = [r for r in read_corpus(root).rows if r.kind in kinds]
    pictures = []
    for row in np.random.default_rng(_SEED).permutation(np.array(rows, dtype=object))[:count]:
        try:
            pictures.append(decode((root / row.path).read_bytes()))
        except RequestError:
            continue
    return pictures


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(prog="benchmarks.orientation")
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--generated", type=int, default=70)
    parser.add_argument("--ordinary", type=int, default=1000)
    arguments = parser.parse_args()
    networks, calibration = (
        load_networks(MODELS),
        load_calibration(MODELS / CALIBRATION_FILE, CHECKS),
    )
    generated_kinds = (*FFHQ_KINDS, *STUDIO_KINDS)
    with CountingFinder(load_landmark_model(MODELS)) as finder:

        def judge(picture: Picture) -> Analysis:
            return analyze(picture, finder, networks, calibration)

        result = {
            "ordinary": measure_ordinary(
                read_pictures(arguments.corpus, ORDINARY_KINDS, arguments.ordinary), finder, judge
            ),
            "generated": measure_generated(
                read_pictures(arguments.corpus, generated_kinds, arguments.generated), judge
            ),
        }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
