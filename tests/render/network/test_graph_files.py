"""GraphML and GEXF: read back by networkx, whatever strangers call themselves."""

from __future__ import annotations

import io
from dataclasses import replace
from functools import cache
from typing import Any
from xml.etree import ElementTree

import networkx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.cohort.network.layout import lay_out_network
from app.cohort.network.model import Network
from app.records import OwnEdge
from app.render.network.graph_files import write_gexf, write_graphml
from tests.cohort.network.made_lists import make_planted_list, network_of

WRITERS = {"graphml": write_graphml, "gexf": write_gexf}
READERS = {"graphml": networkx.read_graphml, "gexf": networkx.read_gexf}
GEXF = "{http://gexf.net/1.3}"
HOSTILE = "</data>]]>&amp;\x00\x1b\u202egnp.\ufffe\ud800\n\t\"'é☃"


@cache
def planted() -> Network:
    return network_of(make_planted_list(), [OwnEdge("@u100", "@u101", 2.5)])


def named(network: Network, names: list[str]) -> Network:
    """The same network; its accounts are called otherwise."""
    accounts = network.accounts
    called = (*names, *accounts.names[len(names) :])
    return replace(network, accounts=replace(accounts, names=called))


def read(form: str, network: Network) -> Any:
    written = WRITERS[form](network, lay_out_network(network))
    assert written == WRITERS[form](network, lay_out_network(network))
    return READERS[form](io.BytesIO(written))


@pytest.mark.parametrize("form", WRITERS)
def test_networkx_reads_every_account_and_line(form: str) -> None:
    network = planted()
    graph = read(form, network)
    assert graph.number_of_nodes() == len(network.accounts)
    assert graph.number_of_edges() == len(network.edges)
    by_name = {data["account"]: (node, data) for node, data in graph.nodes(data=True)}
    assert by_name.keys() == set(network.accounts.names)
    flagged = by_name["@u0"][1]
    assert (flagged["seq"], flagged["flagged"], flagged["llr"]) == (0, True, 3.0)
    assert flagged["label"] == "@u0"
    assert by_name["@u10"][1]["created_at"] == "2017-07-14T02:42:03Z"
    own = graph.get_edge_data(by_name["@u100"][0], by_name["@u101"][0])
    assert (own["kind"], float(own["weight"])) == ("own", 2.5)
    sizes = sorted(map(len, networkx.connected_components(graph)))
    assert sizes == [2, 6, 15]


@pytest.mark.parametrize("form", WRITERS)
def test_no_name_breaks_a_file(form: str) -> None:
    graph = read(form, named(planted(), [HOSTILE]))
    names = [data["account"] for _, data in graph.nodes(data=True)]
    (shown,) = (name for name in names if name.startswith("</data>"))
    assert not {"\x00", "\x1b", "\u202e", "\ufffe", "\ud800"} & set(shown)
    assert "gnp." in shown
    assert "é☃" in shown


@given(st.lists(st.text(st.characters(), max_size=20), min_size=1, max_size=5))
@settings(max_examples=25, deadline=None)
def test_whatever_names_are_both_files_are_xml(names: list[str]) -> None:
    network = named(planted(), names)
    layout = lay_out_network(network)
    for write in WRITERS.values():
        ElementTree.fromstring(write(network, layout))  # noqa: S314 our own


def test_gexf_is_of_version_1_3_as_its_schema_has_it() -> None:
    network = planted()
    root = ElementTree.fromstring(write_gexf(network, lay_out_network(network)))  # noqa: S314
    assert (root.tag, root.attrib["version"]) == (f"{GEXF}gexf", "1.3")
    assert [child.tag for child in root] == [f"{GEXF}meta", f"{GEXF}graph"]
    graph = root[1]
    assert graph.attrib == {"defaultedgetype": "undirected", "mode": "static"}
    assert [child.tag.removeprefix(GEXF) for child in graph] == [
        "attributes", "attributes", "nodes", "edges",
    ]  # fmt: skip
    declared = {each.attrib["id"]: each.attrib["type"] for each in graph[0]}
    known_types = {"integer", "long", "double", "float", "boolean", "string"}
    assert set(declared.values()) <= known_types
    ids = [node.attrib["id"] for node in graph[2]]
    assert len(set(ids)) == len(ids)
    for node in graph[2]:
        assert {value.attrib["for"] for value in node[0]} <= declared.keys()
        assert node[1].tag == "{http://gexf.net/1.3/viz}position"
    for edge in graph[3]:
        assert {"id", "source", "target", "kind", "weight"} == edge.attrib.keys()
        assert {edge.attrib["source"], edge.attrib["target"]} <= set(ids)


def test_an_empty_network_is_a_file_too() -> None:
    for form in WRITERS:
        assert read(form, network_of([])).number_of_nodes() == 0
