"""The networks that look at pixels. The only file that imports onnxruntime.

One session serves all threads: running one is safe side by side, and each run stays on the thread
that asked.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import onnxruntime

from app.face import FloatArray
from app.picture import RgbArray

WITNESS_FILE: Final = "witness.onnx"
PERSON_FILE: Final = "person.onnx"
PERSON_SIDE_PX: Final = 128
_LEVEL: Final = 127.0
_RANGE: Final = 128.0
_ERRORS_ONLY: Final = 3


class NetworkError(RuntimeError):
    """A network's file is missing or cannot be run."""


@dataclass(frozen=True, eq=False)
class Networks:
    """Implements ``portrait.Network``. ``sha256`` names the witness's weights."""

    witness: onnxruntime.InferenceSession
    segmenter: onnxruntime.InferenceSession
    sha256: str

    def heat(self, rgb: RgbArray) -> FloatArray:
        """Log odds of a generator at every place of ``rgb`` uint8 (h, w, 3): (heads, y, x)."""
        pixels = (rgb.astype(np.float32) - _LEVEL) / _RANGE
        (found,) = self.witness.run(None, {"pixels": pixels.transpose(2, 0, 1)[None]})
        out: FloatArray = np.asarray(found, dtype=np.float64)[0]
        return out

    def person(self, rgb: RgbArray) -> FloatArray:
        """Probability of the person, (128, 128), 0 to 1."""
        side = (PERSON_SIDE_PX, PERSON_SIDE_PX)
        small = cv2.resize(rgb, side, interpolation=cv2.INTER_AREA).astype(np.float32) / 255.0
        (found,) = self.segmenter.run(None, {"pixels": small.transpose(2, 0, 1)[None]})
        out: FloatArray = np.clip(np.asarray(found, dtype=np.float64)[0, 0], 0.0, 1.0)
        return out


def load_networks(models_dir: Path, witness: str = WITNESS_FILE) -> Networks:
    """The networks in ``models_dir``. Raises ``NetworkError``."""
    data = _read(models_dir / witness)
    return Networks(
        witness=_session(data, models_dir / witness),
        segmenter=_session(_read(models_dir / PERSON_FILE), models_dir / PERSON_FILE),
        sha256=hashlib.sha256(data).hexdigest(),
    )


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
