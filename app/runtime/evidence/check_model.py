"""The models that a bundle names, beside those that are installed here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from app.analysis.recompute import AnswerChecker
from app.runtime.evidence.findings import BundleCheck

MODEL_NAME: Final = "model.json"


def check_model(stated: Mapping[str, Any], checker: AnswerChecker) -> BundleCheck:
    """``stated``: ``model.json``. The same calibration was fitted with the same networks."""
    calibration, networks = stated.get("id"), stated.get("networks")
    if calibration != checker.calibration_id:
        shown = str(calibration)[:40]
        detail = f"calibration {shown!r} is not installed here: answers are taken as stated"
        return BundleCheck("model", "not computed", detail)
    if networks != checker.networks:
        detail = f"the sums of its networks are not those of calibration {calibration}"
        return BundleCheck("model", "mismatch", detail)
    detail = f"calibration {calibration} and its {len(checker.networks)} networks are installed"
    return BundleCheck("model", "ok", detail)
