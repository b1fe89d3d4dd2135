"""Picture → faces. The only file that imports mediapipe.

One landmarker per thread: MediaPipe's is neither faster nor safe when shared. Creating one takes a
fifth of a second, so it is created once and closed explicitly: left to the interpreter's exit, it
raises.
"""

from __future__ import annotations

import ctypes
import hashlib
import io
import os
import sys
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, Final, Self

import numpy as np

from app.arrays import FloatArray
from app.face.face import Face
from app.face.turn_mosaic import TurnScores, make_turn_mosaic, scores_by_turn
from app.face.views import View, fallback_views, full_view, perturbed_view
from app.image.picture import Picture


@contextmanager
def stub_modules(*names: str) -> Iterator[None]:
    """Within the block, imports of ``names`` give empty modules; loaded modules stay.

    Afterwards they can be imported normally.
    """
    stubs = {name: ModuleType(name) for name in names if name not in sys.modules}
    sys.modules.update(stubs)
    try:
        yield
    finally:
        for name, stub in stubs.items():
            if sys.modules.get(name) is stub:
                del sys.modules[name]


# MediaPipe imports plotting libraries: a third of a second and 25 MB per process, unused here.
with stub_modules("matplotlib", "matplotlib.pyplot"):
    import mediapipe as mp
    from mediapipe.tasks.python.components.containers import landmark_c
    from mediapipe.tasks.python.core import mediapipe_c_utils
    from mediapipe.tasks.python.vision import face_landmarker

LANDMARK_MODEL_FILE: Final = "face_landmarker.task"
LANDMARK_MODEL_SHA256: Final = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"
"""The official float16 bundle, version 1 (Google, Apache-2.0)."""

_DETECTOR_FILE: Final = "face_detector.tflite"
"""In the bundle: finds boxes alone, without a mesh."""
_MIN_DETECTION_SCORE: Final = 0.3

MAX_FACES: Final = 5
_SAME_FACE_DISTANCE: Final = 0.5
"""A repeat is the same face if its eyes lie within half an eye distance of it."""


class LandmarkModelError(RuntimeError):
    """A model file is missing or is not the one that was validated."""


def load_landmark_model(models_dir: Path) -> bytes:
    """The landmark model's bytes.

    Raises ``LandmarkModelError`` if absent or its sha256 is another.
    """
    path = models_dir / LANDMARK_MODEL_FILE
    if not path.is_file():
        raise LandmarkModelError(f"{path} is missing: restore it from the repository")
    data = path.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    if digest != LANDMARK_MODEL_SHA256:
        raise LandmarkModelError(
            f"{path} has sha256 {digest}, expected {LANDMARK_MODEL_SHA256}: restore it"
        )
    return data


class SilentOptions(mp.tasks.BaseOptions):  # type: ignore[misc] # untyped
    """A model's options that make MediaPipe trust no server.

    Its wheels report how they are used to Google over HTTPS, and have no switch for it: they are
    given a file of authorities in which there are none, and end every such connection themselves,
    before a word is said.
    """

    def to_ctypes(self) -> Any:
        options = super().to_ctypes()
        options.ca_bundle_path = os.devnull.encode()
        return options


class FaceFinder:
    """MediaPipe's face landmarker for one thread. Close it; it is a context manager."""

    def __init__(self, model: bytes) -> None:
        options = mp.tasks.vision.FaceLandmarkerOptions(
            base_options=SilentOptions(model_asset_buffer=model), num_faces=MAX_FACES
        )
        self._landmarker = mp.tasks.vision.FaceLandmarker.create_from_options(options)
        self._detector = _create_detector(model)
        self._closed = False

    def find_faces(self, picture: Picture) -> tuple[Face, ...]:
        """Every upright face in ``picture``, at most five."""
        return self.detect(picture) or self.detect_hidden(picture)

    def detect(self, picture: Picture) -> tuple[Face, ...]:
        """Every face that one detection over the whole picture finds, at most five."""
        return self._detect(full_view(picture.rgb))

    def detect_hidden(self, picture: Picture) -> tuple[Face, ...]:
        """The faces of the first fallback view that has any."""
        return next((f for v in fallback_views(picture.rgb) if (f := self._detect(v))), ())

    def score_turns(self, picture: Picture) -> TurnScores:
        """How much like an upright face each of the picture's four orientations looks."""
        mosaic = make_turn_mosaic(picture.rgb)
        image = mp.Image(image_format=mp.ImageFormat.SRGB, data=mosaic)
        boxes = [
            (d.bounding_box, float(d.categories[0].score))
            for d in self._detector.detect(image).detections
        ]
        return scores_by_turn(
            (box.origin_x + box.width / 2, box.origin_y + box.height / 2, score)
            for box, score in boxes
        )

    def remeasure(self, picture: Picture, face: Face) -> tuple[Face, ...]:
        """``face`` measured again on the mirrored and slightly turned picture.

        Views in which it is not found again are left out.
        """
        repeat = _nearest_face(face, self._detect(perturbed_view(picture.rgb)))
        return () if repeat is None else (repeat,)

    def close(self) -> None:
        """Release the model; idempotent. Detecting afterwards raises ``RuntimeError``."""
        self._closed = True
        self._landmarker.close()
        self._detector.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _detect(self, view: View) -> tuple[Face, ...]:
        # A closed landmarker silently finds no faces, which must not be taken for a result.
        if self._closed:
            raise RuntimeError("this face finder is closed")
        height, width = view.rgb.shape[:2]
        image = mp.Image(image_format=mp.ImageFormat.SRGB, data=view.rgb)
        return tuple(
            _face_from_view(view, p * [width, height])
            for p in detect_landmarks(self._landmarker, image)
        )


def _create_detector(model: bytes) -> Any:
    """The face detector of the bundle ``model``, by itself."""
    with zipfile.ZipFile(io.BytesIO(model)) as bundle:
        detector = bundle.read(_DETECTOR_FILE)
    options = mp.tasks.vision.FaceDetectorOptions(
        base_options=SilentOptions(model_asset_buffer=detector),
        min_detection_confidence=_MIN_DETECTION_SCORE,
    )
    return mp.tasks.vision.FaceDetector.create_from_options(options)


class ThreadFaceFinders:
    """One ``FaceFinder`` per thread, created on first use."""

    def __init__(self, model: bytes) -> None:
        self._model = model
        self._local = threading.local()
        self._finders: list[FaceFinder] = []
        self._lock = threading.Lock()

    def for_current_thread(self) -> FaceFinder:
        """The calling thread's finder."""
        finder: FaceFinder | None = getattr(self._local, "finder", None)
        if finder is None:
            finder = self._local.finder = FaceFinder(self._model)
            with self._lock:
                self._finders.append(finder)
        return finder

    def close(self) -> None:
        """Close every finder, once no thread uses one any more."""
        with self._lock:
            finders, self._finders = self._finders, []
        self._local = threading.local()
        for finder in finders:
            finder.close()


def detect_landmarks(landmarker: Any, image: Any) -> list[FloatArray]:
    """Every face as (478, 2) in unit coordinates, without the landmarker's own objects.

    The library creates a Python object for every point, which takes a tenth of the whole analysis
    and holds the interpreter lock, and has another thread make each call. This calls from here, and
    reads the same C result in one copy. It relies on internals of the pinned release; a test
    compares it with the library's own result.
    """
    result, message = face_landmarker.MpFaceLandmarkerResultC(), ctypes.c_char_p()
    library = landmarker._lib._lib
    status = library.MpFaceLandmarkerDetectImage(
        landmarker._handle, image._image_ptr, None, ctypes.byref(result), ctypes.byref(message)
    )
    try:
        mediapipe_c_utils.handle_status(status, message)
    finally:
        if message.value is not None:
            library.MpErrorFree(message)
    try:
        return [
            _copy_landmarks(result.face_landmarks[i]) for i in range(result.face_landmarks_count)
        ]
    finally:
        library.MpFaceLandmarkerCloseResult(ctypes.byref(result))


def _copy_landmarks(points: Any) -> FloatArray:
    size = ctypes.sizeof(landmark_c.MpNormalizedLandmarkC)
    layout = np.dtype(
        {"names": ["x", "y"], "formats": ["<f4", "<f4"], "offsets": [0, 4], "itemsize": size}
    )
    raw = np.frombuffer(ctypes.string_at(points.landmarks, points.landmarks_count * size), layout)
    return np.stack([raw["x"], raw["y"]], axis=1).astype(np.float64)


def _face_from_view(view: View, points: FloatArray) -> Face:
    face = Face(view.map_to_picture(points))
    # In a mirrored view the left eye is the right one: name the points for the picture itself.
    return face.with_mirrored_indices() if view.mirrored else face


def _nearest_face(face: Face, candidates: tuple[Face, ...]) -> Face | None:
    max_offset_px = _SAME_FACE_DISTANCE * face.eye_distance_px
    candidates_nearby = [
        c for c in candidates if float(np.abs(c.eyes - face.eyes).max()) <= max_offset_px
    ]
    return min(
        candidates_nearby, key=lambda c: float(np.abs(c.eyes - face.eyes).sum()), default=None
    )
