"""A corpus: a folder with ``manifest.csv`` and the pictures that it names."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MANIFEST_FILE: Final = "manifest.csv"
_REQUIRED_COLUMNS: Final = ("path", "label", "kind", "source")

# The kinds of pictures, by their geometry.
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
# holding out one must hold out the others.
_COLLECTOR_ALIASES: Final = {
    "xrv0": "zoya2244",
    "dinablachman": "zoya2244",
    "Seif-Hussein": "zoya2244",
}


class CorpusError(ValueError):
    """The corpus cannot be read; the message says why."""


@dataclass(frozen=True)
class ManifestRow:
    """One line of the manifest."""

    path: str
    label: str
    kind: str
    source: str

    @property
    def is_generated(self) -> bool:
        return self.label == "generated"

    @property
    def collector(self) -> str:
        """Who collected the picture: the unit of cross-validation."""
        return _COLLECTOR_ALIASES.get(self.source, self.source)


@dataclass(frozen=True)
class Corpus:
    """A corpus; ``manifest_sha256`` identifies its list of pictures."""

    root: Path
    rows: tuple[ManifestRow, ...]
    manifest_sha256: str


def read_corpus(root: Path) -> Corpus:
    """The corpus in ``root``. Raises ``CorpusError``."""
    path = root / MANIFEST_FILE
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CorpusError(f"cannot read {path}: {error.strerror}") from error
    try:
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise CorpusError(f"{path} is not UTF-8: {error.reason} at byte {error.start}") from error
    reader = csv.DictReader(lines)
    missing_columns = [name for name in _REQUIRED_COLUMNS if name not in (reader.fieldnames or ())]
    if missing_columns:
        raise CorpusError(f"{path} lacks the columns {', '.join(missing_columns)}")
    rows = tuple(_parse_row(line, f"{path}, line {reader.line_num}") for line in reader)
    if not rows:
        raise CorpusError(f"{path} lists no pictures")
    unknown_labels = sorted({r.label for r in rows} - {"generated", "real"})
    if unknown_labels:
        raise CorpusError(
            f"{path} has labels other than generated and real: {', '.join(unknown_labels)}"
        )
    return Corpus(root, rows, hashlib.sha256(data).hexdigest())


def _parse_row(line: Mapping[str, str | None], location: str) -> ManifestRow:
    cells = [cell for name in _REQUIRED_COLUMNS if (cell := line[name]) is not None]
    if len(cells) < len(_REQUIRED_COLUMNS):
        raise CorpusError(f"{location} is incomplete")
    return ManifestRow(*cells)


def assign_folds(
    rows: Sequence[ManifestRow], count: int, known: Mapping[str, int] | None = None
) -> list[int]:
    """A fold for every row; no collector is in two folds, and ``known`` collectors keep theirs.

    Collectors are assigned by descending size, each to the fold with the fewest pictures of its
    kinds, then with the fewest pictures, so that every kind with two collectors or more is in
    several folds.
    """
    kinds_by_collector: dict[str, Counter[str]] = {}
    for row in rows:
        kinds_by_collector.setdefault(row.collector, Counter())[row.kind] += 1
    fold_kinds = [Counter[str]() for _ in range(count)]
    fold_of = {name: fold for name, fold in (known or {}).items() if name in kinds_by_collector}
    for name, fold in fold_of.items():
        fold_kinds[fold] += kinds_by_collector[name]
    unknown = kinds_by_collector.keys() - fold_of.keys()
    for name in sorted(unknown, key=lambda n: (-kinds_by_collector[n].total(), n)):

        def fold_load(
            fold: int, collector_kinds: Counter[str] = kinds_by_collector[name]
        ) -> tuple[int, int, int]:
            return (
                sum(fold_kinds[fold][kind] for kind in collector_kinds),
                fold_kinds[fold].total(),
                fold,
            )

        fold_of[name] = min(range(count), key=fold_load)
        fold_kinds[fold_of[name]] += kinds_by_collector[name]
    return [fold_of[r.collector] for r in rows]
