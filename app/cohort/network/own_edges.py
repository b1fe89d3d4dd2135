"""Lines that the caller brings: ``source,target,weight``, matched to the accounts of the list."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from app.cohort.network.model import AccountTable
from app.cohort.number_text import pluralize
from app.records import OwnEdge

_AMBIGUOUS: Final = -1


class MatchedEdges(NamedTuple):
    """``weights``: of pairs of indices of the table. ``notes``: what could not be used, and why."""

    weights: dict[tuple[int, int], float]
    notes: tuple[str, ...]


def match_edges(edges: Iterable[OwnEdge], accounts: AccountTable) -> MatchedEdges:
    """The lines between accounts of the list; equal ones are one, their weights added.

    A name is looked for among ids first, then among handles, without ``@`` and in any case; one
    that several accounts answer to names none.
    """
    places = _index_names(accounts)
    weights: dict[tuple[int, int], float] = {}
    unknown = loops = 0
    for edge in edges:
        source, target = _find(places, edge.source), _find(places, edge.target)
        if source is None or target is None:
            unknown += 1
        elif source == target:
            loops += 1
        else:
            weights[source, target] = weights.get((source, target), 0.0) + edge.weight
    notes = []
    if unknown:
        lines = pluralize(unknown, "line that you brought names", "lines that you brought name")
        notes.append(f"{lines} an account that is not in the list, or that several answer to.")
    if loops:
        lines = pluralize(loops, "line that you brought leads", "lines that you brought lead")
        notes.append(f"{lines} from an account to itself.")
    return MatchedEdges(weights, tuple(notes))


def _index_names(accounts: AccountTable) -> dict[str, int]:
    places: dict[str, int] = {}
    for index, name in enumerate(accounts.names):
        places[name] = _AMBIGUOUS if name in places else index
    folded: dict[str, int] = {}
    for index, (name, username) in enumerate(zip(accounts.names, accounts.usernames, strict=True)):
        for key in {_fold(name), _fold(username)} - {""}:
            folded[key] = _AMBIGUOUS if key in folded else index
    return folded | places


def _find(places: dict[str, int], name: str) -> int | None:
    name = name.strip()
    index = places.get(name)
    if index is None:
        index = places.get(_fold(name))
    return None if index is None or index == _AMBIGUOUS else index


def _fold(name: str) -> str:
    return name.strip().removeprefix("@").casefold()
