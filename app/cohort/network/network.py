"""A list's accounts → the network: groups of each kind, their lines, and what hangs together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import rustworkx

from app.arrays import Int64Array
from app.cohort.network.accounts import select_accounts
from app.cohort.network.burst_groups import find_burst_groups
from app.cohort.network.model import (
    ALL_KINDS,
    AccountGroup,
    AccountTable,
    Component,
    EdgeKind,
    KindSummary,
    Network,
    NetworkEdges,
)
from app.cohort.network.name_groups import find_name_groups
from app.cohort.network.own_edges import MatchedEdges, match_edges
from app.cohort.network.picture_groups import find_picture_groups
from app.cohort.network.text import OWN_CHANCE, component_sentence, too_many_note
from app.cohort.parameters import CohortParameters
from app.records import OwnEdge

_FindGroups = Callable[[], tuple[list[AccountGroup], KindSummary]]

MAX_ACCOUNTS: Final = 200_000
"""Accounts of one network; of more, the smallest components are left out."""


def build_network(
    accounts: AccountTable,
    own_edges: Iterable[OwnEdge],
    parameters: CohortParameters,
    kinds: Collection[EdgeKind] = ALL_KINDS,
) -> Network:
    """The network of ``accounts`` with lines of ``kinds``; accounts without a line are left out.

    The same accounts give the same network, whatever order the list had.
    """
    groups, summaries = _find_groups(accounts, parameters, kinds)
    own = match_edges(own_edges if EdgeKind.OWN in kinds else (), accounts)
    if EdgeKind.OWN in kinds and (own.weights or own.notes):
        summaries.append(KindSummary(EdgeKind.OWN, 0, OWN_CHANCE, own.notes))
    edges = _collect_edges(groups, own)
    components, notes = _cap(_connected(edges))
    order = np.concatenate([np.zeros(0, dtype=np.int64), *components])
    place = np.full(len(accounts), -1, dtype=np.int64)
    place[order] = np.arange(len(order))
    component_of = np.repeat(np.arange(len(components)), [len(c) for c in components])
    shown = _renumber(edges, place)
    network = Network(
        listed=len(accounts),
        accounts=select_accounts(accounts, order),
        edges=shown,
        components=(),
        component_of=component_of,
        kinds=tuple(summaries),
        notes=notes,
    )
    renumbered = [replace(g, members=np.sort(place[g.members])) for g in groups]
    return replace(network, components=tuple(_describe(network, renumbered, len(components))))


def _find_groups(
    accounts: AccountTable, parameters: CohortParameters, kinds: Collection[EdgeKind]
) -> tuple[list[AccountGroup], list[KindSummary]]:
    finders: Mapping[EdgeKind, _FindGroups] = {
        EdgeKind.PICTURE: lambda: find_picture_groups(accounts, parameters.duplicates),
        EdgeKind.BURST: lambda: find_burst_groups(accounts),
        EdgeKind.NAME: lambda: find_name_groups(accounts),
    }
    groups, summaries = [], []
    for kind, find in finders.items():
        if kind in kinds:
            found, summary = find()
            groups += found
            summaries.append(summary)
    return groups, summaries


def _collect_edges(groups: Sequence[AccountGroup], own: MatchedEdges) -> NetworkEdges:
    """A group of n is n − 1 lines, all from its first member: n² would say no more."""
    sources = [np.full(len(g.members) - 1, g.members[0]) for g in groups]
    targets = [g.members[1:] for g in groups]
    codes = [np.full(len(g.members) - 1, ALL_KINDS.index(g.kind)) for g in groups]
    pairs = np.array(list(own.weights), dtype=np.int64).reshape(-1, 2)
    own_weights = np.fromiter(own.weights.values(), np.float64, len(own.weights))
    order = np.lexsort((pairs[:, 1], pairs[:, 0]))
    pairs, own_weights = pairs[order], own_weights[order]
    count = sum(map(len, targets))
    return NetworkEdges(
        source=np.concatenate([*sources, pairs[:, 0]]).astype(np.int64),
        target=np.concatenate([*targets, pairs[:, 1]]).astype(np.int64),
        kind=np.concatenate([*codes, np.full(len(pairs), ALL_KINDS.index(EdgeKind.OWN))]).astype(
            np.int64
        ),
        weight=np.concatenate([np.ones(count), own_weights]),
    )


def _connected(edges: NetworkEdges) -> list[Int64Array]:
    """Indices of accounts that hang together, ascending; the largest components first."""
    used, ends = np.unique(np.concatenate([edges.source, edges.target]), return_inverse=True)
    graph: rustworkx.PyGraph[None, None] = rustworkx.PyGraph()
    graph.add_nodes_from([None] * len(used))
    pairs = ends.reshape(2, -1).T.tolist()
    graph.extend_from_edge_list([(source, target) for source, target in pairs])
    found = (
        used[np.sort(np.fromiter(nodes, np.int64, len(nodes)))]
        for nodes in rustworkx.connected_components(graph)
    )
    return sorted(found, key=lambda nodes: (-len(nodes), int(nodes[0])))


def _cap(components: list[Int64Array]) -> tuple[list[Int64Array], tuple[str, ...]]:
    """As many of the components, largest first, as a network may have accounts."""
    sizes = np.cumsum([len(nodes) for nodes in components])
    kept = max(1, int(np.searchsorted(sizes, MAX_ACCOUNTS, side="right"))) if components else 0
    left_out = components[kept:]
    if not left_out:
        return components, ()
    return components[:kept], (too_many_note(len(left_out), sum(map(len, left_out))),)


def _renumber(edges: NetworkEdges, place: Int64Array) -> NetworkEdges:
    """The lines between nodes that are shown, by the nodes' places."""
    source, target = place[edges.source], place[edges.target]
    shown = source >= 0
    return NetworkEdges(source[shown], target[shown], edges.kind[shown], edges.weight[shown])


def _describe(network: Network, groups: Sequence[AccountGroup], count: int) -> Iterator[Component]:
    """The components with their groups and their sentence."""
    groups_of: dict[int, list[AccountGroup]] = defaultdict(list)
    for group in groups:
        if group.members[0] >= 0:
            groups_of[int(network.component_of[group.members[0]])].append(group)
    is_own = network.edges.kind == ALL_KINDS.index(EdgeKind.OWN)
    own_of = np.bincount(
        network.component_of[network.edges.source[is_own]], minlength=max(count, 1)
    )
    bounds = np.searchsorted(network.component_of, np.arange(count + 1))
    for index in range(count):
        nodes = np.arange(bounds[index], bounds[index + 1])
        component = Component(nodes, tuple(groups_of[index]), int(own_of[index]))
        flagged = int(network.accounts.is_flagged[nodes].sum())
        yield replace(component, sentence=component_sentence(component, flagged))
