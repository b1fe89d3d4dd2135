"""Cross-fitting: every picture of a corpus is read by a network that was not trained on it.

A corpus has four splits, by collector wherever a kind has several; ``SPLITS_FILE`` lists them. For
each split a network was trained on the other three and reads that split, so that no figure and no
fitted slope depends on memorised pictures.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.face.landmarks import load_landmark_model
from app.networks.onnx import load_networks
from app.training.corpus import Corpus, CorpusError, ManifestRow, assign_folds
from app.training.measure import Models

HELD_OUT_DIR: Final = "held_out"
SPLITS_FILE: Final = "parts.json"
SPLIT_COUNT: Final = 4
SPLIT_BY_PICTURE: Final = -1
"""In ``NetworkSplits.collectors``: this collector's pictures are split one by one."""


@dataclass(frozen=True)
class NetworkSplits:
    """The split of every picture, 0 to 3.

    ``collectors``: the split of each, or ``SPLIT_BY_PICTURE`` for the only one of its kind;
    ``pictures``: the splits of the pictures of those, by path.
    """

    manifest_sha256: str
    collectors: Mapping[str, int]
    pictures: Mapping[str, int]

    def split_of(self, row: ManifestRow) -> int:
        """The split of ``row``. Raises ``CorpusError`` for an unknown collector or picture."""
        split = self.collectors.get(row.source)
        split = self.pictures.get(row.path) if split == SPLIT_BY_PICTURE else split
        if split is None:
            raise CorpusError(
                f"no network was trained without {row.path} of {row.source}: run `make fit-texture`"
            )
        return split

    def to_json(self) -> str:
        """The content of ``SPLITS_FILE``."""
        content = {
            "manifest_sha256": self.manifest_sha256,
            "collectors": dict(sorted(self.collectors.items())),
            "pictures": dict(sorted(self.pictures.items())),
        }
        return json.dumps(content, indent=1) + "\n"


def read_splits(models_dir: Path) -> NetworkSplits:
    """The splits that ``make fit-texture`` wrote. Raises ``CorpusError``."""
    path = models_dir / HELD_OUT_DIR / SPLITS_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return NetworkSplits(
            manifest_sha256=str(content["manifest_sha256"]),
            collectors={str(k): int(v) for k, v in content["collectors"].items()},
            pictures={str(k): int(v) for k, v in content["pictures"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorpusError(f"cannot read {path}: restore it, or run `make fit-texture`") from error


def split_by_hash(path: str) -> int:
    """The split of a picture of a collector that is split by picture."""
    return int(hashlib.sha256(path.encode()).hexdigest(), 16) % SPLIT_COUNT


def extend_splits(splits: NetworkSplits, corpus: Corpus) -> NetworkSplits:
    """``splits`` extended to a larger ``corpus``, for the existing networks.

    No network was trained on the added collectors and pictures, so any may read them: a new
    collector goes whole into the split with the fewest of its kinds, a new picture of a collector
    that is split by picture is assigned by hash. Existing assignments stay.
    """
    is_split = {name for name, split in splits.collectors.items() if split == SPLIT_BY_PICTURE}
    whole = [row for row in corpus.rows if row.source not in is_split]
    known = {
        row.collector: splits.collectors[row.source]
        for row in whole
        if row.source in splits.collectors
    }
    dealt = zip(whole, assign_folds(whole, SPLIT_COUNT, known), strict=True)
    collectors = {row.source: split for row, split in dealt} | dict(splits.collectors)
    pictures = {row.path: split_by_hash(row.path) for row in corpus.rows if row.source in is_split}
    return NetworkSplits(corpus.manifest_sha256, collectors, pictures | dict(splits.pictures))


def network_file(split: int) -> str:
    """The file, relative to the models folder, of the region network trained without ``split``."""
    return f"{HELD_OUT_DIR}/without_{split}.onnx"


def face_network_file(split: int) -> str:
    """The same of the face network."""
    return f"{HELD_OUT_DIR}/face_without_{split}.onnx"


def load_models(corpus: Corpus, models_dir: Path, *, use_shipped: bool) -> Models:
    """The models for ``corpus``: the shipped network if asked for, or if it was trained on another.

    Raises ``LandmarkModelError``, ``NetworkError`` or ``CorpusError``.
    """
    landmarks = load_landmark_model(models_dir)
    splits = None if use_shipped else read_splits(models_dir)
    if splits is None or splits.manifest_sha256 != corpus.manifest_sha256:
        shipped_networks = load_networks(models_dir)
        return Models(landmarks, lambda _: shipped_networks)
    held_out_networks = [
        load_networks(models_dir, network_file(split), face_network_file(split))
        for split in range(SPLIT_COUNT)
    ]
    return Models(landmarks, lambda row: held_out_networks[splits.split_of(row)], splits.split_of)
