"""Portrait: a picture with one of its faces, and cached values shared by several checks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal, Protocol

import numpy as np

from app.arrays import FloatArray, RgbArray
from app.face.alignment import Alignment, Box, align
from app.face.borders import find_trimmed_frame
from app.face.crop import SMALL_CROP_SIDE_PX, FaceCrop, crop_face
from app.face.face import Face
from app.face.orientation import Turn
from app.face.pose import PoseFeatures, compute_pose_features
from app.image.picture import Picture

_MASK_SIDE_PX: Final = 192
"""The person is segmented on the smallest size of the crop that has at least this side."""
SQUARE_TOLERANCE: Final = 0.02
"""A frame counts as square if its sides differ by less than this share."""


@dataclass(frozen=True)
class CandidateFrame:
    """A frame in which the picture may have been made, and the crop square seen from it.

    ``untouched``: the picture's own frame. ``trimmed``: what is left when flat borders are taken
    off, or the square that a picture which is not square was padded or cut from.
    """

    transform: Literal["untouched", "trimmed"]
    frame: Box
    alignment: Alignment


@dataclass(frozen=True, eq=False)
class FaceMeasurement:
    """One measurement of the face: its pose, and its crop square in every candidate frame."""

    pose_features: PoseFeatures
    candidate_frames: tuple[CandidateFrame, ...]
    eyes: FloatArray
    """Iris centres, px, (2, 2)."""

    @property
    def eye_distance_px(self) -> float:
        return float(np.linalg.norm(self.eyes[1] - self.eyes[0]))


class PixelNetwork(Protocol):
    """Interface of the networks, implemented in ``app.networks.onnx``."""

    def score_map(self, rgb: RgbArray) -> FloatArray:
        """Log odds of a generator for every place of ``rgb`` (h, w, 3), by head: (heads, y, x)."""
        ...

    def face_map(self, rgb: RgbArray) -> FloatArray:
        """Log odds of a generator for every place of a whole face ``rgb`` (h, w, 3): (y, x)."""
        ...

    def person_mask(self, rgb: RgbArray) -> FloatArray:
        """Probability of the person for every place of ``rgb`` (h, w, 3): (n, n), 0 to 1."""
        ...


@dataclass(frozen=True, eq=False)
class Portrait:
    """``face`` in ``picture``.

    ``repeats`` are further measurements of the same face (on the mirrored or slightly turned
    picture, mapped back to this picture's px): their differences are landmark noise. Without a
    ``network`` the checks that need one are unmeasurable. ``turn``: degrees by which ``picture`` is
    the one given turned clockwise; ``is_orientation_certain``: whether it is known.
    """

    picture: Picture
    face: Face
    face_count: int = 1
    repeats: tuple[Face, ...] = ()
    network: PixelNetwork | None = None
    turn: Turn = 0
    is_orientation_certain: bool = True

    @cached_property
    def frame(self) -> Box:
        """The picture's own frame, px."""
        width, height = self.picture.size
        return Box(0.0, 0.0, float(width), float(height))

    @cached_property
    def alignment(self) -> Alignment:
        """The crop square of the face as seen from the picture's own frame."""
        return align(self.face, self.frame)

    @cached_property
    def crop(self) -> FaceCrop | None:
        """The face crop that the pixel checks read; ``None`` if too small or degenerate."""
        small = self.small_crop
        if small is not None and round(small.native_side_px) <= SMALL_CROP_SIDE_PX:
            return small
        return crop_face(self.picture, self.face)

    @cached_property
    def small_crop(self) -> FaceCrop | None:
        """The face crop at most ``SMALL_CROP_SIDE_PX`` wide, without making a larger one first."""
        return crop_face(self.picture, self.face, SMALL_CROP_SIDE_PX)

    @cached_property
    def person_mask(self) -> FloatArray | None:
        """Probability of the person over the face crop, (n, n), 0 to 1; ``None`` without either."""
        if self.crop is None or self.network is None:
            return None
        mask = self.network.person_mask(self.crop.at_least(_MASK_SIDE_PX))
        mask.setflags(write=False)
        return mask

    @cached_property
    def score_maps(self) -> dict[tuple[Box, bool], FloatArray | None]:
        """Score maps of the tiles read so far, cached here by ``app.networks.region_score``."""
        return {}

    @cached_property
    def frames(self) -> tuple[tuple[Literal["untouched", "trimmed"], Box], ...]:
        """The candidate frames; the picture's own one first."""
        inner = find_trimmed_frame(self.picture) or self.frame
        trimmed = {inner, *candidate_squares(inner), *equalized(inner, self.frame)} - {self.frame}
        ordered = sorted(trimmed, key=lambda b: (b.width, b.left, b.top))
        return (("untouched", self.frame), *(("trimmed", box) for box in ordered))

    @cached_property
    def face_measurements(self) -> tuple[FaceMeasurement, ...]:
        """The first measurement of the face, then every repeat."""
        return tuple(
            FaceMeasurement(
                pose_features=compute_pose_features(face),
                candidate_frames=tuple(
                    CandidateFrame(t, box, align(face, box)) for t, box in self.frames
                ),
                eyes=face.eyes,
            )
            for face in (self.face, *self.repeats)
        )


def equalized(inner: Box, frame: Box) -> tuple[Box, ...]:
    """``inner`` as it would lie if borders are alike: left as right and top as bottom, then all.

    A border next to a plain background of its own colour seems wider than it is; the narrowest one
    is reliable.
    """
    x = min(inner.left - frame.left, frame.right - inner.right)
    y = min(inner.top - frame.top, frame.bottom - inner.bottom)
    margins = {(x, y), (min(x, y), min(x, y))} if min(x, y) > 0 else {(x, y)}
    return tuple(
        Box(frame.left + x, frame.top + y, frame.right - x, frame.bottom - y) for x, y in margins
    )


def candidate_squares(box: Box) -> tuple[Box, ...]:
    """The centred squares that a frame which is not square may come from; none for a square.

    The smaller one if bars were added, the larger one if strips were cut off.
    """
    if abs(math.log(box.width / box.height)) < SQUARE_TOLERANCE:
        return ()
    x, y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
    halves = (min(box.width, box.height) / 2, max(box.width, box.height) / 2)
    return tuple(Box(x - half, y - half, x + half, y + half) for half in halves)


def clip_points(points: FloatArray, size: tuple[int, int]) -> FloatArray:
    """``points`` px, moved to the nearest place inside a picture of ``size`` (width, height)."""
    return np.clip(points, 0.0, np.array(size, dtype=np.float64))
