"""A corpus: a folder with ``manifest.csv`` and the pictures that it names."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MANIFEST: Final = "manifest.csv"
_NEEDED: Final = ("path", "label", "kind", "source")

# What the kinds of a corpus are to the geometry.
FFHQ_KINDS: Final = (
    "stylegan1",
    "stylegan2",
    "stylegan2_psi1",
    "stylegan2_watermarked",
    "stylegan3",
)
STUDIO_KINDS: Final = ("studio",)
ORDINARY_KINDS: Final = ("avatar", "portrait", "composite")
# Collectors who hold the same photographs (all of one's at another size, 348 and 6 of the others'):
# whoever holds one out must hold out the others.
_SAME_PHOTOGRAPHS: Final = {
    "xrv0": "zoya2244",
    "dinablachman": "zoya2244",
    "Seif-Hussein": "zoya2244",
}


class CorpusError(ValueError):
    """The corpus cannot be read; says what is wrong with it."""


@dataclass(frozen=True)
class Row:
    """One line of the manifest."""

    path: str
    label: str
    kind: str
    source: str

    @property
    def generated(self) -> bool:
        return self.label == "generated"

    @property
    def collector(self) -> str:
        """Who collected it: the unit by which fitting and judging are kept apart."""
        return _SAME_PHOTOGRAPHS.get(self.source, self.source)


@dataclass(frozen=True)
class Corpus:
    """``manifest_sha256`` names the very list of pictures that something was fitted on."""

    root: Path
    rows: tuple[Row, ...]
    manifest_sha256: str


def read(root: Path) -> Corpus:
    """The corpus in ``root``. Raises ``CorpusError``."""
    path = root / MANIFEST
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CorpusError(f"cannot read {path}: {error.strerror}") from error
    try:
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise CorpusError(f"{path} is not UTF-8: {error.reason} at byte {error.start}") from error
    reader = csv.DictReader(lines)
    missing = [name for name in _NEEDED if name not in (reader.fieldnames or ())]
    if missing:
        raise CorpusError(f"{path} lacks the columns {', '.join(missing)}")
    rows = tuple(_row(line, f"{path}, line {reader.line_num}") for line in reader)
    if not rows:
        raise CorpusError(f"{path} names no picture")
    wrong = sorted({r.label for r in rows} - {"generated", "real"})
    if wrong:
        raise CorpusError(f"{path} has labels other than generated and real: {', '.join(wrong)}")
    return Corpus(root, rows, hashlib.sha256(data).hexdigest())


def _row(line: Mapping[str, str | None], where: str) -> Row:
    cells = [cell for name in _NEEDED if (cell := line[name]) is not None]
    if len(cells) < len(_NEEDED):
        raise CorpusError(f"{where} breaks off")
    return Row(*cells)


def folds(rows: Sequence[Row], count: int) -> list[int]:
    """A fold for every row, so that no collector stands in two.

    Largest collectors first, each into the fold that holds least of its kinds, then least at all:
    so that what one collector shows can be learned from another one wherever there are two.
    """
    kinds: dict[str, Counter[str]] = {}
    for row in rows:
        kinds.setdefault(row.collector, Counter())[row.kind] += 1
    held = [Counter[str]() for _ in range(count)]
    fold_of: dict[str, int] = {}
    for name in sorted(kinds, key=lambda n: (-kinds[n].total(), n)):

        def crowd(fold: int, own: Counter[str] = kinds[name]) -> tuple[int, int, int]:
            return sum(held[fold][kind] for kind in own), held[fold].total(), fold

        fold_of[name] = min(range(count), key=crowd)
        held[fold_of[name]] += kinds[name]
    return [fold_of[r.collector] for r in rows]
