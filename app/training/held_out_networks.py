"""The networks that may look at a corpus: for pictures that one was trained on, another one.

A corpus is in four parts, by collector wherever a kind has several; ``splits.json`` says which part
a picture is in. For every part a further network was trained on the other three, and reads it, so
that no figure and no fitted slope rests on a picture remembered.
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
"""In ``NetworkSplits.collectors``: this one's pictures were split."""


@dataclass(frozen=True)
class NetworkSplits:
    """Who is in which part, 0 to 3.

    ``collectors``: the part of each, or ``SPLIT_BY_PICTURE`` for one that is the only one of its
    kind; ``pictures``: the part of each picture of those, by path.
    """

    manifest_sha256: str
    collectors: Mapping[str, int]
    pictures: Mapping[str, int]

    def split_of(self, row: ManifestRow) -> int:
        """Raises ``CorpusError`` for a collector or a picture that was not there."""
        split = self.collectors.get(row.source)
        split = self.pictures.get(row.path) if split == SPLIT_BY_PICTURE else split
        if split is None:
            raise CorpusError(
                f"no network was trained without {row.path} of {row.source}: run `make fit-texture`"
            )
        return split

    def to_json(self) -> str:
        """As it is kept."""
        content = {
            "manifest_sha256": self.manifest_sha256,
            "collectors": dict(sorted(self.collectors.items())),
            "pictures": dict(sorted(self.pictures.items())),
        }
        return json.dumps(content, indent=1) + "\n"


def read_splits(models_dir: Path) -> NetworkSplits:
    """What ``make fit-texture`` wrote. Raises ``CorpusError``."""
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
    """The part of a picture of a collector whose pictures are dealt out one by one."""
    return int(hashlib.sha256(path.encode()).hexdigest(), 16) % SPLIT_COUNT


def extend_splits(splits: NetworkSplits, corpus: Corpus) -> NetworkSplits:
    """``splits`` for a larger ``corpus``, for the networks that there are.

    No network saw the collectors and pictures that were added, so any may read them: a new
    collector is put whole into the part that holds least of its kinds, and a new picture of a
    collector that is split by picture is dealt out like the others. What was known stays.
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
    """The file, below the models, of the network that never saw ``part``."""
    return f"{HELD_OUT_DIR}/without_{split}.onnx"


def load_models(corpus: Corpus, models_dir: Path, *, use_shipped: bool) -> Models:
    """What may look at ``corpus``: the shipped network if asked for or if it never saw it.

    Raises ``LandmarkModelError``, ``NetworkError`` or ``CorpusError``.
    """
    landmarks = load_landmark_model(models_dir)
    splits = None if use_shipped else read_splits(models_dir)
    if splits is None or splits.manifest_sha256 != corpus.manifest_sha256:
        shipped_networks = load_networks(models_dir)
        return Models(landmarks, lambda _: shipped_networks)
    held_out_networks = [
        load_networks(models_dir, network_file(split)) for split in range(SPLIT_COUNT)
    ]
    return Models(landmarks, lambda row: held_out_networks[splits.split_of(row)], splits.split_of)
