"""The models that a bundle names: installed, others, or none that there are."""

from __future__ import annotations

from typing import Any

import pytest

from app.analysis.recompute import AnswerChecker
from app.runtime.evidence.check_model import check_model
from app.settings import Settings


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "ok"),
        ({"id": "0123456789ab"}, "not computed"),
        ({"networks": {"person.onnx": "00" * 32}}, "mismatch"),
        ({"networks": None}, "mismatch"),
    ],
)
def test_the_models_of_a_bundle(changes: dict[str, Any], status: str) -> None:
    checker = AnswerChecker.load(Settings())
    stated = {"id": checker.calibration_id, "networks": checker.networks, **changes}
    assert check_model(stated, checker).status == status
