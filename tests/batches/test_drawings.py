"""Drawings of flagged pictures: kept with the results, a bounded number, and erased with them."""

import pytest
import sqlalchemy as sa

from app.batches.store import drawing_store, tables
from app.batches.store.models import BatchRequest
from app.errors import NotFound
from app.evidence import Verdict
from tests.batches.conftest import OpenService, wait_until_ended, wait_until_erased
from tests.batches.fake_tools import bytes_of, drawings_of, failed_item, picture_items, record_of

COUNT = 60
REQUEST = BatchRequest(prior=0.5)
FLAGGED = [
    seq for seq in range(COUNT) if record_of(bytes_of(seq)).verdict is Verdict.LIKELY_STYLEGAN
]
OTHER = next(seq for seq in range(COUNT) if seq not in FLAGGED)


def test_flagged_pictures_keep_theirs_until_the_list_is_erased(open_service: OpenService) -> None:
    service = open_service()
    items = [*picture_items(COUNT), failed_item(COUNT)]
    batch = wait_until_ended(service, service.submit(REQUEST, items)[0])
    drawings = service.drawings
    for seq in FLAGGED:
        shown = drawings.show_item(batch.id, "", seq)
        assert shown.sheet == drawings_of(bytes_of(seq))["overlay"]
        assert (shown.item.source, shown.sha256) == (f"{seq}.jpg", record_of(bytes_of(seq)).sha256)
    assert drawings.show_item(batch.id, "", OTHER).sheet is None
    with pytest.raises(NotFound, match="no URL"):
        drawings.show_item(batch.id, "", COUNT)
    with pytest.raises(NotFound, match="no item 61"):
        drawings.show_item(batch.id, "", COUNT + 1)
    with pytest.raises(NotFound):
        drawings.show_item(batch.id, "somebody else", FLAGGED[0])
    sha256s = [record_of(bytes_of(seq)).sha256 for seq in (*FLAGGED, OTHER)]
    expected = {record_of(bytes_of(seq)).sha256: drawings_of(bytes_of(seq)) for seq in FLAGGED}
    assert drawings.read_cut_outs(batch.id, "", sha256s) == {
        sha256: {"teeth": images["teeth"]} for sha256, images in expected.items()
    }
    assert drawings.read_sheets(batch.id, "", sha256s) == {
        sha256: images["overlay"] for sha256, images in expected.items()
    }
    service.delete(batch.id, "")
    wait_until_erased(service)
    with service.engine.connect() as c:
        assert c.scalar(sa.select(sa.func.count()).select_from(tables.drawings)) == 0


def test_a_list_keeps_a_bounded_number(
    open_service: OpenService, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(FLAGGED) > 3
    monkeypatch.setattr(drawing_store, "MAX_DRAWN_PICTURES", 3)
    service = open_service()
    batch = wait_until_ended(service, service.submit(REQUEST, picture_items(COUNT))[0])
    sha256s = [record_of(bytes_of(seq)).sha256 for seq in FLAGGED]
    assert len(service.drawings.read_sheets(batch.id, "", sha256s)) == 3
