"""``/v1/batches/{id}/network.…``: a list with copies in it, as data and as files."""

from __future__ import annotations

import io

import httpx
import networkx
import pytest

from app.analysis.analyzer import Analyzer
from app.runtime.network_json import NetworkOut
from app.settings import Settings
from tests.api.analyses.test_router import expect_problem
from tests.api.picture_server import PictureServer, ShadeAnalyzer, complete_batch
from tests.cohort.network.made_lists import make_planted_list


@pytest.fixture(scope="module")
def server_parts() -> tuple[Settings, Analyzer]:
    return Settings(workers=1, batch_workers=2, fetch_allow=("127.0.0.1",)), ShadeAnalyzer()


@pytest.fixture
def path(client: httpx.Client, picture_server: PictureServer) -> str:
    """Sixty accounts without pictures; their dates and handles say what they have in common."""
    rows = [
        f"{r.custom_id},{r.account['username']},{r.account['created_at']},none"
        for r in make_planted_list(60)
    ]
    body = "\n".join(["id,username,created_at,avatar", *rows, f"@p,p,,{picture_server.url(10)}"])
    headers = {"Content-Type": "text/csv", "Idempotency-Key": "network"}
    return f"/v1/batches/{complete_batch(client, content=body, headers=headers)['id']}"


def test_a_network_as_json(client: httpx.Client, path: str) -> None:
    answer = client.get(f"{path}/network.json")
    assert answer.headers["content-type"] == "application/json"
    network = NetworkOut.model_validate(answer.json())
    assert network.accounts == 61
    assert {kind for c in network.components for kind in c.kinds} == {"burst", "name"}
    assert sum(c.accounts for c in network.components) == len(network.nodes) == 15
    only = NetworkOut.model_validate(client.get(f"{path}/network.json?edges=name,own").json())
    assert {edge.kind for edge in only.edges} == {"name"}
    assert len(only.nodes) == 8


def test_a_network_as_files(client: httpx.Client, path: str) -> None:
    graphml = client.get(f"{path}/network.graphml")
    assert graphml.headers["content-type"] == "application/graphml+xml"
    assert graphml.headers["content-disposition"].endswith('.graphml"')
    assert networkx.read_graphml(io.BytesIO(graphml.content)).number_of_nodes() == 15
    gexf = client.get(f"{path}/network.gexf", params={"edges": "burst"})
    assert gexf.headers["content-type"] == "application/gexf+xml"
    assert networkx.read_gexf(io.BytesIO(gexf.content)).number_of_nodes() == 9


def test_a_network_as_drawings(client: httpx.Client, path: str) -> None:
    svg = client.get(f"{path}/network.svg")
    assert svg.headers["content-type"] == "image/svg+xml"
    assert "default-src 'none'" in svg.headers["content-security-policy"]
    assert "15 accounts of 61" in svg.text
    png = client.get(f"{path}/network.png", params={"edges": "name"})
    assert png.headers["content-type"] == "image/png"
    assert png.content.startswith(b"\x89PNG")


@pytest.mark.parametrize("edges", ["", "frame", "name,", "name burst", "name,burst,own,own,own"])
def test_an_unknown_kind_is_told(client: httpx.Client, path: str, edges: str) -> None:
    refused = client.get(f"{path}/network.json", params={"edges": edges})
    expect_problem(refused, 422, "invalid_request")
