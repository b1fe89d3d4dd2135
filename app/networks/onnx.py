"""The networks that look at pixels. The only file that imports onnxruntime.

One session serves all threads: running one is safe side by side, and each run stays on the thread
that asked.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from app.face.face import FloatArray
from app.image.picture import RgbArray

WITNESS_FILE: Final = "witness.onnx"
PERSON_FILE: Final = "person.onnx"
PERSON_SIDE_PX: Final = 192
_LEVEL: Final = 127.0
_RANGE: Final = 128.0
_ERRORS_ONLY: Final = 3


class NetworkError(RuntimeError):
    """A network's file is missing or cannot be run."""


@dataclass(frozen=True, eq=False)
class Segmenter:
    """Tells the person from the rest; ``heat`` is not asked of it."""

    session: onnxruntime.InferenceSession

    def person(self, rgb: RgbArray) -> FloatArray:
        """Probability of the person over ``rgb`` uint8 (h, w, 3): (192, 192), 0 to 1."""
        side = (PERSON_SIDE_PX, PERSON_SIDE_PX)
        # By area only where that matters: it costs seven times as much.
        how = cv2.INTER_AREA if min(rgb.shape[:2]) > 1.25 * PERSON_SIDE_PX else cv2.INTER_LINEAR
        pixels = _here.planes(np.asarray(cv2.resize(rgb, side, interpolation=how), dtype=np.uint8))
        pixels /= np.float32(255.0)
        (found,) = self.session.run(None, {"pixels": pixels})
        out: FloatArray = np.clip(np.asarray(found, dtype=np.float64)[0, 0], 0.0, 1.0)
        return out

    def heat(self, rgb: RgbArray) -> FloatArray:
        """Raises ``NetworkError``: there is no witness yet where one is about to be trained."""
        raise NetworkError("a segmenter alone cannot tell generated from real")


@dataclass(frozen=True, eq=False)
class Networks:
    """Implements ``portrait.Network``. ``sha256``: of each file, by its name."""

    witness: onnxruntime.InferenceSession
    segmenter: Segmenter
    sha256: Mapping[str, str]

    def heat(self, rgb: RgbArray) -> FloatArray:
        """Log odds of a generator at every place of ``rgb`` uint8 (h, w, 3): (heads, y, x)."""
        pixels = _here.planes(rgb)
        pixels -= np.float32(_LEVEL)
        pixels *= np.float32(1.0 / _RANGE)  # a power of two: exact
        (found,) = self.witness.run(None, {"pixels": pixels})
        out: FloatArray = np.asarray(found, dtype=np.float64)[0]
        return out

    def person(self, rgb: RgbArray) -> FloatArray:
        """As ``Segmenter.person``."""
        return self.segmenter.person(rgb)


class _Slate(threading.local):
    """What a thread writes pixels on before a network reads them.

    Fresh memory costs more to get than to fill.
    """

    def __init__(self) -> None:
        self._room = np.empty(0, dtype=np.float32)

    def planes(self, rgb: RgbArray) -> NDArray[np.float32]:
        """``rgb`` (h, w, 3) as networks want it, (1, 3, h, w); good until the next one is."""
        if self._room.size < rgb.size:
            self._room = np.empty(rgb.size, dtype=np.float32)
        out = self._room[: rgb.size].reshape(1, 3, *rgb.shape[:2])
        for plane, colour in zip(out[0], cv2.split(rgb), strict=True):
            plane[:] = colour
        return out


_here: Final = _Slate()


def load_networks(models_dir: Path, witness: str = WITNESS_FILE) -> Networks:
    """The networks in ``models_dir``; ``witness`` names another file for the witness.

    Raises ``NetworkError``.
    """
    path = models_dir / witness
    looks, persons = _read(path), _read(models_dir / PERSON_FILE)
    return Networks(
        witness=_session(looks, path),
        segmenter=Segmenter(_session(persons, models_dir / PERSON_FILE)),
        sha256={
            WITNESS_FILE: hashlib.sha256(looks).hexdigest(),
            PERSON_FILE: hashlib.sha256(persons).hexdigest(),
        },
    )


def load_segmenter(models_dir: Path) -> Segmenter:
    """The person's mask alone. Raises ``NetworkError``."""
    path = models_dir / PERSON_FILE
    return Segmenter(_session(_read(path), path))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise NetworkError(f"cannot read {path}: {error.strerror}; restore it") from error


def _session(data: bytes, path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own exceptions share no public ancestor
        raise NetworkError(f"{path} cannot be run: {error}") from error
