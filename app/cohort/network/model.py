"""The words of a network: accounts, groups of them, lines, kinds of lines and components."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from app.arrays import BoolArray, FloatArray, Int64Array
from app.cohort.duplicates import Hashes

UNKNOWN_TIME: Final = -(2**62)
"""Of an account whose date of creation is not known."""
MAX_CHANCE: Final = 0.01
"""A group is drawn if chance makes one like it in no more than so many lists."""


class EdgeKind(StrEnum):
    """Why two accounts are joined by a line."""

    PICTURE = "picture"
    BURST = "burst"
    NAME = "name"
    OWN = "own"

    @property
    def label(self) -> str:
        """In words."""
        return _LABELS[self]


_LABELS: Final = {
    EdgeKind.PICTURE: "the same picture",
    EdgeKind.BURST: "created together",
    EdgeKind.NAME: "names of one recipe",
    EdgeKind.OWN: "a line you brought",
}
ALL_KINDS: Final = tuple(EdgeKind)


@dataclass(frozen=True, eq=False)
class AccountTable:
    """The accounts of a list, sorted by what they are called: parallel columns of n.

    Rows of one account are one entry. ``seqs``: of the first row. ``names``: to be shown.
    ``hashes`` (n, 4): PDQ, 0 where there is none of use. ``has_face``: whether it was scored.
    ``llr``: NaN where it was not. ``created``: seconds since 1970, or ``UNKNOWN_TIME``.
    ``usernames``: handles, empty where the list names none.
    """

    names: tuple[str, ...]
    usernames: tuple[str, ...]
    seqs: Int64Array
    hashes: Hashes
    has_face: BoolArray
    is_flagged: BoolArray
    llr: FloatArray
    created: Int64Array

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True, eq=False)
class AccountGroup:
    """Accounts that share one thing. ``members``: indices of the table, ascending.

    ``log10_chance``: of how many lists chance makes such a group; ``None`` for lines that the
    caller brought. ``what``: what they share, the end of a sentence: "show the same picture".
    """

    kind: EdgeKind
    members: Int64Array
    log10_chance: float | None
    what: str


@dataclass(frozen=True)
class KindSummary:
    """One kind of lines: what chance would bring, in a sentence, and what was left out and why."""

    kind: EdgeKind
    groups: int
    chance: str
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class NetworkEdges:
    """Lines as parallel columns of m. ``source``, ``target``: indices of nodes."""

    source: Int64Array
    target: Int64Array
    kind: Int64Array
    """Place in ``ALL_KINDS``."""
    weight: FloatArray

    def __len__(self) -> int:
        return len(self.source)


@dataclass(frozen=True, eq=False)
class Component:
    """Accounts that hang together. ``nodes``: indices of nodes, ascending. ``groups``: in it."""

    nodes: Int64Array
    groups: tuple[AccountGroup, ...]
    own_edges: int
    sentence: str = ""


@dataclass(frozen=True, eq=False)
class Network:
    """``accounts``: only those with a line; the largest component stands first.

    ``listed``: how many accounts the list has. ``component_of`` (n,): the place of each node's
    component in ``components``. ``notes``: what was left out altogether.
    """

    listed: int
    accounts: AccountTable
    edges: NetworkEdges
    components: tuple[Component, ...]
    component_of: Int64Array
    kinds: tuple[KindSummary, ...]
    notes: tuple[str, ...] = field(default=())
