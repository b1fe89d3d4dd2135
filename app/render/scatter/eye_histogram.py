"""Eye positions of any number of pictures in bounded memory: points while few, counts always."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from app.arrays import FloatArray, Int64Array
from app.evidence import Verdict
from app.render.eye_template import REGION_SDS, EyeTemplate

EyePositions = tuple[float, float, float, float]
"""Iris centres (left x, left y, right x, right y) in unit coordinates of the picture."""

MAX_POINTS: Final = 4_000
"""Faces of one group that are drawn one by one; more are drawn as a density."""
FRAME_CELLS: Final = 190
INSET_CELLS: Final = 90
INSET_REACH: Final = 0.05
"""Half the side of the part of the picture that is shown around a template eye."""
_RING_SDS: Final = (5.0, 12.0)
"""The ring whose density gives how many eyes chance alone would put into the region.

Wide enough to be free of a generator's own scatter, narrow enough that the density of ordinary
avatars' eyes is near enough a slope, which a ring around a point averages to the point's own.
"""
_REGION_TO_RING_AREA: Final = REGION_SDS**2 / (_RING_SDS[1] ** 2 - _RING_SDS[0] ** 2)
_CHUNK_FACES: Final = 8_192


@dataclass(frozen=True, eq=False)
class EyeGroup:
    """One kind of pictures: how many, the first of them, and counts of all.

    ``points``: (n, 2, 2). ``frame``: eyes in each cell of the picture, rows down. ``insets``: the
    same around each template eye, of that eye alone, (2, cells, cells).
    """

    faces: int
    points: FloatArray
    frame: Int64Array
    insets: Int64Array

    @property
    def is_complete(self) -> bool:
        """Whether ``points`` holds every face."""
        return len(self.points) == self.faces


@dataclass(frozen=True, eq=False)
class EyeHistogram:
    """What a scatter is drawn from.

    ``in_region``: faces whose eye lies in its region of the template, left and right;
    ``both_in_region``: with both. ``in_ring``: eyes in the ring about each region;
    ``beyond_picture``: eyes beyond the picture.
    """

    likely: EyeGroup
    rest: EyeGroup
    in_region: tuple[int, int]
    both_in_region: int
    in_ring: tuple[int, int]
    beyond_picture: int

    @property
    def faces(self) -> int:
        return self.likely.faces + self.rest.faces

    @property
    def expected(self) -> tuple[float, float]:
        """Eyes that each region would hold were it as dense as the ring around it."""
        left, right = self.in_ring
        return left * _REGION_TO_RING_AREA, right * _REGION_TO_RING_AREA


def count_eyes(faces: Iterable[tuple[EyePositions, str]], template: EyeTemplate) -> EyeHistogram:
    """Count the eyes of ``faces`` (positions and verdict of each face), one chunk at a time."""
    groups = {True: _EyeCounter(template), False: _EyeCounter(template)}
    in_region, in_ring = np.zeros(2, dtype=np.int64), np.zeros(2, dtype=np.int64)
    both_in_region = beyond_picture = 0
    stream = iter(faces)
    while chunk := list(itertools.islice(stream, _CHUNK_FACES)):
        eyes = np.array([e for e, _ in chunk], dtype=np.float64).reshape(-1, 2, 2)
        is_likely = np.array([v == Verdict.LIKELY_STYLEGAN for _, v in chunk])
        distances = template.distances(eyes)
        is_in_region = distances <= REGION_SDS
        in_region += is_in_region.sum(axis=0)
        both_in_region += int(is_in_region.all(axis=1).sum())
        in_ring += ((distances >= _RING_SDS[0]) & (distances <= _RING_SDS[1])).sum(axis=0)
        beyond_picture += int(((eyes < 0.0) | (eyes > 1.0)).any(axis=2).sum())
        for likely, group in groups.items():
            group.add(eyes[is_likely == likely])
    return EyeHistogram(
        groups[True].to_group(),
        groups[False].to_group(),
        (int(in_region[0]), int(in_region[1])),
        both_in_region,
        (int(in_ring[0]), int(in_ring[1])),
        beyond_picture,
    )


class _EyeCounter:
    """A group while it is counted."""

    def __init__(self, template: EyeTemplate) -> None:
        self._template = template
        self._faces = 0
        self._points = np.empty((0, 2, 2))
        self._frame = np.zeros((FRAME_CELLS, FRAME_CELLS), dtype=np.int64)
        self._insets = np.zeros((2, INSET_CELLS, INSET_CELLS), dtype=np.int64)

    def add(self, eyes: FloatArray) -> None:
        self._faces += len(eyes)
        free = MAX_POINTS - len(self._points)
        if free > 0:
            self._points = np.concatenate([self._points, eyes[:free]])
        self._frame += _bin_points(eyes.reshape(-1, 2), np.zeros(2), 1.0, FRAME_CELLS)
        for eye, centre in enumerate(self._template.centres):
            corner = centre - INSET_REACH
            self._insets[eye] += _bin_points(eyes[:, eye], corner, 2 * INSET_REACH, INSET_CELLS)

    def to_group(self) -> EyeGroup:
        return EyeGroup(self._faces, self._points, self._frame, self._insets)


def _bin_points(points: FloatArray, corner: FloatArray, side: float, cells: int) -> Int64Array:
    """How many of ``points`` (n, 2) fall into each of the cells of a square, rows down."""
    indices = np.floor((points - corner) / side * cells)
    indices = indices[((indices >= 0) & (indices < cells)).all(axis=1)].astype(np.int64)
    counts = np.bincount(indices[:, 1] * cells + indices[:, 0], minlength=cells * cells)
    return counts.reshape(cells, cells).astype(np.int64)
