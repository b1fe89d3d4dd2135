"""JSON of a network: accounts, lines, components, and what each kind of line is worth."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final, Literal

from pydantic import Field

from app.analysis.schemas import WireModel
from app.cohort.network.layout import NetworkLayout
from app.cohort.network.model import ALL_KINDS, Component, EdgeKind, Network
from app.cohort.network.text import DOES_NOT_SHOW, SHOWS, heading_sentence
from app.cohort.number_text import MIN_P_VALUE
from app.render.network.graph_files import iter_edges, iter_nodes

MAX_COMPONENT_SEQS: Final = 1_000
_ENCODED_AT_ONCE: Final = 1_000


class NetworkNodeOut(WireModel):
    """An account that has a line. Its place in `nodes` is its number."""

    account: str = Field(description="`custom_id` of the item, or its source")
    seq: int = Field(description="of its first item")
    flagged: bool
    llr: float | None
    created_at: str | None
    component: int = Field(description="its place in `components`")
    x: float = Field(description="0 to `width`")
    y: float = Field(description="0 to `height`, downwards")


class NetworkEdgeOut(WireModel):
    """A line. A group of n has n − 1 of them, all from one of its accounts."""

    source: int = Field(description="its place in `nodes`")
    target: int
    kind: EdgeKind
    weight: float = Field(description="of `own` lines as brought; otherwise 1")


class NetworkComponentOut(WireModel):
    """Accounts that hang together, the largest component first."""

    seqs: list[int] = Field(description=f"items, at most {MAX_COMPONENT_SEQS:,}")
    accounts: int
    flagged: int
    kinds: list[EdgeKind]
    sentence: str
    chance: dict[EdgeKind, float | None] = Field(
        description="of its least certain group of each kind: in which share of lists chance makes "
        "such a group, at most; null for `own`"
    )
    x: float
    y: float
    radius: float = Field(description="of the circle around it")
    is_disc: bool = Field(description="too large to be laid out by its lines")


class NetworkKindOut(WireModel):
    """A kind of line: how many groups are drawn, what chance would bring, what is left out."""

    kind: EdgeKind
    label: str
    groups: int
    edges: int
    chance: str
    left_out: list[str]


class NetworkOut(WireModel):
    """Which accounts of a list belong together."""

    object: Literal["network"] = "network"
    batch: str
    summary: str
    accounts: int = Field(description="in the list; `nodes` are those with a line")
    width: float
    height: float
    kinds: list[NetworkKindOut]
    components: list[NetworkComponentOut]
    nodes: list[NetworkNodeOut]
    edges: list[NetworkEdgeOut]
    shows: str
    does_not_show: str
    notes: list[str]


def write_json(batch_id: str, network: Network, layout: NetworkLayout) -> bytes:
    """A ``NetworkOut`` as UTF-8; not by way of the model, which would take too long."""
    head = {
        "object": "network",
        "batch": batch_id,
        "summary": heading_sentence(network),
        "accounts": network.listed,
        "width": round(layout.width, 3),
        "height": round(layout.height, 3),
        "kinds": _kinds(network),
        "shows": SHOWS,
        "does_not_show": DOES_NOT_SHOW,
        "notes": list(network.notes),
    }
    components = (_component(network, layout, i) for i in range(len(network.components)))
    edges = (
        {"source": source, "target": target, "kind": kind, "weight": weight}
        for source, target, kind, weight in iter_edges(network)
    )
    lists = {"components": components, "nodes": iter_nodes(network, layout), "edges": edges}
    members = [f'"{name}":[{",".join(_encode_some(items))}]' for name, items in lists.items()]
    return f"{_encode(head)[:-1]},{','.join(members)}}}".encode("utf-8", "replace")


def _encode_some(items: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """``items`` as JSON, a thousand at a time: one call for all would let nobody else run."""
    source = iter(items)
    while portion := list(islice(source, _ENCODED_AT_ONCE)):
        yield _encode(portion)[1:-1]


def _encode(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _kinds(network: Network) -> list[dict[str, Any]]:
    counts = [int((network.edges.kind == code).sum()) for code in range(len(ALL_KINDS))]
    return [
        {
            "kind": summary.kind,
            "label": summary.kind.label,
            "groups": summary.groups,
            "edges": counts[ALL_KINDS.index(summary.kind)],
            "chance": summary.chance,
            "left_out": list(summary.left_out),
        }
        for summary in network.kinds
    ]


def _component(network: Network, layout: NetworkLayout, index: int) -> dict[str, Any]:
    component = network.components[index]
    chance = _chance(component)
    x, y = layout.centres[index].round(3).tolist()
    return {
        "seqs": network.accounts.seqs[component.nodes[:MAX_COMPONENT_SEQS]].tolist(),
        "accounts": len(component.nodes),
        "flagged": int(network.accounts.is_flagged[component.nodes].sum()),
        "kinds": list(chance),
        "sentence": component.sentence,
        "chance": chance,
        "x": x,
        "y": y,
        "radius": round(float(layout.radii[index]), 3),
        "is_disc": bool(layout.is_disc[index]),
    }


def _chance(component: Component) -> dict[str, float | None]:
    """By kind: the largest of its groups'; nothing is stated below 1e-6."""
    chance: dict[str, float | None] = {}
    for kind in ALL_KINDS:
        found = [g.log10_chance for g in component.groups if g.kind is kind]
        stated = [log10 for log10 in found if log10 is not None]
        if stated:
            share = max(10.0 ** max(max(stated), -300.0), MIN_P_VALUE)
            chance[kind] = float(f"{share:.2g}")
    if component.own_edges:
        chance[EdgeKind.OWN] = None
    return chance
