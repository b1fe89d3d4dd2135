"""The same picture on several accounts, and how many such pairs chance would bring to this list.

Copies are found as ``app.cohort.duplicates`` finds them. How close different pictures come is taken
from the list itself: of its pairs of different hashes the closest ones show how fast their number
falls with the distance, and that fall is followed down to the radius. It is a straight line on a
logarithmic scale, above the curve that independent bits would give. Pictures of one studio come
closer, and their list gets the higher rate.

Pictures without a face (a flag, a logo, a drawing) are shared by people who have nothing to do with
each other, so they join nobody.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from app.arrays import FloatArray, Int64Array
from app.cohort.duplicates import Hashes, group_duplicates
from app.cohort.network.model import AccountGroup, AccountTable, EdgeKind, KindSummary
from app.cohort.number_text import format_expected, pluralize
from app.cohort.parameters import DuplicatesEntry

MAX_EXPLAINED: Final = 0.05
"""Groups are drawn if chance explains no more than this share of the pairs."""
_MAX_PAIRS: Final = 1_000_000
"""Pairs whose distance is looked at."""
_MIN_PAIRS: Final = 40
_MEASURED_UPPER: Final = 3.0 / 18e6
"""Upper 95 % bound of the rate at which pairs of different faces came as close: 0 of 18 million."""
_CLOSEST: Final = 20
_CLOSE: Final = 200
"""The fall is taken between so many closest pairs; of few pairs, between a 50th and a fifth."""


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
    pairs = sum(len(m) - 1 for m in found)
    # One of each group: copies of copies are close, and show nothing of different pictures.
    is_copy = np.zeros(len(faces), dtype=np.bool_)
    for members in found:
        is_copy[members[1:]] = True
    rate = estimate_pair_rate(hashes[~is_copy], parameters.radius)
    expected = rate * len(faces) * (len(faces) - 1) / 2.0
    chance = (
        f"Two different faces come within {parameters.radius} of 256 bits (PDQ) in one pair of "
        f"{_one_in(rate)}; expected by chance among {pluralize(len(faces), 'face')} of this list: "
        f"{format_expected(expected)} pairs."
    )
    if expected > MAX_EXPLAINED * pairs and pairs:
        reason = (
            f"{pluralize(len(found), 'group')} of similar pictures: the pictures of this list look "
            "so much alike that chance explains them."
        )
        return [], KindSummary(EdgeKind.PICTURE, 0, chance, (reason, *left_out))
    log10_chance = math.log10(max(expected, 1e-300))
    groups = [
        AccountGroup(
            EdgeKind.PICTURE, np.sort(faces[members]), log10_chance, "show the same picture"
        )
        for members in found
    ]
    return groups, KindSummary(EdgeKind.PICTURE, len(groups), chance, left_out)


def estimate_pair_rate(hashes: Hashes, radius: int) -> float:
    """P(two different pictures of the list differ in no more than ``radius`` bits)."""
    distances = _pair_distances(np.unique(hashes, axis=0))
    distances = np.sort(distances[distances > radius])
    count = len(distances)
    if count < _MIN_PAIRS:
        return _MEASURED_UPPER
    closest = max(1, min(_CLOSEST, count // 50))
    close = min(_CLOSE, max(closest + 1, count // 5))
    near, far = float(distances[closest - 1]), float(distances[close - 1])
    fall = math.log(close / closest) / max(far - near, 1.0)
    return closest / count * math.exp(-fall * max(0.0, near - radius))


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
