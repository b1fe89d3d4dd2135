"""Prints WORDS of app/checks/stamp.py: the stamp's words as an avatar of 400 px shows them.

    .venv/bin/python models/render_stamp.py LiberationSans-Regular.ttf

The font is in Debian's fonts-liberation2. Nothing of this runs in the service.
"""

from __future__ import annotations

import sys
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

WORDS: Final = "StyleGAN2 (Karras et al.)"
FINE: Final = 8
"""Drawn so many times as large and then shrunk, so that letters can lie between pixels."""
TYPE_PX: Final = 18.0
RIGHT: Final = 1023.0
BASELINE: Final = 1016.5
"""Size, right end and baseline in the generator's own frame of 1024 px."""
CORNER: Final = (768, 976)
"""Where the sheet begins in that frame: its right 256 px and lowest 51.25."""
FULL_INK: Final = 13


def rendered(font_path: str) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Ink from 0 to 15 on columns 320 to 399 and rows 390 to 399 of a frame of 400 px."""
    font = ImageFont.truetype(font_path, TYPE_PX * FINE)
    sheet = Image.new("L", (256 * FINE, 51 * FINE + 2), 0)
    at = (RIGHT - CORNER[0]) * FINE, (BASELINE - CORNER[1]) * FINE + 26
    ImageDraw.Draw(sheet).text(at, WORDS, fill=255, font=font, anchor="rs")
    grey = np.asarray(sheet.resize((100, 20), Image.Resampling.BICUBIC)).astype(np.int64)
    return np.minimum(15, np.round(grey[10:20, 20:] / FULL_INK).astype(np.int64))


if __name__ == "__main__":
    for row in rendered(sys.argv[1]):
        print("".join(f"{ink:x}" for ink in row))
