"""The networks that may look at a corpus: for pictures that one was trained on, another one.

Two further networks were each trained on one half of the corpus, by collector wherever a kind has
several; ``halves.json`` says which half a picture is in. What a picture of one half shows is read
by the network of the other, so that no figure and no fitted slope rests on a picture remembered.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.fitting.corpus import Corpus, CorpusError, Row
from app.fitting.measure import Models
from app.landmarks import load_model
from app.network import load_networks

FOLDER: Final = "held_out"
HALVES: Final = "halves.json"


@dataclass(frozen=True)
class Halves:
    """Who is in which half.

    ``collectors``: the half of each, or ``SPLIT`` for one that is the only one of its kind;
    ``second``: the paths of those that are in the second half.
    """

    manifest_sha256: str
    collectors: Mapping[str, int]
    second: frozenset[str]

    def half(self, row: Row) -> int:
        """0 or 1. Raises ``CorpusError`` for a collector that was not there."""
        if row.source not in self.collectors:
            raise CorpusError(
                f"no network was trained without {row.source}: run `make fit-texture`"
            )
        half = self.collectors[row.source]
        return int(row.path in self.second) if half == SPLIT else half

    def written(self) -> str:
        """As it is kept."""
        content = {
            "manifest_sha256": self.manifest_sha256,
            "collectors": dict(sorted(self.collectors.items())),
            "second": sorted(self.second),
        }
        return json.dumps(content, indent=1) + "\n"


SPLIT: Final = -1
"""In ``Halves.collectors``: this one's pictures were split."""


def read_halves(models_dir: Path) -> Halves:
    """What ``make fit-texture`` wrote. Raises ``CorpusError``."""
    path = models_dir / FOLDER / HALVES
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Halves(
            manifest_sha256=str(content["manifest_sha256"]),
            collectors={str(k): int(v) for k, v in content["collectors"].items()},
            second=frozenset(content["second"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorpusError(f"cannot read {path}: restore it, or run `make fit-texture`") from error


def witness_of(half: int) -> str:
    """The file of the network that was trained on ``half``, below the models."""
    return f"{FOLDER}/witness_{half}.onnx"


def models_for(corpus: Corpus, models_dir: Path, *, shipped: bool) -> Models:
    """What may look at ``corpus``: the shipped network if asked for or if it never saw it.

    Raises ``ModelError``, ``NetworkError`` or ``CorpusError``.
    """
    landmarks = load_model(models_dir)
    halves = None if shipped else read_halves(models_dir)
    if halves is None or halves.manifest_sha256 != corpus.manifest_sha256:
        alone = load_networks(models_dir)
        return Models(landmarks, lambda _: alone)
    trained = [load_networks(models_dir, witness_of(half)) for half in (0, 1)]

    def reader(row: Row) -> int:
        return 1 - halves.half(row)

    return Models(landmarks, lambda row: trained[reader(row)], reader)
