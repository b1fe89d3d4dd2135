from __future__ import annotations

import pytest

from app.errors import FetchFailed
from app.integrations.atproto.labeler import OzoneLabeler
from app.integrations.atproto.labels import build_event
from tests.integrations.atproto.fake_pds import LABELER, MODERATOR, run_fake_pds
from tests.integrations.make_results import make_line


def test_an_event_reaches_the_labeler_through_the_moderators_server_once() -> None:
    with run_fake_pds() as pds:
        with pytest.raises(FetchFailed):
            OzoneLabeler.log_in(pds.url, "mod.example", "wrong", LABELER)
        labeler = OzoneLabeler.log_in(pds.url, "mod.example", "app-password", LABELER)
        assert labeler.did == MODERATOR
        line = make_line(3.0, custom_id="did:plc:a")
        event = build_event(line, labeler.did, min_llr=None, evidence_url=None)
        assert event is not None
        assert labeler.emit(event)
        assert not labeler.emit(event)
        (taken,) = pds.events
        for name in ("event", "subject", "createdBy", "externalId"):
            assert taken[name] == event[name]
        assert set(pds.proxies) == {f"{LABELER}#atproto_labeler"}
