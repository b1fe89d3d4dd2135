"""Results of lists for the tests of integrations."""

from __future__ import annotations

from typing import Any

from app.evidence import Outcome, Verdict
from app.records import PictureRecord


def make_record(llr: float, **changes: Any) -> PictureRecord:
    """A scored picture; likely generated from an llr of 1 up."""
    verdict = Verdict.LIKELY_STYLEGAN if llr >= 1.0 else Verdict.INCONCLUSIVE
    values: dict[str, Any] = {
        "sha256": "a" * 64, "pdq": "0f" * 32, "pdq_quality": 90, "outcome": Outcome.SCORED,
        "verdict": verdict, "llr": llr, "llr_ordinary": llr + 0.5, "llr_framed": llr - 1.5,
        "eye_llr": 1.5, "analysis": b"{}", "width": 400, "height": 400,
        "eyes": (0.37, 0.47, 0.63, 0.47), "square": (0.5, 0.5, 0.0, 0.0), "template": "ffhq",
        "transform": "untouched", "distance": 0.8,
    }  # fmt: skip
    return PictureRecord(**{**values, **changes})


def make_line(llr: float, **changes: Any) -> dict[str, Any]:
    """A line of a list's results in NDJSON, as far as it is read here."""
    ratios = {"ordinary": {"llr": llr + 0.5}, "framed": {"llr": llr - 1.5}}
    return {
        "seq": 0, "custom_id": "@a", "source": "https://f.example/a.png", "outcome": "scored",
        "verdict": "likely_stylegan" if llr >= 1.0 else "inconclusive", "llr": llr,
        "llr_interval": [llr - 0.5, llr + 0.4], "against": ratios,
        "image": {"sha256": "a" * 64, "pdq": "0f" * 32, "pdq_quality": 90},
        "model": {"name": "eyeline", "calibration": "0123456789ab"}, **changes,
    }  # fmt: skip
