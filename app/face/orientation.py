"""Finds faces in the orientation in which they are upright.

MediaPipe finds upright faces best. A face on its side is found with a mesh that is off by some
degrees, or not at all; an upside-down one is found with an upright mesh that does not fit. Either
would be weighed as a face outside every generator's frame. So where no mesh fits well
(``mesh_fit``), or the one that does lies on its side, the picture is rotated by those of 90, 180
and 270 degrees that the face detector likes no less than the picture as given (``turn_mosaic``),
and the orientation in which a mesh fits clearly better is taken. A vertical flip equals a
rotation by 180° and a horizontal flip, which makes no difference.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal, Protocol

import cv2
import numpy as np

from app.arrays import FloatArray
from app.face.face import Face
from app.face.mesh_fit import MeshFit
from app.face.turn_mosaic import TurnScores
from app.image.picture import Picture

Turn = Literal[0, 90, 180, 270]
"""Degrees by which the picture is turned, clockwise."""

STANDING_ROLL_DEG: Final = 50.0
"""A face that leans further is on its side: some rotation shows it more upright."""
TILTED_ROLL_DEG: Final = 11.0
"""From here a face counts as tilted: no untouched picture of a generator leans so far (StyleGAN 1
to 3 and the studio family: 6 of 1,150 beyond 8°), and 11 % of ordinary avatars do."""

_ROTATIONS: Final[dict[Turn, int]] = {
    90: cv2.ROTATE_90_CLOCKWISE,
    180: cv2.ROTATE_180,
    270: cv2.ROTATE_90_COUNTERCLOCKWISE,
}


class FaceDetector(Protocol):
    """Interface of face detection, implemented by ``app.face.landmarks.FaceFinder``."""

    def detect(self, picture: Picture) -> tuple[Face, ...]:
        """Every face in the whole picture."""
        ...

    def detect_hidden(self, picture: Picture) -> tuple[Face, ...]:
        """Faces in padded and enlarged parts, for pictures in which ``detect`` finds none."""
        ...

    def score_turns(self, picture: Picture) -> TurnScores:
        """How much like an upright face each orientation looks."""
        ...


@dataclass(frozen=True, eq=False)
class OrientedFaces:
    """``faces`` in ``picture``, the given picture rotated by ``turn`` so that they are upright.

    ``is_certain``: false where no orientation fits clearly better than the others.
    """

    picture: Picture
    faces: tuple[Face, ...]
    turn: Turn = 0
    is_certain: bool = True


@dataclass(frozen=True, eq=False)
class _Candidate:
    """The faces of one orientation. ``fit``: log odds of the best one, −inf if none stands."""

    oriented: OrientedFaces
    fit: float


def find_oriented_faces(
    picture: Picture, detector: FaceDetector, mesh_fit: MeshFit
) -> OrientedFaces:
    """Every face of ``picture``, in the orientation in which they are upright."""
    limits = mesh_fit.entry
    first = _candidate(picture, detector.detect(picture), 0, mesh_fit)
    if first.fit >= limits.certain:
        return first.oriented
    best = _best_turn(picture, first, detector, mesh_fit)
    if best is not None and best.fit >= max(0.0, first.fit + limits.margin):
        return best.oriented
    if not first.oriented.faces:
        first = _candidate(picture, detector.detect_hidden(picture), 0, mesh_fit)
    rival = -math.inf if best is None else best.fit
    is_certain = not first.oriented.faces or (
        first.fit >= limits.lowest and first.fit >= rival + limits.margin
    )
    return OrientedFaces(picture, first.oriented.faces, 0, is_certain)


def turn_picture(picture: Picture, turn: Turn) -> Picture:
    """``picture`` turned clockwise; its hash and format stay those of the file."""
    if turn == 0:
        return picture
    rgb = np.asarray(cv2.rotate(picture.rgb, _ROTATIONS[turn]), dtype=np.uint8)
    rgb.setflags(write=False)
    return Picture(
        rgb,
        picture.format,
        picture.sha256,
        picture.animated,
        turned_size(picture.declared_size, turn),
    )


def turned_size(size: tuple[int, int], turn: Turn) -> tuple[int, int]:
    """(width, height) of a picture of ``size`` after ``turn``."""
    return size if turn in (0, 180) else (size[1], size[0])


def turn_points_back(points: FloatArray, size: tuple[int, int], turn: Turn) -> FloatArray:
    """``points`` (n, 2) px of the turned picture, in the picture of ``size`` as it was given."""
    width, height = size
    x, y = points[:, 0], points[:, 1]
    by_turn = {
        0: (x, y),
        90: (y, height - x),
        180: (width - x, height - y),
        270: (width - y, x),
    }
    return np.stack(by_turn[turn], axis=1)


def is_tilted(face: Face) -> bool:
    """Whether the upright ``face`` leans further than any untouched generated face."""
    return abs(face.roll_deg) >= TILTED_ROLL_DEG


def _candidate(
    picture: Picture, faces: tuple[Face, ...], turn: Turn, mesh_fit: MeshFit
) -> _Candidate:
    standing = [mesh_fit(picture, f) for f in faces if abs(f.roll_deg) < STANDING_ROLL_DEG]
    return _Candidate(OrientedFaces(picture, faces, turn), max(standing, default=-math.inf))


def _best_turn(
    picture: Picture, first: _Candidate, detector: FaceDetector, mesh_fit: MeshFit
) -> _Candidate | None:
    """The turn that fits best; the first that fits well is taken without trying the rest."""
    enough = max(mesh_fit.entry.certain, first.fit + mesh_fit.entry.margin)
    best: _Candidate | None = None
    for turn in _turns_by_score(detector.score_turns(picture)):
        turned = turn_picture(picture, turn)
        candidate = _candidate(turned, detector.detect(turned), turn, mesh_fit)
        if best is None or candidate.fit > best.fit:
            best = candidate
        if candidate.fit >= enough:
            break
    return best


def _turns_by_score(scores: TurnScores) -> list[Turn]:
    """The turns that look like a face at least as much as the picture as given, the best first."""
    as_given, *turned = scores
    promising = [
        (score, turn)
        for turn, score in zip(_ROTATIONS, turned, strict=True)
        if 0.0 < score >= as_given
    ]
    return [turn for _, turn in sorted(promising, key=lambda each: -each[0])]
