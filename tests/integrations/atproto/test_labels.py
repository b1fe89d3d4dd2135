from __future__ import annotations

from typing import Any

import pytest
from atproto import models

from app.integrations.atproto.labels import LABEL, build_event, label_policies
from tests.integrations.make_results import make_line


def event_for(line: dict[str, Any], min_llr: float | None = None) -> dict[str, Any]:
    event = build_event(line, "did:plc:moderator", min_llr=min_llr, evidence_url="https://e/1")
    assert event is not None
    return event


def test_the_definition_fits_the_lexicon() -> None:
    record = {"policies": label_policies(), "createdAt": "2024-01-01T00:00:00Z"}
    models.AppBskyLabelerService.Record.model_validate(record)
    (definition,) = label_policies()["labelValueDefinitions"]
    assert set(definition["identifier"]) <= set("abcdefghijklmnopqrstuvwxyz-")
    assert definition["blurs"] == "none"


def test_a_flagged_avatar_is_labelled_by_did_with_the_evidence() -> None:
    event = event_for(make_line(3.0, custom_id="did:plc:a"))
    data = models.ToolsOzoneModerationEmitEvent.Data.model_validate(event)
    assert data.event.py_type == "tools.ozone.moderation.defs#modEventLabel"
    assert data.subject.model_dump()["did"] == "did:plc:a"
    assert (event["event"]["createLabelVals"], event["event"]["negateLabelVals"]) == ([LABEL], [])
    comment = event["event"]["comment"]
    assert "ratio 3.0 (95 %: 2.5 to 3.4); 3.5 against ordinary avatars, 1.5" in comment
    assert comment.endswith("Evidence: https://e/1")


def test_a_decision_clears_the_label() -> None:
    line = make_line(3.0, custom_id="did:plc:a")
    cleared = {**line, "decision": "real", "decision_at": "2024-02-01T00:00:00Z"}
    event = event_for({**cleared, "decision_note": "a photograph of hers"})
    models.ToolsOzoneModerationEmitEvent.Data.model_validate(event)
    assert (event["event"]["createLabelVals"], event["event"]["negateLabelVals"]) == ([], [LABEL])
    assert "a photograph of hers" in event["event"]["comment"]
    later = event_for({**cleared, "decision_at": "2024-03-01T00:00:00Z"})
    identities = {each["externalId"] for each in (event_for(line), event, later)}
    assert len(identities) == 3
    assert event_for(line)["externalId"] == event_for(dict(line))["externalId"]
    for decision in ("generated", "unsure"):
        kept = event_for({**line, "decision": decision, "decision_at": "2024-02-01T00:00:00Z"})
        assert kept["externalId"] == event_for(line)["externalId"]


@pytest.mark.parametrize(
    ("llr", "min_llr", "custom_id"),
    [(0.9, None, "did:plc:a"), (2.9, 3.0, "did:plc:a"), (3.0, None, "@a"), (3.0, None, None)],
)
def test_of_others_nothing_is_said(
    llr: float, min_llr: float | None, custom_id: str | None
) -> None:
    line = make_line(llr, custom_id=custom_id)
    assert build_event(line, "did:plc:m", min_llr=min_llr, evidence_url=None) is None
