"""The networks that read pixels. The only file that imports onnxruntime.

One session serves all threads: concurrent runs are safe, and each run stays on the calling thread.
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

from app.arrays import FloatArray, FloatImage, RgbArray

REGION_NETWORK_FILE: Final = "witness.onnx"
FACE_NETWORK_FILE: Final = "face.onnx"
SEGMENTER_FILE: Final = "person.onnx"
SEGMENTER_SIDE_PX: Final = 192
_PIXEL_OFFSET: Final = 127.0
_PIXEL_SCALE: Final = 128.0
_LOG_ERRORS_ONLY: Final = 3


class NetworkError(RuntimeError):
    """A network's file is missing or cannot be run."""


@dataclass(frozen=True, eq=False)
class Segmenter:
    """Separates the person from the background; it has no scores."""

    session: onnxruntime.InferenceSession

    def person_mask(self, rgb: RgbArray) -> FloatArray:
        """Probability of the person over ``rgb`` uint8 (h, w, 3): (192, 192), 0 to 1."""
        side = (SEGMENTER_SIDE_PX, SEGMENTER_SIDE_PX)
        # By area only where that matters: it costs seven times as much.
        interpolation = (
            cv2.INTER_AREA if min(rgb.shape[:2]) > 1.25 * SEGMENTER_SIDE_PX else cv2.INTER_LINEAR
        )
        pixels = _buffer.planes(
            np.asarray(cv2.resize(rgb, side, interpolation=interpolation), dtype=np.uint8)
        )
        pixels /= np.float32(255.0)
        (output,) = self.session.run(None, {"pixels": pixels})
        out: FloatArray = np.clip(np.asarray(output, dtype=np.float64)[0, 0], 0.0, 1.0)
        return out

    def score_map(self, rgb: RgbArray) -> FloatArray:
        """Raises ``NetworkError``: before training there is no region network yet."""
        raise NetworkError("a segmenter alone has no region scores")

    def face_map(self, rgb: RgbArray) -> FloatArray:
        """Raises ``NetworkError``, as ``score_map``."""
        raise NetworkError("a segmenter alone has no face scores")


@dataclass(frozen=True, eq=False)
class OnnxNetworks:
    """Implements ``PixelNetwork``. ``sha256``: of each file, by its name."""

    region_session: onnxruntime.InferenceSession
    face_session: onnxruntime.InferenceSession
    segmenter: Segmenter
    sha256: Mapping[str, str]

    def score_map(self, rgb: RgbArray) -> FloatArray:
        """Log odds of a generator at every place of ``rgb`` uint8 (h, w, 3): (heads, y, x)."""
        return _run(self.region_session, rgb)

    def face_map(self, rgb: RgbArray) -> FloatArray:
        """Log odds of a generator at every place of a whole face ``rgb`` (h, w, 3): (y, x)."""
        out: FloatArray = _run(self.face_session, rgb)[0]
        return out

    def person_mask(self, rgb: RgbArray) -> FloatArray:
        """As ``Segmenter.person_mask``."""
        return self.segmenter.person_mask(rgb)


class _PixelBuffer(threading.local):
    """Per-thread buffer for the pixels that a network reads.

    Reusing memory is cheaper: allocating it costs more than filling it.
    """

    def __init__(self) -> None:
        self._data = np.empty(0, dtype=np.float32)

    def planes(self, rgb: RgbArray) -> FloatImage:
        """``rgb`` (h, w, 3) as network input, (1, 3, h, w); valid until this thread's next call."""
        if self._data.size < rgb.size:
            self._data = np.empty(rgb.size, dtype=np.float32)
        out = self._data[: rgb.size].reshape(1, 3, *rgb.shape[:2])
        for plane, colour in zip(out[0], cv2.split(rgb), strict=True):
            plane[:] = colour
        return out


_buffer: Final = _PixelBuffer()


def _run(session: onnxruntime.InferenceSession, rgb: RgbArray) -> FloatArray:
    """A scoring network's output for ``rgb`` uint8 (h, w, 3): (heads, y, x)."""
    pixels = _buffer.planes(rgb)
    pixels -= np.float32(_PIXEL_OFFSET)
    pixels *= np.float32(1.0 / _PIXEL_SCALE)  # a power of two: exact
    (output,) = session.run(None, {"pixels": pixels})
    out: FloatArray = np.asarray(output, dtype=np.float64)[0]
    return out


def load_networks(
    models_dir: Path,
    region_network: str = REGION_NETWORK_FILE,
    face_network: str = FACE_NETWORK_FILE,
) -> OnnxNetworks:
    """The networks in ``models_dir``; the other arguments name other files for two of them.

    Raises ``NetworkError``.
    """
    files = {
        REGION_NETWORK_FILE: region_network,
        FACE_NETWORK_FILE: face_network,
        SEGMENTER_FILE: SEGMENTER_FILE,
    }
    data = {name: _read_file(models_dir / file) for name, file in files.items()}
    sessions = {
        name: _open_session(content, models_dir / files[name]) for name, content in data.items()
    }
    return OnnxNetworks(
        region_session=sessions[REGION_NETWORK_FILE],
        face_session=sessions[FACE_NETWORK_FILE],
        segmenter=Segmenter(sessions[SEGMENTER_FILE]),
        sha256={name: hashlib.sha256(content).hexdigest() for name, content in data.items()},
    )


def read_network_hashes(models_dir: Path) -> dict[str, str]:
    """SHA-256 of each network's file, by name; nothing is loaded. Raises ``NetworkError``."""
    return {
        name: hashlib.sha256(_read_file(models_dir / name)).hexdigest()
        for name in (REGION_NETWORK_FILE, FACE_NETWORK_FILE, SEGMENTER_FILE)
    }


def load_segmenter(models_dir: Path) -> Segmenter:
    """The person's mask alone. Raises ``NetworkError``."""
    path = models_dir / SEGMENTER_FILE
    return Segmenter(_open_session(_read_file(path), path))


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise NetworkError(f"cannot read {path}: {error.strerror}; restore it") from error


def _open_session(data: bytes, path: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = _LOG_ERRORS_ONLY
    try:
        return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own exceptions share no public ancestor
        raise NetworkError(f"{path} cannot be run: {error}") from error
