"""The bundle of a list: everything in it, the same every time, and once the list has ended."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import httpx
import pytest

from app.analysis.analyzer import Analyzer
from app.analysis.recompute import AnswerChecker
from app.cohort.parameters import default_parameters
from app.runtime.evidence.check_results import Installed
from app.runtime.evidence.verify import verify_bundle
from app.settings import Settings
from tests.api.analyses.test_router import expect_problem
from tests.api.picture_server import PictureServer, ShadeAnalyzer, complete_batch, submit_batch
from tests.api.stub_analyzer import StartServer
from tests.api.test_admission import Gate

SHADES = [90, 255, 404, 255, 250]


@pytest.fixture(scope="module")
def server_parts() -> tuple[Settings, Analyzer]:
    return Settings(workers=1, batch_workers=1, fetch_allow=("127.0.0.1",)), ShadeAnalyzer()


def get_bundle(client: httpx.Client, batch: dict[str, Any]) -> bytes:
    response = client.get(f"/v1/batches/{batch['id']}/evidence.zip")
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/zip"
    assert f'filename="{batch["id"]}-evidence.zip"' in response.headers["content-disposition"]
    return response.content


def test_everything_is_in_it_and_holds(client: httpx.Client, picture_server: PictureServer) -> None:
    batch = complete_batch(client, json={"items": picture_server.items(*SHADES)})
    data = get_bundle(client, batch)
    assert get_bundle(client, batch) == data
    with zipfile.ZipFile(io.BytesIO(data)) as bundle:
        names = bundle.namelist()
        files = {name: bundle.read(name) for name in names}
    assert names[0] == "README.txt"
    assert [n for n in names if n.startswith("overlays/")] == [
        "overlays/item-000001.jpg",
        "overlays/item-000004.jpg",
    ]
    assert sum(n.startswith("thumbnails/") for n in names) == 4
    assert files["results.csv"].count(b"\r\n") == 1 + len(SHADES)
    lines = files["results.ndjson"].splitlines()
    assert [json.loads(line).get("seq") for line in lines] == [0, 1, 2, 3, 4, None]
    assert json.loads(files["batch.json"])["id"] == batch["id"]
    assert json.loads(files["network.json"])
    assert {"network.svg", "network.graphml"} < set(files)
    assert json.loads(files["model.json"])["version"]
    assert b"data:image/jpeg" in files["report.html"]
    assert b"eyeline verify" in files["README.txt"]
    installed = Installed(AnswerChecker.load(Settings()), default_parameters())
    statuses = {c.name: c.status for c in verify_bundle(io.BytesIO(data), installed)}
    # The answers are a stub's, whose calibration is none that is installed.
    unknown = dict.fromkeys(("model", "answers", "picture", "list"), "not computed")
    assert statuses == {"files": "ok", "table": "ok", "counts": "ok", **unknown}


def test_a_list_that_goes_on_has_none_yet(
    start: StartServer, picture_server: PictureServer
) -> None:
    gate = Gate()
    client = start(ShadeAnalyzer(during_analysis=gate), batch_workers=1)
    batch = submit_batch(client, json={"items": picture_server.items(1, 2)})
    try:
        response = client.get(f"/v1/batches/{batch['id']}/evidence.zip")
        expect_problem(response, 409, "not_yet")
    finally:
        gate.opened.set()
