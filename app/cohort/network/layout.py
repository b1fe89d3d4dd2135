"""Where each account of a network is drawn: the same network always lies in the same way.

Every component is laid out for itself, then they are packed in rows, the largest first. 1 is about
the distance of two neighbours. A pair lies side by side, a star around its centre; other components
are laid out by forces, small ones by rustworkx, large ones on a grid. Beyond so many accounts, a
component is a disc of points in the order of their distance from its best connected one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
import rustworkx

from app.arrays import BoolArray, FloatArray, Int64Array
from app.cohort.network.force_layout import lay_out_by_forces, sunflower
from app.cohort.network.model import Network

MAX_BY_SPRINGS: Final = 150
"""Accounts of a component that rustworkx lays out: its time grows with their square."""
MAX_BY_FORCES: Final = 100_000
_SPRING_ITERATIONS: Final = 60
_SPRING_BUDGET: Final = 2_000_000
"""Pairs of accounts that springs are laid between in all: some two seconds."""
_RING_MAX: Final = 12
_GAP: Final = 1.6
_ASPECT: Final = 1.5
_SEED: Final = 1
_TRIED_WIDTHS: Final = 6


@dataclass(frozen=True, eq=False)
class NetworkLayout:
    """``positions`` (n, 2) in a field ``width`` × ``height``, y down.

    ``centres`` (c, 2), ``radii`` (c,): of the circle around each component. ``is_disc`` (c,):
    whether a component was too large to be laid out by its lines.
    """

    positions: FloatArray
    width: float
    height: float
    centres: FloatArray
    radii: FloatArray
    is_disc: BoolArray


def lay_out_network(network: Network) -> NetworkLayout:
    """The layout; a hundred thousand accounts take seconds."""
    count = len(network.components)
    positions = np.zeros((len(network.accounts), 2))
    radii, is_disc = np.zeros(count), np.zeros(count, dtype=np.bool_)
    edge_component = network.component_of[network.edges.source]
    order = np.argsort(edge_component, kind="stable")
    bounds = np.searchsorted(edge_component[order], np.arange(count + 1))
    spring_pairs = forced = 0
    for index, component in enumerate(network.components):
        chosen = order[bounds[index] : bounds[index + 1]]
        first, size = int(component.nodes[0]), len(component.nodes)
        pairs = np.unique(
            np.sort(
                np.stack([network.edges.source[chosen], network.edges.target[chosen]], axis=1)
                - first,
                axis=1,
            ),
            axis=0,
        )
        local = _simple_layout(size, pairs)
        if local is None and size <= MAX_BY_SPRINGS and spring_pairs <= _SPRING_BUDGET:
            spring_pairs += size * size
            local = _spring_layout(size, pairs)
        if local is None and forced + size <= MAX_BY_FORCES:
            forced += size
            local = _to_disc(lay_out_by_forces(_by_distance(size, pairs), pairs), size)
        if local is None:
            is_disc[index] = True
            local = sunflower(_by_distance(size, pairs))
        positions[component.nodes] = local
        radii[index] = float(np.hypot(*local.T).max()) + 0.5
    centres, width, height = _pack(radii)
    positions += np.repeat(centres, [len(c.nodes) for c in network.components], axis=0)
    return NetworkLayout(positions, width, height, centres, radii, is_disc)


def _simple_layout(size: int, pairs: Int64Array) -> FloatArray | None:
    """A pair, or a star: its leaves on a ring, or over a disc if they are many."""
    if size == 2:
        return np.array([[-0.5, 0.0], [0.5, 0.0]])
    if len(pairs) != size - 1:
        return None
    degrees = np.bincount(pairs.ravel(), minlength=size)
    hub = int(degrees.argmax())
    if degrees[hub] != size - 1:
        return None
    leaves = np.delete(np.arange(size), hub)
    out = np.zeros((size, 2))
    if len(leaves) <= _RING_MAX:
        turn = 2.0 * math.pi * np.arange(len(leaves)) / len(leaves) - math.pi / 2.0
        reach = max(1.1, len(leaves) / (2.0 * math.pi) * 1.1)
        out[leaves] = reach * np.stack([np.cos(turn), np.sin(turn)], axis=1)
        return out
    return sunflower(np.concatenate([[hub], leaves]))


def _spring_layout(size: int, pairs: Int64Array) -> FloatArray:
    start = sunflower(_by_distance(size, pairs)) / math.sqrt(size)
    found = rustworkx.spring_layout(
        _graph(size, pairs),
        pos={i: (float(x), float(y)) for i, (x, y) in enumerate(start)},
        num_iter=_SPRING_ITERATIONS,
        seed=_SEED,
    )
    return _to_disc(np.array([found[i] for i in range(size)]), size)


def _to_disc(points: FloatArray, size: int) -> FloatArray:
    """Centred, and scaled so that a node has about a square of 1.6 for itself."""
    points = points - points.mean(axis=0)
    distances = np.hypot(*points.T)
    reach = max(float(np.quantile(distances, 0.95)), 1e-9)
    # A few outliers are drawn in, or they would shrink all others.
    factor = np.minimum(1.0, 1.35 * reach / np.maximum(distances, 1e-9)) / reach
    out: FloatArray = points * factor[:, None] * (0.9 * math.sqrt(size) + 0.4)
    return out


def _by_distance(size: int, pairs: Int64Array) -> Int64Array:
    """The nodes, the best connected first, then by their distance from it in lines."""
    degrees = np.bincount(pairs.ravel(), minlength=size)
    hub = int(degrees.argmax())
    neighbours = np.concatenate([pairs, pairs[:, ::-1]])
    neighbours = neighbours[np.lexsort((neighbours[:, 1], neighbours[:, 0]))]
    starts = np.searchsorted(neighbours[:, 0], np.arange(size + 1))
    seen = np.zeros(size, dtype=np.bool_)
    seen[hub] = True
    layers = [np.array([hub])]
    while len(layers[-1]):
        spans = [neighbours[starts[i] : starts[i + 1], 1] for i in layers[-1].tolist()]
        found = np.concatenate(spans)
        fresh = found[~seen[found]]
        _, first = np.unique(fresh, return_index=True)
        layer = fresh[np.sort(first)]
        seen[layer] = True
        layers.append(layer)
    return np.concatenate(layers).astype(np.int64)


def _graph(size: int, pairs: Int64Array) -> rustworkx.PyGraph[None, None]:
    graph: rustworkx.PyGraph[None, None] = rustworkx.PyGraph()
    graph.add_nodes_from([None] * size)
    graph.extend_from_edge_list([(a, b) for a, b in pairs.tolist()])
    return graph


def _pack(radii: FloatArray) -> tuple[FloatArray, float, float]:
    """Circles in a field somewhat wider than tall: the best of a few widths."""
    if not len(radii):
        return np.zeros((0, 2)), 1.0, 1.0
    sides = 2.0 * radii + _GAP
    order = np.argsort(-sides, kind="stable")
    first_row = np.cumsum(sides[order])[:_TRIED_WIDTHS]
    by_area = math.sqrt(_ASPECT * float((sides**2).sum())) * np.array([0.8, 0.9, 1.0, 1.1])
    widths = np.maximum(np.concatenate([first_row, by_area]), sides.max())
    fields = [_fill_rows(sides, order, float(width)) for width in widths]
    return min(fields, key=lambda field: max(field[1] / _ASPECT, field[2]))


def _fill_rows(
    sides: FloatArray, order: Int64Array, width: float
) -> tuple[FloatArray, float, float]:
    """Rows as tall as their first circle, of columns as wide as theirs: centres, width, height."""
    centres = np.zeros((len(sides), 2))
    left = top = used = row_height = column_width = column_used = 0.0
    for index in order.tolist():
        side = float(sides[index])
        if column_used + side > row_height * 1.001:
            left, column_width, column_used = left + column_width, side, 0.0
            if left + side > width * 1.001 or not row_height:
                left, top, row_height = 0.0, top + row_height, side
        centres[index] = left + column_width / 2.0, top + column_used + side / 2.0
        column_used += side
        used = max(used, left + column_width)
    return centres, used, top + row_height
