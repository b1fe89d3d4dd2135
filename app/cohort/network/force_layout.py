"""Large components laid out by forces: all nodes repel each other, lines pull (Fruchterman 1991).

The repulsion of all pairs is a convolution: nodes are laid onto a grid, the grid is convolved with
the force of one node by a fast Fourier transform, and the result is read at each node. A step costs
n + m + g² log g. No chance is involved: the same graph is laid out in the same way.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.arrays import FloatArray, Int64Array

ComplexArray = NDArray[np.complex128]

_GOLDEN_ANGLE: Final = math.pi * (3.0 - math.sqrt(5.0))
_SPACING: Final = 0.8
_MIN_CELLS: Final = 64
_MAX_CELLS: Final = 256
_SOFTENING: Final = 0.5
"""In cells: closer than this the grid shows no force."""
_LOCAL_NEIGHBOURS: Final = 4
_STEPS: Final = (60, 150)
"""Of the largest components, and of the smallest."""
_NODE_STEPS: Final = 1_500_000
"""Nodes times steps, between those two."""


def sunflower(order: Int64Array) -> FloatArray:
    """Points that fill a disc evenly, the first of ``order`` in its middle: (n, 2) by node."""
    rank = np.arange(len(order))
    reach, turn = _SPACING * np.sqrt(rank), rank * _GOLDEN_ANGLE
    out = np.zeros((len(order), 2))
    out[order] = np.stack([reach * np.cos(turn), reach * np.sin(turn)], axis=1)
    return out


def lay_out_by_forces(order: Int64Array, pairs: Int64Array) -> FloatArray:
    """Positions (n, 2) of nodes joined by ``pairs`` (m, 2), from a sunflower in ``order`` on."""
    size = len(order)
    positions = sunflower(order)
    steps = max(_STEPS[0], min(_STEPS[1], _NODE_STEPS // size))
    reach = math.sqrt(size)
    for step in range(steps):
        move = _repulsion(positions) + _attraction(positions, pairs)
        length = np.hypot(*move.T)
        limit = reach * 0.1 * (1.0 - step / steps) ** 2 + 0.01
        positions += move * np.minimum(1.0, limit / np.maximum(length, 1e-12))[:, None]
    return positions


def _attraction(positions: FloatArray, pairs: Int64Array) -> FloatArray:
    """Each line pulls its ends together by the square of its length."""
    difference = positions[pairs[:, 1]] - positions[pairs[:, 0]]
    pull = difference * np.hypot(*difference.T)[:, None]
    size = len(positions)
    return np.stack(
        [
            np.bincount(pairs[:, 0], pull[:, axis], size)
            - np.bincount(pairs[:, 1], pull[:, axis], size)
            for axis in (0, 1)
        ],
        axis=1,
    )


def _repulsion(positions: FloatArray) -> FloatArray:
    """Every node pushes every other one away by 1 ÷ their distance, seen through a grid.

    The grid does not tell those apart that share a cell: some of them push each other directly.
    """
    size = len(positions)
    cells = int(min(_MAX_CELLS, max(_MIN_CELLS, 2 * math.sqrt(size))))
    low = positions.min(axis=0)
    cell = max(float(np.ptp(positions, axis=0).max()), 1e-9) / (cells - 2)
    place = (positions - low) / cell + 0.5
    corner = np.floor(place).astype(np.int64)
    part = place - corner
    density = np.zeros(cells * cells)
    shares = []
    for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
        share = np.abs(1 - dx - part[:, 0]) * np.abs(1 - dy - part[:, 1])
        index = (corner[:, 0] + dx) * cells + corner[:, 1] + dy
        shares.append((index, share))
        density += np.bincount(index, share, cells * cells)
    spectrum = np.fft.rfft2(density.reshape(cells, cells), (2 * cells, 2 * cells))
    out = _local_repulsion(positions, corner[:, 0] * cells + corner[:, 1], cell)
    for axis, kernel in enumerate(_kernels(cells)):
        field = np.fft.irfft2(spectrum * kernel, (2 * cells, 2 * cells))[:cells, :cells].ravel()
        for index, share in shares:
            out[:, axis] += share * field[index] / cell
    return out


@lru_cache(maxsize=4)
def _kernels(cells: int) -> tuple[ComplexArray, ComplexArray]:
    """The spectrum of the force of one node, across and down, in cells."""
    offset = np.fft.fftfreq(2 * cells, 1.0 / (2 * cells))
    squared = offset[:, None] ** 2 + offset[None, :] ** 2 + _SOFTENING**2
    return np.fft.rfft2(offset[:, None] / squared), np.fft.rfft2(offset[None, :] / squared)


def _local_repulsion(positions: FloatArray, cell_index: Int64Array, cell: float) -> FloatArray:
    """What the grid leaves out: neighbours of one cell, a few of them."""
    size = len(positions)
    out = np.zeros((size, 2))
    order = np.lexsort((positions[:, 0], cell_index))
    turn = np.arange(size) * _GOLDEN_ANGLE
    for step in range(1, _LOCAL_NEIGHBOURS + 1):
        first, second = order[:-step], order[step:]
        same = cell_index[first] == cell_index[second]
        first, second = first[same], second[same]
        difference = positions[second] - positions[first]
        # Two in one place part in a direction of their own.
        away = np.stack([np.cos(turn[second]), np.sin(turn[second])], axis=1)
        difference += 1e-3 * cell * away
        squared = (difference**2).sum(axis=1)
        missing = 1.0 / (squared + 1e-9) - 1.0 / (squared + (_SOFTENING * cell) ** 2)
        push = difference * np.minimum(missing, 1e6)[:, None]
        for axis in (0, 1):
            out[:, axis] += np.bincount(second, push[:, axis], size)
            out[:, axis] -= np.bincount(first, push[:, axis], size)
    return out
