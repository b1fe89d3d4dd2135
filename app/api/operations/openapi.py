"""The answers of the operations and integrations routes for ``/openapi.json``, as they were given.

By the calibration that shipped when they were written; `/v1/checks` and `/v1/model` are cut short.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from app.api.openapi import OperationExamples, load_examples

_ANSWERS: Final = load_examples(Path(__file__).parent)
EXAMPLES: Final[OperationExamples] = {
    ("/livez", "get", "200"): {"alive": _ANSWERS["livez"]},
    ("/readyz", "get", "200"): {"ready": {"status": "ready"}, "lists_wait": _ANSWERS["readyz"]},
    ("/v1/limits", "get", "200"): {"defaults": _ANSWERS["limits"]},
    ("/v1/checks", "get", "200"): {"first": _ANSWERS["checks"]},
    ("/v1/model", "get", "200"): {"model": _ANSWERS["model"]},
    ("/v1/integrations/mastodon", "post", "202"): {
        "analysed": {"accounts": 1, "pictures": 1, "batch_id": "batch_7d0c5b1e4f9a2836c1e05b7d"},
        "default_picture": {"accounts": 1, "pictures": 0, "batch_id": None},
    },
}
