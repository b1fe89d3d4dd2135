"""The corpus as face crops: made once, kept in one file that is mapped and never loaded whole."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from app.analysis.analyze import portray
from app.errors import AvatarError
from app.face.alignment import Box
from app.face.landmarks import FaceFinders
from app.face.portrait import Network, Portrait
from app.image.picture import RgbArray, decode
from app.training.calibration.sample_weights import ALIGNED_KINDS
from app.training.corpus import Corpus, CorpusError, Row

MASK_SIDE: Final = 100
_PIXELS: Final = "crops.bin"
_MASKS: Final = "persons.bin"
_INDEX: Final = "crops.json"
KINDS_LEFT_OUT: Final = frozenset({"nonface"})


@dataclass(frozen=True)
class Kept:
    """Where one crop lies: ``side`` px, ``offset`` bytes; ``visible`` as in ``FaceCrop``, unit."""

    row: Row
    side: int
    offset: int
    visible: tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class Crops:
    """All crops of a corpus, and the person's mask over each."""

    kept: tuple[Kept, ...]
    pixels: Any
    masks: Any

    def rgb(self, index: int) -> RgbArray:
        """Crop ``index``, uint8 (side, side, 3)."""
        one = self.kept[index]
        size = one.side * one.side * 3
        out: RgbArray = self.pixels[one.offset : one.offset + size].reshape(one.side, one.side, 3)
        return out

    def person(self, index: int) -> RgbArray:
        """The person's mask over crop ``index``, uint8 (100, 100), 255 is certain."""
        size = MASK_SIDE * MASK_SIDE
        start = index * size
        out: RgbArray = self.masks[start : start + size].reshape(MASK_SIDE, MASK_SIDE)
        return out


def keep_crops(corpus: Corpus, landmarks: bytes, network: Network, folder: Path) -> Crops:
    """The crops of ``corpus``, made in ``folder`` unless they are there for this very manifest."""
    index = folder / _INDEX
    if not index.is_file() or json.loads(index.read_text())["manifest"] != corpus.manifest_sha256:
        folder.mkdir(parents=True, exist_ok=True)
        index.unlink(missing_ok=True)  # it would vouch for crops that are being written over
        kept = _make(corpus, landmarks, network, folder)
        content = {"manifest": corpus.manifest_sha256, "kept": [asdict(k) for k in kept]}
        index.write_text(json.dumps(content), encoding="utf-8")
    found = json.loads(index.read_text())["kept"]
    if not found:
        raise CorpusError("no face was found in the corpus")
    return Crops(
        kept=tuple(
            Kept(Row(**k["row"]), k["side"], k["offset"], tuple(k["visible"])) for k in found
        ),
        pixels=np.memmap(folder / _PIXELS, np.uint8, "r"),
        masks=np.memmap(folder / _MASKS, np.uint8, "r"),
    )


def _make(corpus: Corpus, landmarks: bytes, network: Network, folder: Path) -> list[Kept]:
    kept: list[Kept] = []
    offset = 0
    with (folder / _PIXELS).open("wb") as pixels, (folder / _MASKS).open("wb") as masks:
        for row, portrait in _portraits(corpus, landmarks, network):
            crop, person = portrait.crop, portrait.person
            if crop is None or person is None:
                continue
            pixels.write(crop.rgb.tobytes())
            small = cv2.resize(person, (MASK_SIDE, MASK_SIDE), interpolation=cv2.INTER_AREA)
            masks.write((np.clip(small, 0.0, 1.0) * 255.0).astype(np.uint8).tobytes())
            kept.append(Kept(row, crop.side_px, offset, _edges(crop.visible)))
            offset += crop.rgb.size
    return kept


def _portraits(
    corpus: Corpus, landmarks: bytes, network: Network
) -> Iterator[tuple[Row, Portrait]]:
    rows = [row for row in corpus.rows if row.kind not in KINDS_LEFT_OUT]
    threads = os.cpu_count() or 1
    with closing(FaceFinders(landmarks)) as finders, ThreadPoolExecutor(threads) as pool:

        def look(row: Row) -> Portrait | None:
            try:
                picture = decode((corpus.root / row.path).read_bytes())
            except OSError as error:
                path = corpus.root / row.path
                raise CorpusError(f"cannot read {path}: {error.strerror}") from error
            except AvatarError:
                return None  # evaluation counts it; there is nothing to train on
            portraits = portray(picture, finders.mine(), network)
            return _chosen(row, portraits)

        for start in range(0, len(rows), 64 * threads):
            part = rows[start : start + 64 * threads]
            for row, portrait in zip(part, pool.map(look, part), strict=True):
                if portrait is not None:
                    yield row, portrait


def _chosen(row: Row, portraits: tuple[Portrait, ...]) -> Portrait | None:
    """The face in the frame where the picture is known to be framed, else the largest."""

    def astray(portrait: Portrait) -> float:
        try:
            x, y, ln_side, roll = portrait.alignment.vector()
        except ValueError:
            return float("inf")
        return abs(x - 0.5) + abs(y - 0.5) + abs(ln_side) + abs(roll)

    if row.generated or row.kind in ALIGNED_KINDS:
        return min(portraits, key=astray, default=None)
    return max(portraits, key=lambda p: p.face.eye_distance_px, default=None)


def _edges(box: Box) -> tuple[float, float, float, float]:
    return (box.left, box.top, box.right, box.bottom)
