"""What an Ozone labeler says: the label's definition, and the event for one result of a list.

Shapes: ``app.bsky.labeler.service``, ``com.atproto.label.defs#labelValueDefinition`` and
``tools.ozone.moderation.emitEvent`` of the lexicons.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

from app.integrations.results import ResultLine, is_cleared, is_flagged

LABEL: Final = "generated-avatar"
TOOL_NAME: Final = "eyeline"
_EXTERNAL_ID_DIGITS: Final = 32


def label_policies() -> dict[str, Any]:
    """``policies`` of the labeler's service record. The label informs; it hides nothing."""
    description = (
        "The picture looks like a face of a StyleGAN-family generator, measured by Eyeline. It "
        "speaks of the picture, not of who uses it or why; ask the labeler to look again if it is "
        "wrong."
    )
    return {
        "labelValues": [LABEL],
        "labelValueDefinitions": [
            {
                "identifier": LABEL,
                "severity": "inform",
                "blurs": "none",
                "defaultSetting": "warn",
                "adultOnly": False,
                "locales": [{"lang": "en", "name": "Generated avatar", "description": description}],
            }
        ],
    }


def build_event(
    line: ResultLine, created_by: str, *, min_llr: float | None, evidence_url: str | None
) -> dict[str, Any] | None:
    """The input of ``emitEvent`` for a result, or ``None`` if there is nothing to say.

    A flagged avatar is labelled; one that a person decided to be real is cleared. ``created_by``:
    the DID of the moderator's account. ``line`` names the labelled account by its DID
    (``custom_id``). The same event has the same ``externalId``: Ozone refuses to take it twice.
    """
    did = line.get("custom_id") or ""
    if not did.startswith("did:") or not is_flagged(line, min_llr):
        return None
    clears = is_cleared(line)
    digest = line["image"]["sha256"]
    identity = f"{did} {digest} {line.get('decision_at') if clears else 'flagged'}"
    return {
        "event": {
            "$type": "tools.ozone.moderation.defs#modEventLabel",
            "createLabelVals": [] if clears else [LABEL],
            "negateLabelVals": [LABEL] if clears else [],
            "comment": _comment(line, evidence_url, clears=clears),
        },
        "subject": {"$type": "com.atproto.admin.defs#repoRef", "did": did},
        "createdBy": created_by,
        "externalId": f"{TOOL_NAME}:{_digest(identity)}",
        "modTool": {
            "name": TOOL_NAME,
            "meta": {"sha256": digest, "calibration": line["model"]["calibration"]},
        },
    }


def _comment(line: ResultLine, evidence_url: str | None, *, clears: bool) -> str:
    evidence = f" Evidence: {evidence_url}" if evidence_url else ""
    if clears:
        note = f": {line['decision_note']}" if line.get("decision_note") else ""
        return f"Eyeline: a person decided that the avatar is real{note}.{evidence}"
    against = line["against"]
    low, high = line["llr_interval"]
    return (
        f"Eyeline: the avatar looks like a face of a StyleGAN-family generator. log10 likelihood "
        f"ratio {line['llr']:.1f} (95 %: {low:.1f} to {high:.1f}); "
        f"{against['ordinary']['llr']:.1f} against ordinary avatars, "
        f"{against['framed']['llr']:.1f} against photographs cut alike.{evidence}"
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_EXTERNAL_ID_DIGITS]
