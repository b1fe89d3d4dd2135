"""The networks that may look at a corpus: for pictures that one was trained on, another one.

A corpus is in four parts, by collector wherever a kind has several; ``parts.json`` says which part
a picture is in. For every part a further network was trained on the other three, and reads it, so
that no figure and no fitted slope rests on a picture remembered.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.face.landmarks import load_model
from app.networks.onnx import load_networks
from app.training.corpus import Corpus, CorpusError, Row
from app.training.measure import Models

FOLDER: Final = "held_out"
FILE: Final = "parts.json"
PARTS: Final = 4
SPLIT: Final = -1
"""In ``Parts.collectors``: this one's pictures were split."""


@dataclass(frozen=True)
class Parts:
    """Who is in which part, 0 to 3.

    ``collectors``: the part of each, or ``SPLIT`` for one that is the only one of its kind;
    ``pictures``: the part of each picture of those, by path.
    """

    manifest_sha256: str
    collectors: Mapping[str, int]
    pictures: Mapping[str, int]

    def part(self, row: Row) -> int:
        """Raises ``CorpusError`` for a collector or a picture that was not there."""
        part = self.collectors.get(row.source)
        part = self.pictures.get(row.path) if part == SPLIT else part
        if part is None:
            raise CorpusError(
                f"no network was trained without {row.path} of {row.source}: run `make fit-texture`"
            )
        return part

    def written(self) -> str:
        """As it is kept."""
        content = {
            "manifest_sha256": self.manifest_sha256,
            "collectors": dict(sorted(self.collectors.items())),
            "pictures": dict(sorted(self.pictures.items())),
        }
        return json.dumps(content, indent=1) + "\n"


def read_parts(models_dir: Path) -> Parts:
    """What ``make fit-texture`` wrote. Raises ``CorpusError``."""
    path = models_dir / FOLDER / FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return Parts(
            manifest_sha256=str(content["manifest_sha256"]),
            collectors={str(k): int(v) for k, v in content["collectors"].items()},
            pictures={str(k): int(v) for k, v in content["pictures"].items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CorpusError(f"cannot read {path}: restore it, or run `make fit-texture`") from error


def witness_of(part: int) -> str:
    """The file, below the models, of the network that never saw ``part``."""
    return f"{FOLDER}/without_{part}.onnx"


def models_for(corpus: Corpus, models_dir: Path, *, shipped: bool) -> Models:
    """What may look at ``corpus``: the shipped network if asked for or if it never saw it.

    Raises ``ModelError``, ``NetworkError`` or ``CorpusError``.
    """
    landmarks = load_model(models_dir)
    parts = None if shipped else read_parts(models_dir)
    if parts is None or parts.manifest_sha256 != corpus.manifest_sha256:
        alone = load_networks(models_dir)
        return Models(landmarks, lambda _: alone)
    trained = [load_networks(models_dir, witness_of(part)) for part in range(PARTS)]
    return Models(landmarks, lambda row: trained[parts.part(row)], parts.part)
