"""The checks, in the order in which they are reported."""

from __future__ import annotations

from typing import Final

from app.checks import eye_alignment
from app.evidence import Check

CHECKS: Final[tuple[Check, ...]] = (eye_alignment.CHECK,)
