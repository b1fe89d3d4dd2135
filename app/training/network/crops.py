"""The corpus as face crops: extracted once into one memory-mapped file."""

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

from app.analysis.analyze import build_portraits
from app.arrays import RgbArray
from app.errors import RequestError
from app.face.alignment import Box
from app.face.landmarks import ThreadFaceFinders
from app.face.portrait import PixelNetwork, Portrait
from app.image.picture import decode
from app.training.calibration.sample_weights import ALIGNED_KINDS
from app.training.corpus import Corpus, CorpusError, ManifestRow

MASK_SIDE_PX: Final = 100
_PIXELS_FILE: Final = "crops.bin"
_MASKS_FILE: Final = "persons.bin"
_INDEX_FILE: Final = "crops.json"
EXCLUDED_KINDS: Final = frozenset({"nonface"})


@dataclass(frozen=True)
class CropRecord:
    """Location of one crop: ``side`` px, ``offset`` bytes; ``visible`` as in ``FaceCrop``, unit."""

    row: ManifestRow
    side: int
    offset: int
    visible: tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class CropDataset:
    """All crops of a corpus, each with its person mask."""

    records: tuple[CropRecord, ...]
    pixels: Any
    masks: Any

    def rgb(self, index: int) -> RgbArray:
        """Crop ``index``, uint8 (side, side, 3)."""
        record = self.records[index]
        size = record.side * record.side * 3
        out: RgbArray = self.pixels[record.offset : record.offset + size].reshape(
            record.side, record.side, 3
        )
        return out

    def person_mask(self, index: int) -> RgbArray:
        """The person mask of crop ``index``, uint8 (100, 100), 255 is certain."""
        size = MASK_SIDE_PX * MASK_SIDE_PX
        start = index * size
        out: RgbArray = self.masks[start : start + size].reshape(MASK_SIDE_PX, MASK_SIDE_PX)
        return out


def load_or_make_crops(
    corpus: Corpus, landmarks: bytes, network: PixelNetwork, folder: Path
) -> CropDataset:
    """The crops of ``corpus`` in ``folder``, extracted unless they exist for this manifest."""
    index = folder / _INDEX_FILE
    if not index.is_file() or json.loads(index.read_text())["manifest"] != corpus.manifest_sha256:
        folder.mkdir(parents=True, exist_ok=True)
        index.unlink(missing_ok=True)  # it would describe crops that are being overwritten
        records = _extract_crops(corpus, landmarks, network, folder)
        content = {"manifest": corpus.manifest_sha256, "kept": [asdict(k) for k in records]}
        index.write_text(json.dumps(content), encoding="utf-8")
    entries = json.loads(index.read_text())["kept"]
    if not entries:
        raise CorpusError("no face was found in the corpus")
    return CropDataset(
        records=tuple(
            CropRecord(ManifestRow(**k["row"]), k["side"], k["offset"], tuple(k["visible"]))
            for k in entries
        ),
        pixels=np.memmap(folder / _PIXELS_FILE, np.uint8, "r"),
        masks=np.memmap(folder / _MASKS_FILE, np.uint8, "r"),
    )


def _extract_crops(
    corpus: Corpus, landmarks: bytes, network: PixelNetwork, folder: Path
) -> list[CropRecord]:
    records: list[CropRecord] = []
    offset = 0
    with (folder / _PIXELS_FILE).open("wb") as pixels, (folder / _MASKS_FILE).open("wb") as masks:
        for row, portrait in _iterate_portraits(corpus, landmarks, network):
            crop, person = portrait.crop, portrait.person_mask
            if crop is None or person is None:
                continue
            pixels.write(crop.rgb.tobytes())
            small = cv2.resize(person, (MASK_SIDE_PX, MASK_SIDE_PX), interpolation=cv2.INTER_AREA)
            masks.write((np.clip(small, 0.0, 1.0) * 255.0).astype(np.uint8).tobytes())
            records.append(CropRecord(row, crop.side_px, offset, _box_edges(crop.visible)))
            offset += crop.rgb.size
    return records


def _iterate_portraits(
    corpus: Corpus, landmarks: bytes, network: PixelNetwork
) -> Iterator[tuple[ManifestRow, Portrait]]:
    rows = [row for row in corpus.rows if row.kind not in EXCLUDED_KINDS]
    threads = os.cpu_count() or 1
    with closing(ThreadFaceFinders(landmarks)) as finders, ThreadPoolExecutor(threads) as pool:

        def load_portrait(row: ManifestRow) -> Portrait | None:
            try:
                picture = decode((corpus.root / row.path).read_bytes())
            except OSError as error:
                path = corpus.root / row.path
                raise CorpusError(f"cannot read {path}: {error.strerror}") from error
            except RequestError:
                return None  # evaluation counts it; there is nothing to train on
            portraits = build_portraits(picture, finders.for_current_thread(), network)
            return _choose_face(row, portraits)

        for start in range(0, len(rows), 64 * threads):
            block = rows[start : start + 64 * threads]
            for row, portrait in zip(block, pool.map(load_portrait, block), strict=True):
                if portrait is not None:
                    yield row, portrait


def _choose_face(row: ManifestRow, portraits: tuple[Portrait, ...]) -> Portrait | None:
    """The face in the frame where the picture is known to be framed, else the largest."""

    def frame_distance(portrait: Portrait) -> float:
        try:
            x, y, ln_side, roll = portrait.alignment.vector()
        except ValueError:
            return float("inf")
        return abs(x - 0.5) + abs(y - 0.5) + abs(ln_side) + abs(roll)

    if row.is_generated or row.kind in ALIGNED_KINDS:
        return min(portraits, key=frame_distance, default=None)
    return max(portraits, key=lambda p: p.face.eye_distance_px, default=None)


def _box_edges(box: Box) -> tuple[float, float, float, float]:
    return (box.left, box.top, box.right, box.bottom)
