"""Drive every operation of a generated client, in an environment that has nothing of ours.

``python drive_generated_client.py URL PICTURE``: ``client`` is the generated package. Writes the
status of each operation as a JSON object; fails if an answer does not parse as described.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from pathlib import Path
from typing import Any

STATUSES: dict[str, int] = {}


def call(tag: str, operation: str, **arguments: Any) -> Any:
    """The parsed answer of ``operation``, or its bytes where no type is described."""
    module = importlib.import_module(f"client.api.{tag}.{operation}")
    response = module.sync_detailed(**arguments)
    STATUSES[operation] = int(response.status_code)
    return response.parsed if response.parsed is not None else response.content


def main(url: str, picture: Path) -> None:
    client = importlib.import_module("client").Client(base_url=url)
    models = importlib.import_module("client.models")
    file_type = importlib.import_module("client.types").File
    for operation in ("livez", "readyz", "metrics", "checks", "model", "limits"):
        assert call("operations", operation, client=client), operation

    def file() -> Any:
        return file_type(payload=picture.read_bytes(), file_name="a.png", mime_type="image/png")

    form = models.CreateAnalysisFilesAnalysisForm(file=file(), custom_id="@a", prior=0.1)
    answer = call("analyses", "create_analysis", client=client, body=form)
    assert (answer.outcome, answer.custom_id, answer.prior) == ("scored", "@a", 0.1), answer
    raw = call("analyses", "create_analysis", client=client, body=file())
    assert raw.image.sha256 == answer.image.sha256

    known = call("analyses", "get_analysis", client=client, sha256=raw.image.sha256)
    assert (known.outcome, known.llr) == ("scored", answer.llr), known

    files = models.CreateBatchFilesListForm(file=[file(), file()], prior=0.2)
    batch = call("batches", "create_batch", client=client, body=files, idempotency_key="one")
    assert batch.request_counts.total == 2, batch
    named: dict[str, Any] = {"client": client, "batch_id": batch.id}
    while (batch := call("batches", "get_batch", **named)).status != "completed":
        time.sleep(0.05)
    assert batch.cohort.templates is not None
    assert [each.id for each in call("batches", "list_batches", client=client).data] == [batch.id]
    assert len(call("batches", "get_results", **named).data) == 2
    assert b"event: completed" in as_bytes(call("batches", "get_events", **named))
    for image in ("get_montage", "get_composite", "get_scatter"):
        assert as_bytes(call("batches", image, **named)).startswith(b"\x89PNG"), image
    network = call("batches", "get_network", **named, edges="picture,own")
    assert (network.batch, network.accounts, len(network.kinds)) == (batch.id, 2, 1), network
    assert b"</graphml>" in as_bytes(call("batches", "get_network_graphml", **named))
    assert b"</svg>" in as_bytes(call("batches", "get_network_svg", **named))
    assert as_bytes(call("batches", "get_network_png", **named)).startswith(b"\x89PNG")
    assert b"</gexf>" in as_bytes(call("batches", "get_network_gexf", **named))
    overlay = call("batches", "get_overlay", **named, seq=0)
    assert as_bytes(overlay).startswith(b"\x89PNG")
    assert call("batches", "get_item", **named, seq=0).image.sha256 == answer.image.sha256
    assert [tile.seq for tile in call("batches", "get_tiles", **named).data] == [0, 1]
    assert [each.seq for each in call("batches", "get_thumbnails", **named, seqs=[1]).data] == [1]
    thumbnail = call("batches", "get_thumbnail", **named, seq=0)
    assert as_bytes(thumbnail).startswith(b"\xff\xd8\xff")
    verdict = models.PutDecisionDecisionIn.from_dict({"decision": "real", "note": "met in person"})
    assert call("batches", "put_decision", **named, seq=0, body=verdict).seq == 0
    assert call("batches", "get_decisions", **named) is not None
    call("batches", "delete_decision", **named, seq=0)
    assert as_bytes(call("batches", "get_evidence", **named)).startswith(b"PK")
    assert b"</html>" in as_bytes(call("batches", "get_report", **named))
    assert call("batches", "get_webhooks", **named).data == []
    refused = call("batches", "resend_webhook", **named)
    assert refused.code == "not_yet"
    assert call("batches", "cancel_batch", **named).status == "completed"
    assert call("batches", "retry_batch", **named).id == batch.id
    call("batches", "delete_batch", **named)
    event = models.ReceiveMastodonEventBody(event="account.created", object_=None)
    refused = call("integrations", "receive_mastodon_event", client=client, body=event)
    assert refused.code == "not_found"  # this service takes no webhooks
    sys.stdout.write(json.dumps(STATUSES))


def as_bytes(answer: Any) -> bytes:
    """A file or a text as bytes."""
    if isinstance(answer, bytes):
        return answer
    return answer.encode() if isinstance(answer, str) else answer.payload.read()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
