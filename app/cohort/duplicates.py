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

from app.cohort.parameters import DuplicatesEntry
from app.cohort.template_density import Squares

_PARTS: Final = ((0, 22), (22, 21), (43, 21))
"""First bit and number of bits of each part of a hash."""
_NEIGHBOURS: Final = 256
"""How far along a sorted part is looked: bounds the time where very many pictures look alike."""

Hashes = NDArray[np.uint64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Groups:
    """``members``: indices, one array a group of two or more, the largest groups first."""

    members: tuple[Ints, ...]

    @property
    def pictures(self) -> int:
        return sum(map(len, self.members))


def group(hashes: Hashes, squares: Squares, lenient: Bools, numbers: DuplicatesEntry) -> Groups:
    """Groups of pictures that are the same. Arrays are parallel.

    ``squares`` (n, 4), NaN without a face. ``lenient``: which may differ by a few bits.
    """
    few, many = numbers.bits
    bits = np.bitwise_count(hashes)
    telling = np.flatnonzero((bits >= few) & (bits <= many))
    order = telling[np.lexsort((telling, *squares[telling].T, hashes[telling]))]
    same = _alike(hashes[order], squares[order], numbers)
    run = np.concatenate([[0], np.cumsum(~same)]) if len(order) else np.zeros(0, np.int64)
    first = order[np.flatnonzero(np.concatenate([[True], ~same]))] if len(order) else order
    roots = _Roots()
    allowed = np.flatnonzero(lenient[first])
    if numbers.radius:
        for a, b in _within(hashes[first[allowed]], squares[first[allowed]], numbers):
            roots.join(int(allowed[a]), int(allowed[b]))
    moved = np.arange(len(first))
    for child in roots.parents:
        moved[child] = roots.find(child)
    return Groups(tuple(_gathered(order, moved[run])))


def _alike(hashes: Hashes, squares: Squares, numbers: DuplicatesEntry) -> Bools:
    """Which neighbours in order are one picture: (n - 1,)."""
    if not len(hashes):
        return np.zeros(0, np.bool_)
    out: Bools = (hashes[1:] == hashes[:-1]) & _same_place(squares[1:], squares[:-1], numbers)
    return out


def _same_place(ones: Squares, others: Squares, numbers: DuplicatesEntry) -> Bools:
    """Whether faces lie alike, or neither picture has one: (n,)."""
    close = (np.abs(ones - others) < np.array(numbers.within)).all(axis=1)
    out: Bools = close | (np.isnan(ones[:, 0]) & np.isnan(others[:, 0]))
    return out


def _within(
    hashes: Hashes, squares: Squares, numbers: DuplicatesEntry
) -> Iterator[tuple[int, int]]:
    """Pairs of indices whose hashes differ by no more than the radius, faces in one place."""
    for start, width in _PARTS:
        part = (hashes >> np.uint64(start)) & np.uint64((1 << width) - 1)
        order = np.lexsort((hashes, part))
        kept, sorted_hashes = part[order], hashes[order]
        for apart in range(1, _NEIGHBOURS + 1):
            together = np.flatnonzero(kept[apart:] == kept[:-apart])
            if not len(together):
                break
            differ = np.bitwise_count(sorted_hashes[together] ^ sorted_hashes[together + apart])
            close = together[differ <= numbers.radius]
            a, b = order[close], order[close + apart]
            placed = _same_place(squares[a], squares[b], numbers)
            yield from zip(a[placed].tolist(), b[placed].tolist(), strict=True)


def _gathered(order: Ints, label: Ints) -> list[Ints]:
    """Members of every label that occurs more than once, sorted; largest groups first."""
    by = np.lexsort((order, label))
    label, members = label[by], order[by]
    cuts = np.flatnonzero(np.diff(label)) + 1
    sizes = np.diff(np.concatenate([[0], cuts, [len(label)]]))
    starts = np.concatenate([[0], cuts])[: len(sizes)]
    several = np.flatnonzero(sizes > 1)
    found = [members[starts[i] : starts[i] + sizes[i]] for i in several]
    return sorted(found, key=lambda m: (-len(m), int(m[0])))


class _Roots:
    """Disjoint sets of those that were ever joined."""

    def __init__(self) -> None:
        self.parents: dict[int, int] = {}

    def find(self, one: int) -> int:
        path = []
        while (parent := self.parents.get(one, one)) != one:
            path.append(one)
            one = parent
        for each in path:
            self.parents[each] = one
        return one

    def join(self, one: int, other: int) -> None:
        low, high = sorted((self.find(one), self.find(other)))
        self.parents[high] = low
        self.parents.setdefault(low, low)
