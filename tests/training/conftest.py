"""A small corpus of one photograph, cut many ways, measured and fitted once for all tests here."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from app.arrays import FloatArray, RgbArray
from app.calibration.calibration import Calibration, parse_calibration
from app.checks import CHECKS
from app.face.alignment import crop_square
from app.face.face import Face
from app.face.landmarks import FaceFinder
from app.image.picture import decode
from app.training.calibration import alignment, alignment_model, bootstrap, size_effects
from app.training.calibration import fit as fitting
from app.training.calibration import measurements as seeing
from app.training.calibration.measurements import MeasuredCorpus, measure_corpus
from app.training.corpus import MANIFEST_FILE, Corpus, read_corpus
from app.training.measure import Models
from tests.conftest import FACES
from tests.synthetic_faces import ConstantNetwork

SIDE_PX = 200
SEED = 7
# (kind, label, sources, pictures of each)
CORPUS_KINDS = (
    ("stylegan1", "generated", ("maker_a", "maker_b"), 7),
    ("stylegan2", "generated", ("maker_c", "maker_d", "maker_e"), 7),
    ("avatar", "real", ("people_a", "people_b", "people_c", "people_d", "people_e"), 20),
    ("aligned", "real", ("framer_a", "framer_b", "framer_c"), 5),
)
PICTURE_COUNTS = {kind: len(sources) * count for kind, _, sources, count in CORPUS_KINDS}
SMALL_PX = 96
"""Pictures that tell pixels apart are measured at this side once more."""
NETWORKS = {"witness.onnx": "0a" * 32, "face.onnx": "0c" * 32, "person.onnx": "0b" * 32}
GENERATED_LIGHTENING = 30
"""Generated pictures here are so many levels lighter: ``BrightnessNetwork`` sees that."""


class BrightnessNetwork:
    """A network that takes what is light for generated; not always rightly, and not by much."""

    def score_map(self, rgb: RgbArray) -> FloatArray:
        brightness = cv2.resize(rgb, (4, 3), interpolation=cv2.INTER_AREA).mean(axis=2)
        return np.tile((brightness - 128.0) / 20.0, (5, 1, 1))

    def face_map(self, rgb: RgbArray) -> FloatArray:
        out: FloatArray = self.score_map(rgb)[0]
        return out

    def person_mask(self, rgb: RgbArray) -> FloatArray:
        return ConstantNetwork().person_mask(rgb)


@dataclass(frozen=True, eq=False)
class FittedCorpus:
    """A corpus, what was measured on it, and the calibration file fitted on that."""

    corpus: Corpus
    models: Models
    measured_corpus: MeasuredCorpus
    data: bytes
    calibration: Calibration


def draw_square(kind: str, rng: np.random.Generator) -> FloatArray:
    """Where a picture of ``kind`` has its crop square: (x, y, ln side, roll) of its frame."""
    if kind == "avatar":
        return rng.normal([0.5, 0.45, -0.35, 0.0], [0.05, 0.05, 0.2, 0.06])
    return rng.normal([0.5, 0.496, 0.0, 0.0], [0.001, 0.001, 0.008, 0.004])


def warp_photograph(
    photograph: RgbArray, face: Face, square: FloatArray, rng: np.random.Generator
) -> RgbArray:
    """``photograph`` a little stretched and slanted; its crop square is then ``square``."""
    stretch = np.eye(2) + rng.normal(0.0, 0.02, (2, 2))
    corners = crop_square(Face(face.landmarks @ stretch.T))
    edge = corners[1] - corners[0]
    scale = math.exp(square[2]) * SIDE_PX / float(np.hypot(*edge))
    turn = square[3] - math.atan2(edge[1], edge[0])
    cos, sin = scale * math.cos(turn), scale * math.sin(turn)
    linear = np.array([[cos, -sin], [sin, cos]])
    shift = square[:2] * SIDE_PX - linear @ corners.mean(axis=0)
    linear = linear @ stretch
    # OpenCV counts from pixel centres, we from the outer corner.
    by_pixel = np.column_stack([linear, shift + linear @ [0.5, 0.5] - 0.5])
    out = cv2.warpAffine(
        photograph, by_pixel, (SIDE_PX, SIDE_PX), borderMode=cv2.BORDER_REFLECT_101
    )
    return np.asarray(out[:, ::-1] if rng.random() < 0.5 else out, dtype=np.uint8)


def write_corpus(root: Path, finder: FaceFinder) -> Corpus:
    picture = decode((FACES / "astronaut.jpg").read_bytes())
    (face,) = finder.find_faces(picture)
    rng = np.random.default_rng(SEED)
    with (root / MANIFEST_FILE).open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["path", "label", "kind", "source"])
        for kind, label, sources, count in CORPUS_KINDS:
            for source in sources:
                for number in range(count):
                    name = f"{source}_{number}.jpg"
                    rgb = warp_photograph(picture.rgb, face, draw_square(kind, rng), rng)
                    level = rng.normal(GENERATED_LIGHTENING * (label == "generated"), 15.0)
                    rgb = np.clip(rgb + level, 0.0, 255.0).astype(np.uint8)
                    cv2.imwrite(str(root / name), rgb[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
                    table.writerow([name, label, kind, source])
    return read_corpus(root)


@pytest.fixture(scope="package")
def fast_fit() -> Iterator[None]:
    """Two small sizes instead of five, four bootstraps, three components of ordinary avatars.

    And one thread for linear algebra: on a busy machine, many wait for each other.
    """
    with threadpool_limits(1), pytest.MonkeyPatch.context() as patch:
        patch.setattr(size_effects, "NOISE_SIDES_PX", (48, 96))
        patch.setattr(seeing, "DOWNSCALED_SIDES_PX", (SMALL_PX,))
        patch.setattr(alignment, "BOOTSTRAP_COUNT", 4)
        patch.setattr(bootstrap, "BOOTSTRAP_COUNT", 4)
        patch.setattr(alignment_model, "_COMPONENT_COUNT", 3)
        yield


@pytest.fixture(scope="package")
def models(model: bytes) -> Models:
    """The real landmarks, and a network that is quick and not very clever."""
    network = BrightnessNetwork()
    return Models(model, lambda _: network)


@pytest.fixture(scope="package")
def study(
    fast_fit: None, tmp_path_factory: pytest.TempPathFactory, finder: FaceFinder, models: Models
) -> FittedCorpus:
    """The corpus, measured and fitted."""
    corpus = write_corpus(tmp_path_factory.mktemp("corpus"), finder)
    measured_corpus = measure_corpus(corpus, models)
    data = fitting.fit(corpus, models, NETWORKS, measured_corpus)
    return FittedCorpus(corpus, models, measured_corpus, data, parse_calibration(data, CHECKS))
