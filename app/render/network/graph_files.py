"""A network as GraphML and as GEXF 1.3: Gephi, Cytoscape and networkx open both.

Names come from strangers: characters that XML cannot hold, that cannot be seen, or that turn the
writing direction are replaced by a visible mark.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Final
from xml.sax.saxutils import escape, quoteattr

from app.cohort.network.layout import NetworkLayout
from app.cohort.network.model import ALL_KINDS, UNKNOWN_TIME, Network
from app.cohort.network.text import DOES_NOT_SHOW, SHOWS, heading_sentence
from app.render.html import show_invisible

_NOT_XML: Final = re.compile("[\ufffe\uffff]")
_LINE_BREAKS: Final = {"\n": "&#10;", "\t": "&#9;"}
_NODE_FIELDS: Final = {
    "account": "string",
    "seq": "long",
    "flagged": "boolean",
    "llr": "double",
    "created_at": "string",
    "component": "long",
    "x": "double",
    "y": "double",
}
"""What is told of an account, and its type; GEXF's names of types are GraphML's."""
_XML_HEAD: Final = '<?xml version="1.0" encoding="UTF-8"?>\n'


def write_graphml(network: Network, layout: NetworkLayout) -> bytes:
    """GraphML (http://graphml.graphdrawing.org), UTF-8. The same network gives the same bytes."""
    return "".join(_graphml_parts(network, layout)).encode()


def write_gexf(network: Network, layout: NetworkLayout) -> bytes:
    """GEXF 1.3 (https://gexf.net) with positions, UTF-8."""
    return "".join(_gexf_parts(network, layout)).encode()


def iter_nodes(network: Network, layout: NetworkLayout) -> Iterator[dict[str, Any]]:
    """What is told of each account, in order; ``None`` where it is not known."""
    accounts = network.accounts
    columns: Iterable[tuple[Any, ...]] = zip(
        accounts.names,
        accounts.seqs.tolist(),
        accounts.is_flagged.tolist(),
        accounts.llr.tolist(),
        accounts.created.tolist(),
        network.component_of.tolist(),
        layout.positions.round(3).tolist(),
        strict=True,
    )
    for name, seq, flagged, llr, created, component, (x, y) in columns:
        yield {
            "account": name,
            "seq": seq,
            "flagged": flagged,
            "llr": None if math.isnan(llr) else round(llr, 3),
            "created_at": None if created == UNKNOWN_TIME else _format_time(created),
            "component": component,
            "x": x,
            "y": y,
        }


def iter_edges(network: Network) -> Iterator[tuple[int, int, str, float]]:
    """Source, target, kind and weight of each line, in order."""
    edges = network.edges
    kinds = [kind.value for kind in ALL_KINDS]
    columns = (edges.source, edges.target, edges.kind, edges.weight)
    for source, target, code, weight in zip(*(c.tolist() for c in columns), strict=True):
        yield source, target, kinds[code], weight


def _graphml_parts(network: Network, layout: NetworkLayout) -> Iterator[str]:
    yield _XML_HEAD
    yield '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">\n'
    yield f"<desc>{_text(_description(network))}</desc>\n"
    for name, kind in _NODE_FIELDS.items():
        yield f'<key id="{name}" for="node" attr.name="{name}" attr.type="{kind}"/>\n'
    yield '<key id="label" for="node" attr.name="label" attr.type="string"/>\n'
    yield '<key id="kind" for="edge" attr.name="kind" attr.type="string"/>\n'
    yield '<key id="weight" for="edge" attr.name="weight" attr.type="double"/>\n'
    yield '<graph id="network" edgedefault="undirected">\n'
    for number, node in enumerate(iter_nodes(network, layout)):
        data = "".join(
            f'<data key="{name}">{_value(value)}</data>'
            for name, value in {**node, "label": node["account"]}.items()
            if value is not None
        )
        yield f'<node id="n{number}">{data}</node>\n'
    for number, (source, target, kind, weight) in enumerate(iter_edges(network)):
        yield (
            f'<edge id="e{number}" source="n{source}" target="n{target}"><data key="kind">{kind}'
            f'</data><data key="weight">{weight!r}</data></edge>\n'
        )
    yield "</graph>\n</graphml>\n"


def _gexf_parts(network: Network, layout: NetworkLayout) -> Iterator[str]:
    yield _XML_HEAD
    yield '<gexf xmlns="http://gexf.net/1.3" xmlns:viz="http://gexf.net/1.3/viz" version="1.3">\n'
    yield f"<meta><creator>Eyeline</creator><description>{_text(_description(network))}"
    yield '</description></meta>\n<graph defaultedgetype="undirected" mode="static">\n'
    yield '<attributes class="node" mode="static">\n'
    for name, kind in _NODE_FIELDS.items():
        yield f'<attribute id="{name}" title="{name}" type="{kind}"/>\n'
    yield '</attributes>\n<attributes class="edge" mode="static">\n'
    yield '<attribute id="kind" title="kind" type="string"/>\n</attributes>\n<nodes>\n'
    for number, node in enumerate(iter_nodes(network, layout)):
        values = "".join(
            f'<attvalue for="{name}" value={_attribute(value)}/>'
            for name, value in node.items()
            if value is not None
        )
        # Gephi's y axis points upwards.
        yield (
            f'<node id="{number}" label={_attribute(node["account"])}><attvalues>{values}'
            f'</attvalues><viz:position x="{node["x"]}" y="{-node["y"]}" z="0.0"/></node>\n'
        )
    yield "</nodes>\n<edges>\n"
    for number, (source, target, kind, weight) in enumerate(iter_edges(network)):
        yield (
            f'<edge id="{number}" source="{source}" target="{target}" kind="{kind}" '
            f'weight="{weight!r}"><attvalues><attvalue for="kind" value="{kind}"/></attvalues>'
            "</edge>\n"
        )
    yield "</edges>\n</graph>\n</gexf>\n"


def _description(network: Network) -> str:
    return f"{heading_sentence(network)} {SHOWS} {DOES_NOT_SHOW}"


def _format_time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _value(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else _text(str(value))


def _text(text: str) -> str:
    return escape(clean_text(text))


def _attribute(value: Any) -> str:
    if isinstance(value, bool):
        return f'"{str(value).lower()}"'
    return quoteattr(clean_text(str(value)), _LINE_BREAKS)


def clean_text(text: str) -> str:
    """Without characters that XML cannot hold, or that hide or turn others."""
    return _NOT_XML.sub("\ufffd", str(show_invisible(text)))
