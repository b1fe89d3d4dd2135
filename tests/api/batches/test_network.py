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


def test_lines_of_one_s_own_come_as_a_second_file_and_a_column(client: httpx.Client) -> None:
    rows = "id,avatar,linked_with\n@a,none,\n@b,none,\n@c,none,a\n"
    edges = "source,target,weight\n@a,@B,3\n@a,@nobody,1\nbroken\n"
    files = {"file": ("l.csv", rows), "edges": ("e.csv", edges)}
    batch = complete_batch(client, files=files, headers={"Idempotency-Key": "own"})
    assert any("1 row of the lines that you brought" in note for note in batch["notes"])
    network = NetworkOut.model_validate(
        client.get(f"/v1/batches/{batch['id']}/network.json").json()
    )
    assert [node.account for node in network.nodes] == ["@a", "@b", "@c"]
    assert sorted((edge.kind, edge.weight) for edge in network.edges) == [("own", 1), ("own", 3)]
    assert "not in the list" in network.kinds[-1].left_out[0]
    again = client.post("/v1/batches", files=files, headers={"Idempotency-Key": "own"})
    assert again.headers["idempotent-replayed"] == "true"
    other = {**files, "edges": ("e.csv", "@a,@c\n")}
    refused = client.post("/v1/batches", files=other, headers={"Idempotency-Key": "own"})
    expect_problem(refused, 422, "idempotency_key_reused")
    twice = [("file", ("l.csv", rows)), *[("edges", ("e.csv", edges))] * 2]
    expect_problem(client.post("/v1/batches", files=twice), 422, "invalid_request")
    text = client.post("/v1/batches", files={"file": ("l.csv", rows)}, data={"edges": "@a,@b"})
    expect_problem(text, 422, "invalid_request")
    bad = {**files, "edges": ("e.csv", "one\ntwo\n")}
    expect_problem(client.post("/v1/batches", files=bad), 422, "list_unreadable")
    single = client.post("/v1/analyses", files={"edges": ("e.csv", edges)})
    expect_problem(single, 422, "invalid_request")


@pytest.mark.parametrize("edges", ["", "frame", "name,", "name burst", "name,burst,own,own,own"])
def test_an_unknown_kind_is_told(client: httpx.Client, path: str, edges: str) -> None:
    refused = client.get(f"{path}/network.json", params={"edges": edges})
    expect_problem(refused, 422, "invalid_request")
