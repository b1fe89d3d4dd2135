"""The circle that an outline lies on: what a circle mask leaves of a picture."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

DISC_SHARE: Final = 0.7
"""Of the outline that must lie on the circle."""
DISC_WITHIN: Final = 0.012
"""How far from the circle that may be, as a share of its radius; at least 1 px."""
LEAST_POINTS: Final = 16
"""Fewer make no circle."""

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float64]
Circle = tuple[float, float, float]
"""Centre x, centre y, radius, px."""


def nearest_circle(points: FloatArray, guess: Circle) -> Circle | None:
    """The circle that most of ``points`` (n, 2) lie on, found from a rough ``guess``; or none."""
    circle = guess
    for within in (0.2, 0.05, 0.02):
        on_it = points[_off(points, circle) < max(1.5, within * circle[2])]
        if len(on_it) < LEAST_POINTS:
            return None
        circle = _fitted(on_it)
    near = _off(points, circle) < max(1.0, DISC_WITHIN * circle[2])
    return circle if near.mean() >= DISC_SHARE else None


def _off(points: FloatArray, circle: Circle) -> FloatArray:
    return np.abs(np.hypot(points[:, 0] - circle[0], points[:, 1] - circle[1]) - circle[2])


def outline(mask: BoolArray) -> FloatArray:
    """First and last content of every row and column that has any, px, (n, 2) of x, y."""
    points = []
    for view, flip in ((mask, False), (mask.T, True)):
        lines = np.flatnonzero(view.any(axis=1))
        first = view[lines].argmax(axis=1)
        last = view.shape[1] - view[lines, ::-1].argmax(axis=1)
        along = np.concatenate([first, last]).astype(np.float64)
        across = np.concatenate([lines, lines]) + 0.5
        points.append(np.stack([across, along] if flip else [along, across], axis=1))
    return np.concatenate(points)


def _fitted(points: FloatArray) -> Circle:
    """Centre and radius of the circle nearest to ``points`` (Kåsa 1976)."""
    middle = points.mean(axis=0)
    x, y = (points - middle).T
    square = x * x + y * y
    moments = np.array([[x @ x, x @ y], [x @ y, y @ y]])
    centre = np.linalg.solve(2 * moments, np.array([x @ square, y @ square]))
    radius = np.sqrt(square.mean() + centre @ centre)
    return float(middle[0] + centre[0]), float(middle[1] + centre[1]), float(radius)
