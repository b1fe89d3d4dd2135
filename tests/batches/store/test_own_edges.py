"""Lines that come with a list: kept in order, and erased with it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.batches.store import own_edges
from app.batches.store.models import BatchRequest
from app.errors import ListUnreadable, NotFound
from app.records import OwnEdge
from tests.batches.conftest import OpenService
from tests.batches.fake_tools import picture_items
from tests.batches.test_lifecycle import assert_no_rows_left


def test_lines_are_kept_with_their_batch(
    open_service: OpenService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_edges, "_PACKED", 3)
    service = open_service(workers=0)
    edges = [OwnEdge(f"@{n}\x00", f"ü{n}", n / 2) for n in range(1, 8)]
    request = BatchRequest(prior=0.5, owner="anna", edges=iter(edges))
    of_rows = [OwnEdge(f"r{n}", "r") for n in range(4)]
    rows = [replace(each, edges=tuple(of_rows[:4])) for each in picture_items(1)]
    batch, _ = service.submit(request, rows)
    assert list(service.iter_own_edges(batch.id, "anna")) == [*of_rows, *edges]
    with pytest.raises(NotFound):
        service.iter_own_edges(batch.id, "bert")
    service.delete(batch.id, "anna")

    def broken() -> object:
        yield edges[0]
        raise ListUnreadable("the lines break off")

    with pytest.raises(ListUnreadable):
        service.submit(BatchRequest(prior=0.5, edges=broken()), picture_items(2))  # type: ignore[arg-type]
    assert_no_rows_left(service)
