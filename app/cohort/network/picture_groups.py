"""The same picture on several accounts, and how many such pairs chance would bring to this list.

Copies are found as ``app.cohort.duplicates`` finds them. How close different pictures come is taken
from the list itself: of its pairs of different hashes the closest ones show how fast their number
falls with the distance, and that fall is followed down to the distance of a group, with an
allowance. It is a straight line on a logarithmic scale, above the curve that independent bits would
give. Pictures of one studio come closer, and their list gets the higher rate.

Pictures without a face (a flag, a logo, a drawing) are shared by people who have nothing to do with
each other, so they join nobody.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from app.arrays import FloatArray, Int64Array
from app.cohort.duplicates import Hashes, group_duplicates
from app.cohort.network.model import AccountGroup, AccountTable, EdgeKind, KindSummary
from app.cohort.number_text import format_expected, pluralize
from app.cohort.parameters import DuplicatesEntry

MAX_EXPLAINED: Final = 0.05
"""A group is drawn if chance explains no more than this share of its lines."""
_ALLOWANCE: Final = 5.0
"""The fall seen in 300 portraits of one sort (avatars, StyleGAN 2, studio) gave the number of pairs
within 50 and 60 bits among 700 to 1,500 of them to within this factor."""
_MAX_PAIRS: Final = 1_000_000
"""Pairs whose distance is looked at."""
_MIN_PAIRS: Final = 40
_MEASURED_UPPER: Final = 3.0 / 18e6
"""Upper 95 % bound of the rate at which pairs of different faces came as close: 0 of 18 million."""
_CLOSEST: Final = 20
_CLOSE: Final = 200
"""The fall is taken between so many closest pairs; of few pairs, between a 50th and a fifth."""


@dataclass(frozen=True)
class PairFall:
    """How the number of pairs of different pictures falls with their distance.

    ``share`` of all pairs lie within ``near`` bits; for each bit less, their number falls by a
    factor e^``fall``.
    """

    share: float
    near: float
    fall: float

    def rate(self, distance: float) -> float:
        """P(two different pictures of the list differ in no more than ``distance`` bits)."""
        return self.share * math.exp(-self.fall * max(0.0, self.near - distance))


def find_picture_groups(
    accounts: AccountTable, parameters: DuplicatesEntry
) -> tuple[list[AccountGroup], KindSummary]:
    """Accounts that show one picture with a face in it, unless chance explains such pairs."""
    faces = np.flatnonzero(accounts.has_face & accounts.hashes.any(axis=1))
    left_out = _without_face(accounts, parameters)
    if len(faces) < 2:
        chance = "Fewer than two pictures with a face: there is nothing to compare."
        return [], KindSummary(EdgeKind.PICTURE, 0, chance, left_out)
    hashes = accounts.hashes[faces]
    found = group_duplicates(hashes, np.ones(len(faces), dtype=np.bool_), parameters).members
    # One of each group: copies of copies are close, and show nothing of different pictures.
    is_copy = np.zeros(len(faces), dtype=np.bool_)
    for members in found:
        is_copy[members[1:]] = True
    fall = estimate_fall(hashes[~is_copy], parameters.radius)
    pairs = len(faces) * (len(faces) - 1) / 2.0
    groups = []
    for members in found:
        expected = pairs * fall.rate(min(parameters.radius, _spread(hashes[members])))
        if expected <= MAX_EXPLAINED * (len(members) - 1):
            log10_chance = math.log10(max(expected, 1e-300))
            where = np.sort(faces[members])
            groups.append(
                AccountGroup(EdgeKind.PICTURE, where, log10_chance, "show the same picture")
            )
    if explained := len(found) - len(groups):
        reason = (
            f"{pluralize(explained, 'group')} of similar pictures: the pictures of this list look "
            "so much alike that chance explains as much."
        )
        left_out = (reason, *left_out)
    rate = fall.rate(parameters.radius)
    chance = (
        f"Two different faces come within {parameters.radius} of 256 bits (PDQ) in one pair of "
        f"{_one_in(rate)}; expected by chance among {pluralize(len(faces), 'face')} of this list: "
        f"{format_expected(rate * pairs)} pairs, and fewer that are closer."
    )
    return groups, KindSummary(EdgeKind.PICTURE, len(groups), chance, left_out)


def estimate_fall(hashes: Hashes, radius: int) -> PairFall:
    """The fall among different pictures, from the closest pairs beyond ``radius``."""
    distances = _pair_distances(np.unique(hashes, axis=0))
    distances = np.sort(distances[distances > radius])
    count = len(distances)
    if count < _MIN_PAIRS:
        return PairFall(_MEASURED_UPPER, 0.0, 0.0)
    closest = max(1, min(_CLOSEST, count // 50))
    close = min(_CLOSE, max(closest + 1, count // 5))
    near, far = float(distances[closest - 1]), float(distances[close - 1])
    fall = math.log(close / closest) / max(far - near, 1.0)
    return PairFall(min(1.0, _ALLOWANCE * closest / count), near, fall)


def _spread(hashes: Hashes) -> float:
    """How many bits the pictures of a group differ from its first one, at most."""
    return float(np.bitwise_count(hashes[1:] ^ hashes[0]).sum(axis=1).max())


def _pair_distances(hashes: Hashes) -> FloatArray:
    """Distances of pairs, at most a million: all, or those of places some steps apart."""
    count = len(hashes)
    if count < 2:
        return np.zeros(0)
    # Mixed, so that neighbours in the order are no neighbours in what they show.
    order = np.argsort(hashes.sum(axis=1) * np.uint64(0x9E3779B97F4A7C15), kind="stable")
    mixed = hashes[order]
    steps = np.unique(np.linspace(1, count - 1, min(count - 1, max(1, _MAX_PAIRS // count))))
    found = [_distances_at(mixed, int(step)) for step in steps]
    return np.concatenate(found)


def _distances_at(hashes: Hashes, step: int) -> FloatArray:
    differing = np.bitwise_count(hashes[step:] ^ hashes[:-step])
    out: FloatArray = differing.sum(axis=1).astype(np.float64)
    return out


def _without_face(accounts: AccountTable, parameters: DuplicatesEntry) -> tuple[str, ...]:
    others = np.flatnonzero(~accounts.has_face & accounts.hashes.any(axis=1))
    no_face = np.zeros(len(others), dtype=np.bool_)
    members: tuple[Int64Array, ...] = group_duplicates(
        accounts.hashes[others], no_face, parameters
    ).members
    if not members:
        return ()
    groups, pictures = len(members), sum(map(len, members))
    return (
        f"{pluralize(groups, 'group')} of the same picture without a face "
        f"({pluralize(pictures, 'account')}): flags, logos and drawings are shared by people who "
        "have nothing to do with each other.",
    )


def _one_in(rate: float) -> str:
    return f"{float(f'{1.0 / max(rate, 1e-15):.1g}'):,.0f}"
