"""The checks, in the order in which they are reported."""

from __future__ import annotations

from typing import Final

from app.checks import (
    background_blur,
    eye_alignment,
    fine_texture,
    hairline,
    irises,
    stamp,
    teeth,
    texture,
)
from app.evidence import Check

CHECKS: Final[tuple[Check, ...]] = (
    eye_alignment.CHECK,
    hairline.CHECK,
    teeth.CHECK,
    background_blur.CHECK,
    irises.CHECK,
    texture.CHECK,
    fine_texture.CHECK,
    stamp.CHECK,
)
