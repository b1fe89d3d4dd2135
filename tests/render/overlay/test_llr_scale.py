"""The scale of llr ends where the calibration ends."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from app.evidence import Analysis
from app.face.alignment import Box
from app.render.overlay.llr_scale import HEIGHT_PX, scale_painter
from app.render.overlay.overlay import lay_out_canvas
from app.render.style import INK

BOX = Box(0.0, 0.0, 524.0, float(HEIGHT_PX))


@pytest.mark.parametrize(("llr", "share"), [(-3.0, 0.0), (1.5, 0.75), (3.0, 1.0), (9.0, 1.0)])
def test_the_needle_stands_at_its_share_of_the_scale(
    llr: float, share: float, make_analysis: Callable[..., Analysis]
) -> None:
    analysis = replace(make_analysis(llr=llr), llr_bounds=(-3.0, 3.0))
    canvas = np.full((HEIGHT_PX, 524, 3), 255, dtype=np.uint8)
    scale_painter(analysis)(canvas, BOX)
    columns = np.flatnonzero((canvas[4] == INK).all(axis=1))
    assert columns.mean() == pytest.approx(12.0 + share * 500.0, abs=1.5)


def test_its_ends_are_named(make_analysis: Callable[..., Analysis]) -> None:
    layout = lay_out_canvas(replace(make_analysis(), llr_bounds=(-3.4, 3.5)))
    (ends,) = [placed.row for placed in layout.rows if placed.row.right_text]
    assert (ends.text, ends.right_text) == ("-3.4 ordinary avatar", "StyleGAN family +3.5")
