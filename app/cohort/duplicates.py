"""The same picture on several accounts: PDQ hashes within a few bits of each other.

PDQ's usual threshold is 31 of 256 bits. Measured on a corpus with known copies: 97 in a hundred of
those that were saved again at another size lie within it, and of 18 million pairs none shows two
faces: what is not a copy shows the same person, in the same studio, with another expression. Icons
of one set come as close, so pictures without a face must agree more closely. A hash of low quality
says little and is left out.

Two hashes within the threshold agree in at least one of sixteen parts, nearly always, so hashes are
sorted by each part and compared with those that share it, and not all with all.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from app.arrays import BoolArray, Int64Array
from app.cohort.parameters import DuplicatesEntry

HASH_WORDS: Final = 4
"""64-bit words of a hash."""
_MAX_NEIGHBOURS: Final = 256
"""How many hashes that share a part are compared with one: bounds the time in any list."""
_MAX_SHORT_PARTS: Final = 2_000_000
"""Beyond so many hashes 16 bits are shared by too many by chance, and two parts must agree."""

Hashes = NDArray[np.uint64]
"""(n, 4)."""


@dataclass(frozen=True, eq=False)
class DuplicateGroups:
    """``members``: indices, one array a group of two or more, the largest groups first."""

    members: tuple[Int64Array, ...]

    @property
    def picture_count(self) -> int:
        return sum(map(len, self.members))


def group_duplicates(
    hashes: Hashes, has_face: BoolArray, parameters: DuplicatesEntry
) -> DuplicateGroups:
    """Groups of pictures that are the same. Arrays are parallel; a hash of 0 is of no use."""
    useful = np.flatnonzero(hashes.any(axis=1))
    order = useful[np.lexsort((useful, *hashes[useful].T))]
    if not len(order):
        return DuplicateGroups(())
    is_new = np.concatenate([[True], (hashes[order[1:]] != hashes[order[:-1]]).any(axis=1)])
    run = np.cumsum(is_new) - 1
    run_starts = order[is_new]
    roots = _DisjointSets()
    for a, b in _near_pairs(hashes[run_starts], has_face[run_starts], parameters):
        roots.union(a, b)
    root_of_run = np.arange(len(run_starts))
    for child in roots.parents:
        root_of_run[child] = roots.find(child)
    return DuplicateGroups(tuple(_collect_groups(order, root_of_run[run])))


def _near_pairs(
    hashes: Hashes, has_face: BoolArray, parameters: DuplicatesEntry
) -> Iterator[tuple[int, int]]:
    """Pairs of indices of different hashes that belong to one picture."""
    radius = np.where(has_face, parameters.radius, parameters.radius_without_face)
    for part in _parts(hashes):
        order = np.lexsort((hashes[:, 0], part))
        sorted_part, sorted_hashes, sorted_radius = part[order], hashes[order], radius[order]
        for offset in range(1, _MAX_NEIGHBOURS + 1):
            matches = np.flatnonzero(sorted_part[offset:] == sorted_part[:-offset])
            if not len(matches):
                break
            others = matches + offset
            differing_bits = np.bitwise_count(sorted_hashes[matches] ^ sorted_hashes[others])
            is_near = differing_bits.sum(axis=1) <= np.minimum(
                sorted_radius[matches], sorted_radius[others]
            )
            yield from zip(
                order[matches[is_near]].tolist(), order[others[is_near]].tolist(), strict=True
            )


def _parts(hashes: Hashes) -> Iterator[NDArray[np.unsignedinteger]]:
    """Each part of every hash: the signs of one row of frequencies, or of two in long lists."""
    words = np.ascontiguousarray(hashes).view(np.uint16)
    for index in range(words.shape[1]):
        if len(hashes) <= _MAX_SHORT_PARTS:
            yield words[:, index]
        else:
            yield words[:, index].astype(np.uint32) << np.uint32(16) | words[:, index - 1]


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
