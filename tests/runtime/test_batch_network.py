"""A batch's network in every form, from what the service keeps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, cast

import pytest

from app.batches.service import BatchService
from app.batches.store.models import Batch
from app.cohort.network.model import EdgeKind
from app.cohort.parameters import default_parameters
from app.errors import NotYet
from app.records import ItemResult, OwnEdge
from app.runtime.batch_network import NETWORK_FORMATS, BatchNetworks
from tests.cohort.network.made_lists import make_list, make_planted_list
from tests.runtime.test_decision_json import build_batch


class FakeService:
    def __init__(self, results: Sequence[ItemResult], edges: Sequence[OwnEdge] = ()) -> None:
        self.results, self.edges = results, edges

    def iter_results(self, batch_id: str, owner: str, **_: Any) -> Iterator[ItemResult]:
        return iter(self.results)

    def iter_own_edges(self, batch_id: str, owner: str) -> Iterator[OwnEdge]:
        return iter(self.edges)


def networks_of(
    results: Sequence[ItemResult], *edges: OwnEdge, more: Sequence[OwnEdge] = ()
) -> BatchNetworks:
    service = cast(BatchService, FakeService(results, edges))
    return BatchNetworks(service, default_parameters(), "followers.csv", lambda: more)


@pytest.fixture
def batch() -> Batch:
    return build_batch(0, None)


def test_what_it_says_begins_with_all_and_ends_with_its_caveat(batch: Batch) -> None:
    told = networks_of(make_planted_list(), OwnEdge("@u100", "@u101")).sentences(batch)
    assert told[0].startswith("23 accounts of 300 in 3 components")
    assert [sentence.split(":")[0].split(";")[0] for sentence in told[1:-1]] == [
        "15 accounts", "6 accounts", "2 accounts",
    ]  # fmt: skip
    assert "who runs an account" in told[-1]
    assert networks_of(make_list(50)).sentences(batch) == ()


def test_lines_that_are_brought_later_stand_beside_those_of_the_list(batch: Batch) -> None:
    networks = networks_of(make_list(10), OwnEdge("@u1", "@u2"), more=[OwnEdge("@u3", "@u4")])
    for _ in range(2):
        assert networks.build(batch).accounts.names == ("@u1", "@u2", "@u3", "@u4")
    assert len(networks.build(batch, (EdgeKind.NAME,)).accounts) == 0


def test_every_form_is_made_and_none_before_the_first_result(batch: Batch) -> None:
    networks = networks_of(make_planted_list(60))
    heads = {form: networks.render(batch, form)[:5] for form in NETWORK_FORMATS}
    assert heads == {
        "svg": b"<svg ",
        "png": b"\x89PNG\r",
        "json": b'{"obj',
        "graphml": b"<?xml",
        "gexf": b"<?xml",
    }
    with pytest.raises(NotYet):
        networks.build(replace(batch, completed=0, failed=0))
