"""Fits a circle to the outline of a picture's content, as left by a circle mask."""

from __future__ import annotations

from typing import Final

import numpy as np

from app.arrays import BoolArray, FloatArray

DISC_SHARE: Final = 0.7
"""Of the outline that must lie on the circle."""
DISC_TOLERANCE: Final = 0.012
"""How far from the circle that may be, as a share of its radius; at least 1 px."""
MIN_CIRCLE_POINTS: Final = 16
"""Fewer points define no circle."""

Circle = tuple[float, float, float]
"""Centre x, centre y, radius, px."""


def find_circle(points: FloatArray, guess: Circle) -> Circle | None:
    """The circle that most of ``points`` (n, 2) lie on, found from a rough ``guess``; or none."""
    circle = guess
    for tolerance in (0.2, 0.05, 0.02):
        inliers = points[_radial_error(points, circle) < max(1.5, tolerance * circle[2])]
        if len(inliers) < MIN_CIRCLE_POINTS:
            return None
        circle = _fit_circle(inliers)
    is_near = _radial_error(points, circle) < max(1.0, DISC_TOLERANCE * circle[2])
    return circle if is_near.mean() >= DISC_SHARE else None


def _radial_error(points: FloatArray, circle: Circle) -> FloatArray:
    return np.abs(np.hypot(points[:, 0] - circle[0], points[:, 1] - circle[1]) - circle[2])


def outline_points(mask: BoolArray) -> FloatArray:
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


def _fit_circle(points: FloatArray) -> Circle:
    """Centre and radius of the circle nearest to ``points`` (Kåsa 1976)."""
    mean = points.mean(axis=0)
    x, y = (points - mean).T
    radius_squared = x * x + y * y
    moments = np.array([[x @ x, x @ y], [x @ y, y @ y]])
    centre = np.linalg.solve(2 * moments, np.array([x @ radius_squared, y @ radius_squared]))
    radius = np.sqrt(radius_squared.mean() + centre @ centre)
    return float(mean[0] + centre[0]), float(mean[1] + centre[1]), float(radius)
