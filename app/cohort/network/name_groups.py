"""Names made by one recipe: the same stem with digits behind it, on more accounts than is usual.

How common a stem is among people who have nothing to do with each other is taken from the other
names of the list: the share that begins like it times the share that ends like it, at the place
where that is largest, times an allowance, because first and last names go together. No stem is
taken to be rarer than a floor by its length: first names are borne by up to one in a hundred. What
a platform gives to everybody (``user`` with digits) and a stem that most of the list has (its own
numbering) join nobody.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from app.cohort.network.chance import log10_binomial_tail
from app.cohort.network.model import (
    MAX_CHANCE,
    AccountGroup,
    AccountTable,
    EdgeKind,
    KindSummary,
)
from app.cohort.number_text import pluralize

_STEM_WITH_DIGITS: Final = re.compile(r"@?(?P<stem>.*?[^\W\d_])[\W_]*\d{2,}")
_SIGNS: Final = re.compile(r"[\W_]+")
_MIN_LETTERS: Final = 4
_MIN_ACCOUNTS: Final = 4
_FLOORS: Final = ((8, 1e-2), (12, 1e-3), (10**9, 1e-4))
"""Stems of fewer letters are borne by at least this share of all accounts."""
_ALLOWANCE: Final = 4.0
"""How many times as common a stem may be as its two parts make it."""
_MOST_OF_LIST: Final = 0.5
_GIVEN_BY_PLATFORMS: Final = frozenset(
    (
        *("user", "guest", "member", "player", "account", "profile", "anonymous", "anon"),
        *("unknown", "deleted", "deleteduser", "newuser", "name", "username", "client"),
        *("instagramuser", "facebookuser", "tiktokuser", "twitteruser", "customer", "person"),
        *("follower", "test", "mail", "email"),
    )
)


def find_name_groups(accounts: AccountTable) -> tuple[list[AccountGroup], KindSummary]:
    """Accounts whose handles are one stem with digits, where that is no coincidence."""
    stems: dict[str, list[int]] = defaultdict(list)
    named = 0
    for index, username in enumerate(accounts.usernames):
        named += bool(username)
        if stem := stem_of(username):
            stems[stem].append(index)
    explained, left_out = _explained_stems(stems, named)
    candidates = {s: m for s, m in stems.items() if s not in explained}
    rare = _rare_stems(candidates, _NameParts(accounts.usernames), named)
    groups = [
        AccountGroup(
            EdgeKind.NAME,
            np.array(candidates[stem], dtype=np.int64),
            log10_chance,
            f"are called “{stem}” with digits",
        )
        for stem, log10_chance in sorted(rare.items())
    ]
    return groups, KindSummary(EdgeKind.NAME, len(groups), _chance_text(named), left_out)


def stem_of(username: str) -> str:
    """The letters of a handle before its last two or more digits, folded; empty if it has none."""
    match = _STEM_WITH_DIGITS.fullmatch(username)
    stem = _SIGNS.sub("", match["stem"]).casefold() if match else ""
    return stem if sum(map(str.isalpha, stem)) >= _MIN_LETTERS else ""


def _letters_of(username: str) -> str:
    """All of a handle before the digits at its end, folded in the same way."""
    return _SIGNS.sub("", username).rstrip("0123456789").casefold()


class _NameParts:
    """How many handles of a list begin, and how many end, with some letters."""

    def __init__(self, usernames: Sequence[str]) -> None:
        letters = [name for name in map(_letters_of, usernames) if name]
        self._names = sorted(letters)
        self._reversed = sorted(name[::-1] for name in letters)

    def share(self, stem: str, bearers: int) -> float:
        """The share of accounts that would bear ``stem``, by all others than its ``bearers``."""
        others = max(len(self._names) - bearers, 0) + 1
        backwards = stem[::-1]
        products = (
            (_count_prefixed(self._names, stem[:cut]) - bearers + 1)
            * (_count_prefixed(self._reversed, backwards[: len(stem) - cut]) - bearers + 1)
            for cut in range(1, len(stem))
        )
        return max(products) / others**2


def _count_prefixed(ordered: Sequence[str], prefix: str) -> int:
    last = prefix[:-1] + chr(ord(prefix[-1]) + 1)
    return bisect_left(ordered, last) - bisect_left(ordered, prefix)


def _rare_stems(stems: Mapping[str, list[int]], parts: _NameParts, named: int) -> dict[str, float]:
    """Stem → log10 chance, of those that are borne too often for chance."""
    rare = {}
    for stem, members in stems.items():
        if len(members) < _MIN_ACCOUNTS:
            continue
        share = max(_floor(stem), min(1.0, _ALLOWANCE * parts.share(stem, len(members))))
        tail = log10_binomial_tail(
            np.array(float(len(members))), np.array(float(named)), np.array(share)
        )
        log10_chance = float(tail) + math.log10(len(stems))
        if log10_chance <= math.log10(MAX_CHANCE):
            rare[stem] = log10_chance
    return rare


def _floor(stem: str) -> float:
    return next(share for letters, share in _FLOORS if len(stem) < letters)


def _explained_stems(
    stems: Mapping[str, list[int]], named: int
) -> tuple[frozenset[str], tuple[str, ...]]:
    """Stems that the platform or the list itself gave, and the sentences that say so."""
    explained, sentences = set(), []
    for stem, members in sorted(stems.items()):
        if len(members) < _MIN_ACCOUNTS:
            continue
        shown = f"{pluralize(len(members), 'account')} called “{stem}” with digits"
        if stem in _GIVEN_BY_PLATFORMS:
            explained.add(stem)
            sentences.append(f"{shown}: platforms give such names to everybody.")
        elif len(members) > _MOST_OF_LIST * named:
            explained.add(stem)
            sentences.append(f"{shown}: most of the list, so its own way of numbering.")
    return frozenset(explained), tuple(sentences)


def _chance_text(named: int) -> str:
    if not named:
        return "The list gives no handles."
    floors = "one in a hundred (up to 7 letters), in a thousand (8 to 11) or in ten thousand"
    return (
        f"A group this large comes by chance in no more than one list of {1 / MAX_CHANCE:.0f}: the "
        f"other {named:,} handles say how common its parts are, and no stem is taken to be borne "
        f"by fewer than {floors}, which is assumed."
    )
