"""Eye positions of any number of pictures in bounded memory: points while few, counts always."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.evidence import Points, Verdict
from app.render.eye_template import REGION_SDS, Template

Eyes = tuple[float, float, float, float]
"""Iris centres (left x, left y, right x, right y) in unit coordinates of the picture."""
Counts = NDArray[np.int64]

MAX_POINTS: Final = 4_000
"""Faces of one group that are drawn one by one; more are drawn as a density."""
FRAME_CELLS: Final = 190
INSET_CELLS: Final = 90
INSET_REACH: Final = 0.05
"""Half the side of the part of the picture that is shown around a template eye."""
_AROUND_SDS: Final = (5.0, 12.0)
"""The ring from whose density is told how many eyes chance alone would put into the region.

Wide enough to be free of a generator's own scatter, narrow enough that the density of ordinary
avatars' eyes is near enough a slope, which a ring around a point averages to the point's own.
"""
_REGION_SHARE: Final = REGION_SDS**2 / (_AROUND_SDS[1] ** 2 - _AROUND_SDS[0] ** 2)
_CHUNK: Final = 8_192


@dataclass(frozen=True, eq=False)
class Group:
    """One kind of pictures: how many, the first of them, and counts of all.

    ``points``: (n, 2, 2). ``frame``: eyes in each cell of the picture, rows down. ``insets``: the
    same around each template eye, of that eye alone, (2, cells, cells).
    """

    faces: int
    points: Points
    frame: Counts
    insets: Counts

    @property
    def complete(self) -> bool:
        """Whether ``points`` holds every face."""
        return len(self.points) == self.faces


@dataclass(frozen=True, eq=False)
class Cloud:
    """What a scatter is drawn from.

    ``inside``: faces whose eye lies in its region of the template, left and right; ``both``: with
    both. ``around``: eyes in the ring about each region; ``outside``: eyes beyond the picture.
    """

    likely: Group
    rest: Group
    inside: tuple[int, int]
    both: int
    around: tuple[int, int]
    outside: int

    @property
    def faces(self) -> int:
        return self.likely.faces + self.rest.faces

    @property
    def expected(self) -> tuple[float, float]:
        """Eyes that each region would hold were it as dense as the ring around it."""
        left, right = self.around
        return left * _REGION_SHARE, right * _REGION_SHARE


def gather(seen: Iterable[tuple[Eyes, str]], template: Template) -> Cloud:
    """Count the eyes of ``seen`` (positions and verdict of each face), one chunk at a time."""
    groups = {True: _Growing(template), False: _Growing(template)}
    inside, around = np.zeros(2, dtype=np.int64), np.zeros(2, dtype=np.int64)
    both = outside = 0
    stream = iter(seen)
    while chunk := list(itertools.islice(stream, _CHUNK)):
        eyes = np.array([e for e, _ in chunk], dtype=np.float64).reshape(-1, 2, 2)
        is_likely = np.array([v == Verdict.LIKELY_GENERATED for _, v in chunk])
        away = template.distances(eyes)
        within = away <= REGION_SDS
        inside += within.sum(axis=0)
        both += int(within.all(axis=1).sum())
        around += ((away >= _AROUND_SDS[0]) & (away <= _AROUND_SDS[1])).sum(axis=0)
        outside += int(((eyes < 0.0) | (eyes > 1.0)).any(axis=2).sum())
        for kind, group in groups.items():
            group.add(eyes[is_likely == kind])
    return Cloud(
        groups[True].done(),
        groups[False].done(),
        (int(inside[0]), int(inside[1])),
        both,
        (int(around[0]), int(around[1])),
        outside,
    )


class _Growing:
    """A group while it is counted."""

    def __init__(self, template: Template) -> None:
        self._template = template
        self._faces = 0
        self._points = np.empty((0, 2, 2))
        self._frame = np.zeros((FRAME_CELLS, FRAME_CELLS), dtype=np.int64)
        self._insets = np.zeros((2, INSET_CELLS, INSET_CELLS), dtype=np.int64)

    def add(self, eyes: Points) -> None:
        self._faces += len(eyes)
        room = MAX_POINTS - len(self._points)
        if room > 0:
            self._points = np.concatenate([self._points, eyes[:room]])
        self._frame += _binned(eyes.reshape(-1, 2), np.zeros(2), 1.0, FRAME_CELLS)
        for eye, centre in enumerate(self._template.centres):
            corner = centre - INSET_REACH
            self._insets[eye] += _binned(eyes[:, eye], corner, 2 * INSET_REACH, INSET_CELLS)

    def done(self) -> Group:
        return Group(self._faces, self._points, self._frame, self._insets)


def _binned(points: Points, corner: Points, side: float, cells: int) -> Counts:
    """How many of ``points`` (n, 2) fall into each of the cells of a square, rows down."""
    at = np.floor((points - corner) / side * cells)
    at = at[((at >= 0) & (at < cells)).all(axis=1)].astype(np.int64)
    counts = np.bincount(at[:, 1] * cells + at[:, 0], minlength=cells * cells)
    return counts.reshape(cells, cells).astype(np.int64)
