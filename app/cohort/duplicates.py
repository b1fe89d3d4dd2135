"""The same picture on several accounts: perceptual hashes that agree, faces that lie alike.

Measured on a corpus with known copies: of copies that were saved anew at another size, 94 in a
hundred keep all 64 bits and the others differ in two. Different pictures hardly ever agree in all;
within two bits portraits on plain backgrounds do, so there the face must lie in the same place,
which says nothing of faces in a generator's frame: those, and pictures without a face, must agree
in every bit. Flat pictures, whose hash says nothing, are left out.

Hashes are sorted rather than compared with each other. Two that differ in two bits agree in at
least one of three parts, so neighbours after sorting by each part are enough.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.arrays import BoolArray, Int64Array
from app.cohort.parameters import DuplicatesEntry
from app.cohort.template_density import Squares

_HASH_PARTS: Final = ((0, 22), (22, 21), (43, 21))
"""First bit and number of bits of each part of a hash."""
_MAX_NEIGHBOURS: Final = 256
"""How far along a sorted part is looked: bounds the time where very many pictures look alike."""

Hashes = NDArray[np.uint64]


@dataclass(frozen=True, eq=False)
class DuplicateGroups:
    """``members``: indices, one array a group of two or more, the largest groups first."""

    members: tuple[Int64Array, ...]

    @property
    def picture_count(self) -> int:
        return sum(map(len, self.members))


def group_duplicates(
    hashes: Hashes, squares: Squares, is_lenient: BoolArray, parameters: DuplicatesEntry
) -> DuplicateGroups:
    """Groups of pictures that are the same. Arrays are parallel.

    ``squares`` (n, 4), NaN without a face. ``is_lenient``: which may differ by a few bits.
    """
    min_bits, max_bits = parameters.bits
    bit_counts = np.bitwise_count(hashes)
    informative = np.flatnonzero((bit_counts >= min_bits) & (bit_counts <= max_bits))
    order = informative[np.lexsort((informative, *squares[informative].T, hashes[informative]))]
    same = _matches_next(hashes[order], squares[order], parameters)
    run = np.concatenate([[0], np.cumsum(~same)]) if len(order) else np.zeros(0, np.int64)
    run_starts = order[np.flatnonzero(np.concatenate([[True], ~same]))] if len(order) else order
    roots = _DisjointSets()
    lenient_runs = np.flatnonzero(is_lenient[run_starts])
    if parameters.radius:
        for a, b in _near_pairs(
            hashes[run_starts[lenient_runs]], squares[run_starts[lenient_runs]], parameters
        ):
            roots.union(int(lenient_runs[a]), int(lenient_runs[b]))
    root_of_run = np.arange(len(run_starts))
    for child in roots.parents:
        root_of_run[child] = roots.find(child)
    return DuplicateGroups(tuple(_collect_groups(order, root_of_run[run])))


def _matches_next(hashes: Hashes, squares: Squares, parameters: DuplicatesEntry) -> BoolArray:
    """Which neighbours in order are one picture: (n - 1,)."""
    if not len(hashes):
        return np.zeros(0, np.bool_)
    out: BoolArray = (hashes[1:] == hashes[:-1]) & _is_same_place(
        squares[1:], squares[:-1], parameters
    )
    return out


def _is_same_place(ones: Squares, others: Squares, parameters: DuplicatesEntry) -> BoolArray:
    """Whether faces lie alike, or neither picture has one: (n,)."""
    close = (np.abs(ones - others) < np.array(parameters.within)).all(axis=1)
    out: BoolArray = close | (np.isnan(ones[:, 0]) & np.isnan(others[:, 0]))
    return out


def _near_pairs(
    hashes: Hashes, squares: Squares, parameters: DuplicatesEntry
) -> Iterator[tuple[int, int]]:
    """Pairs of indices whose hashes differ by no more than the radius, faces in one place."""
    for start, width in _HASH_PARTS:
        part = (hashes >> np.uint64(start)) & np.uint64((1 << width) - 1)
        order = np.lexsort((hashes, part))
        sorted_parts, sorted_hashes = part[order], hashes[order]
        for offset in range(1, _MAX_NEIGHBOURS + 1):
            matches = np.flatnonzero(sorted_parts[offset:] == sorted_parts[:-offset])
            if not len(matches):
                break
            bit_differences = np.bitwise_count(
                sorted_hashes[matches] ^ sorted_hashes[matches + offset]
            )
            close = matches[bit_differences <= parameters.radius]
            a, b = order[close], order[close + offset]
            is_same_place = _is_same_place(squares[a], squares[b], parameters)
            yield from zip(a[is_same_place].tolist(), b[is_same_place].tolist(), strict=True)


def _collect_groups(order: Int64Array, label: Int64Array) -> list[Int64Array]:
    """Members of every label that occurs more than once, sorted; largest groups first."""
    label_order = np.lexsort((order, label))
    label, members = label[label_order], order[label_order]
    cuts = np.flatnonzero(np.diff(label)) + 1
    sizes = np.diff(np.concatenate([[0], cuts, [len(label)]]))
    starts = np.concatenate([[0], cuts])[: len(sizes)]
    repeated = np.flatnonzero(sizes > 1)
    groups = [members[starts[i] : starts[i] + sizes[i]] for i in repeated]
    return sorted(groups, key=lambda m: (-len(m), int(m[0])))


class _DisjointSets:
    """Disjoint sets of those that were ever joined."""

    def __init__(self) -> None:
        self.parents: dict[int, int] = {}

    def find(self, index: int) -> int:
        path = []
        while (parent := self.parents.get(index, index)) != index:
            path.append(index)
            index = parent
        for visited in path:
            self.parents[visited] = index
        return index

    def union(self, first: int, second: int) -> None:
        low, high = sorted((self.find(first), self.find(second)))
        self.parents[high] = low
        self.parents.setdefault(low, low)
