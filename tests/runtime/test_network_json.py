"""The JSON of a network is what its schema says, and every number in it points somewhere."""

from __future__ import annotations

import json

import pytest

from app.cohort.network.layout import lay_out_network
from app.records import OwnEdge
from app.runtime.network_json import NetworkOut, write_json
from tests.cohort.network.made_lists import make_planted_list, network_of


def test_it_is_what_its_schema_says() -> None:
    own = [OwnEdge("@u100", "@u101", 2.0), OwnEdge("@u100", "@nobody"), OwnEdge("@u5", "@U5")]
    network = network_of(make_planted_list(), own)
    document = json.loads(write_json("batch_1", network, lay_out_network(network)))
    out = NetworkOut.model_validate(document, strict=False)
    assert out.model_dump(mode="json") == document
    assert (out.batch, out.accounts, len(out.nodes)) == ("batch_1", 300, 23)
    for edge in out.edges:
        source, target = out.nodes[edge.source], out.nodes[edge.target]
        assert source.component == target.component
        assert edge.kind in out.components[source.component].kinds
    for index, component in enumerate(out.components):
        seqs = [node.seq for node in out.nodes if node.component == index]
        assert component.seqs == seqs
        assert component.accounts == len(seqs)
    assert out.components[0].chance == pytest.approx({"burst": 1e-6, "name": 1e-6}, abs=1e-4)
    assert out.components[2].chance == {"own": None}
    assert [kind.edges for kind in out.kinds] == [5, 8, 7, 1]
    assert len(out.kinds[3].left_out) == 2
    assert "who runs" in out.does_not_show


def test_an_empty_network_says_so() -> None:
    network = network_of([])
    document = json.loads(write_json("b", network, lay_out_network(network)))
    assert NetworkOut.model_validate(document).nodes == []
    assert document["summary"].startswith("No two of 0 accounts")
