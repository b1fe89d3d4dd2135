"""What is kept of a flagged picture: small, bounded, and named after its checks."""

from collections.abc import Callable

import numpy as np

from app.evidence import Analysis, Evidence, Mark
from app.image.picture import Picture
from app.records import SHEET_DRAWING
from app.render.overlay.kept_drawings import (
    CUT_OUT_PX,
    MAX_CUT_OUT_BYTES,
    MAX_SHEET_BYTES,
    MAX_SHEET_PIXELS,
    draw_kept,
    encode_kept,
)
from app.render.overlay.overlay import draw_sheet

MakeAnalysis = Callable[..., Analysis]
MakeEvidence = Callable[..., Evidence]

SQUARE = np.array([[30.0, 30.0], [60.0, 30.0], [60.0, 60.0], [30.0, 60.0]])


def make_picture(width: int, height: int) -> Picture:
    rgb = np.random.default_rng(2).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Picture(rgb, "PNG", "ab" * 32)


def test_a_sheet_and_a_cut_out_for_each_check_that_marked_a_place(
    make_analysis: MakeAnalysis, make_evidence: MakeEvidence
) -> None:
    marked = make_evidence("texture", Mark(SQUARE, "outline", "place"))
    analysis = make_analysis(evidence=(make_evidence("stamp"), marked))
    picture = make_picture(400, 400)
    drawings = draw_kept(picture, analysis, 0.0005)
    assert list(drawings) == [SHEET_DRAWING, "texture"]
    assert drawings["texture"].shape == (CUT_OUT_PX[1], CUT_OUT_PX[0], 3)
    width, height = draw_sheet(picture, analysis)[1].size
    assert drawings[SHEET_DRAWING].shape == (int(height * 0.7), int(width * 0.7), 3)
    files = encode_kept(drawings)
    assert list(files) == list(drawings)
    assert len(files[SHEET_DRAWING]) <= MAX_SHEET_BYTES
    assert len(files["texture"]) <= MAX_CUT_OUT_BYTES


def test_a_tall_sheet_is_bounded_too(make_analysis: MakeAnalysis) -> None:
    drawings = draw_kept(make_picture(100, 400), make_analysis((100, 400)), 0.0005)
    height, width, _ = drawings[SHEET_DRAWING].shape
    assert width * height <= MAX_SHEET_PIXELS
