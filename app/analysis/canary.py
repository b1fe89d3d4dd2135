"""A picture whose score is known: a service that scores it differently must not be trusted."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.evidence import Analysis
from app.records import PictureRecord

PICTURE_FILE: Final = "canary.jpg"
RECORD_FILE: Final = "canary.json"
TOLERANCE: Final = 0.25
"""log10 units: on another processor landmarks differ in their last digits."""


class CanaryError(RuntimeError):
    """The canary picture or its record is missing or unreadable."""


@dataclass(frozen=True)
class Canary:
    """``data``: the picture's bytes. ``llr`` and ``verdict``: as recorded when last fitted."""

    data: bytes
    llr: float
    verdict: str

    def mismatch(self, analysis: Analysis | PictureRecord) -> str | None:
        """Why ``analysis`` of this picture differs from what was recorded, or ``None``."""
        if abs(analysis.llr - self.llr) > TOLERANCE or analysis.verdict != self.verdict:
            return (
                f"the canary picture scores {analysis.llr:.2f} ({analysis.verdict}), "
                f"recorded is {self.llr:.2f} ({self.verdict})"
            )
        return None


def load_canary(models_dir: Path) -> Canary:
    """The canary in ``models_dir``. Raises ``CanaryError``."""
    try:
        data = (models_dir / PICTURE_FILE).read_bytes()
        record = json.loads((models_dir / RECORD_FILE).read_bytes())
        return Canary(data, float(record["llr"]), str(record["verdict"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CanaryError(f"no canary in {models_dir}: restore it, or run `eyeline fit`") from error


def write_record(models_dir: Path, analysis: Analysis) -> None:
    """Write what the canary scores now; for `eyeline fit`, after a new calibration."""
    text = json.dumps({"llr": round(analysis.llr, 4), "verdict": str(analysis.verdict)}, indent=2)
    (models_dir / RECORD_FILE).write_text(text + "\n", encoding="utf-8")
