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
SUPERSAMPLING: Final = 8
"""Drawn so many times as large and then shrunk, so that letters can lie between pixels."""
FONT_PX: Final = 18.0
RIGHT_PX: Final = 1023.0
BASELINE_PX: Final = 1016.5
"""Size, right end and baseline in the generator's own frame of 1024 px."""
CANVAS_ORIGIN_PX: Final = (768, 976)
"""Where the sheet begins in that frame: its right 256 px and lowest 51.25."""
FULL_INK: Final = 13


def render_stamp(font_path: str) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    """Ink from 0 to 15 on columns 320 to 399 and rows 390 to 399 of a frame of 400 px."""
    font = ImageFont.truetype(font_path, FONT_PX * SUPERSAMPLING)
    canvas = Image.new("L", (256 * SUPERSAMPLING, 51 * SUPERSAMPLING + 2), 0)
    anchor = (
        (RIGHT_PX - CANVAS_ORIGIN_PX[0]) * SUPERSAMPLING,
        (BASELINE_PX - CANVAS_ORIGIN_PX[1]) * SUPERSAMPLING + 26,
    )
    ImageDraw.Draw(canvas).text(anchor, WORDS, fill=255, font=font, anchor="rs")
    grey = np.asarray(canvas.resize((100, 20), Image.Resampling.BICUBIC)).astype(np.int64)
    return np.minimum(15, np.round(grey[10:20, 20:] / FULL_INK).astype(np.int64))


if __name__ == "__main__":
    for row in render_stamp(sys.argv[1]):
        print("".join(f"{ink:x}" for ink in row))
