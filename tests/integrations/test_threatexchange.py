"""The exchange on recorded shapes; ``python -m benchmarks.plugins threatexchange`` has the real."""

from __future__ import annotations

import importlib
import json
import sys
from types import ModuleType

import pytest

from tests.integrations.conftest import ScriptedService
from tests.integrations.make_results import make_line
from tests.integrations.recorded_shapes import (
    InvalidAuth,
    PdqSignal,
    SignalType,
    install_threatexchange,
)


@pytest.fixture
def extension(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    install_threatexchange(monkeypatch)
    monkeypatch.delitem(sys.modules, "app.integrations.threatexchange", raising=False)
    return importlib.import_module("app.integrations.threatexchange")


def ndjson(*lines: object) -> bytes:
    return "\n".join(map(json.dumps, lines)).encode()


@pytest.fixture
def two_lists(service: ScriptedService) -> ScriptedService:
    page = {"data": [{"id": "batch_1"}, {"id": "batch_2"}], "next_cursor": None}
    service.answers["/v1/batches"] = (200, page)
    image = {"sha256": "b" * 64, "pdq": "aa" * 32, "pdq_quality": 80}
    flagged, other = make_line(3.0), make_line(3.0, image=image, decision="real")
    summary = {"summary": {"id": "batch_1"}}
    service.answers["/v1/batches/batch_1/results"] = (200, ndjson(flagged, other, summary))
    service.answers["/v1/batches/batch_2/results"] = (200, ndjson({"seq": 0, "error": {}}, summary))
    return service


def test_flagged_hashes_of_every_list(extension: ModuleType, two_lists: ScriptedService) -> None:
    (api,) = extension.TX_MANIFEST.apis
    collab = extension.EyelineCollabConfig(name="eyeline", service_url=two_lists.url)
    deltas = list(api.for_collab(collab).fetch_iter([SignalType, PdqSignal], None))
    assert [list(delta.updates) for delta in deltas] == [[("pdq", "0f" * 32)], []]
    (opinion,) = deltas[0].updates["pdq", "0f" * 32].get_as_opinions()
    assert opinion.tags == {"stylegan"}
    assert two_lists.keys == {None}
    assert two_lists.requests[1][1] == {"format": "ndjson", "verdict": "likely_stylegan"}
    assert list(api.for_collab(collab).fetch_iter([SignalType], None)) == []


def test_one_list_from_an_llr_with_a_key(extension: ModuleType, two_lists: ScriptedService) -> None:
    (api,) = extension.TX_MANIFEST.apis
    collab = extension.EyelineCollabConfig(
        name="eyeline", service_url=f"{two_lists.url}/", batch_id="batch_1", min_llr=4.0
    )
    credentials = extension.EyelineCredentials._from_str(" key\n")
    (delta,) = api.for_collab(collab, credentials).fetch_iter([PdqSignal], None)
    assert delta.updates == {}
    assert two_lists.keys == {"Bearer key"}
    two_lists.answers["/v1/batches/batch_1/results"] = (403, {"code": "forbidden"})
    with pytest.raises(InvalidAuth, match="forbidden"):
        list(api.for_collab(collab, credentials).fetch_iter([PdqSignal], None))
