"""Cut-outs: the place that a check marked, enlarged as it is, with its own marks alone."""

import io
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from app.evidence import Analysis, Evidence, Mark, Reason, Unmeasurable
from app.face.alignment import Box
from app.image.picture import Picture
from app.render.overlay.cards import MAX_CARD_PX
from app.render.overlay.cut_outs import CUT_OUT_ASPECT, find_cut_outs
from app.render.overlay.overlay import draw_overlay, lay_out_canvas

MakeAnalysis = Callable[..., Analysis]
MakeEvidence = Callable[..., Evidence]

SQUARE = np.array([[300.0, 300.0], [340.0, 300.0], [340.0, 340.0], [300.0, 340.0]])
coordinates = st.floats(0.0, 400.0)


def test_only_checks_that_marked_a_place_have_one(
    make_analysis: MakeAnalysis, make_evidence: MakeEvidence
) -> None:
    marked = make_evidence("texture", Mark(SQUARE, "outline", "place"))
    unmeasured = replace(make_evidence("teeth"), measurement=Unmeasurable(Reason.MOUTH_CLOSED))
    empty = make_evidence("stamp", Mark(np.empty((0, 2)), "dots", "none"))
    analysis = make_analysis(evidence=(unmeasured, marked, empty, make_evidence("hairline")))
    (cut_out,) = find_cut_outs(analysis)
    assert (cut_out.number, cut_out.evidence) == (2, marked)


@given(points=st.lists(st.tuples(coordinates, coordinates), min_size=1, max_size=6))
def test_a_region_holds_its_marks_and_keeps_its_proportions(
    points: list[tuple[float, float]], make_analysis: MakeAnalysis, make_evidence: MakeEvidence
) -> None:
    evidence = make_evidence("hairline", Mark(np.array(points), "line", "edge"))
    (cut_out,) = find_cut_outs(make_analysis(evidence=(evidence,)))
    (region,) = cut_out.regions
    for x, y in points:
        assert region.left - 1 <= x <= region.right + 1
        assert region.top - 1 <= y <= region.bottom + 1
    assert region.width / region.height == pytest.approx(CUT_OUT_ASPECT, rel=0.2)
    assert region.left >= 0
    assert region.top >= 0


def test_a_region_stays_inside_the_picture_where_its_marks_let_it(
    make_analysis: MakeAnalysis, make_evidence: MakeEvidence
) -> None:
    def region_of(*points: tuple[float, float]) -> Box:
        evidence = make_evidence("eye_alignment", Mark(np.array(points), "dots", "irises"))
        (cut_out,) = find_cut_outs(make_analysis(evidence=(evidence,)))
        (region,) = cut_out.regions
        return region

    region = region_of((100.0, 70.0), (300.0, 320.0))  # with its room it would be 638 px wide
    assert (region.left, region.right) == (0.0, 400.0)
    region = region_of((100.0, 20.0), (300.0, 380.0))
    assert region.width == 540.0  # the marks alone need that


def test_two_outlines_of_one_kind_stand_side_by_side_the_left_one_first(
    make_analysis: MakeAnalysis, make_evidence: MakeEvidence
) -> None:
    irises = [Mark(SQUARE - [shift, 100.0], "outline", "iris") for shift in (20.0, 160.0)]
    (cut_out,) = find_cut_outs(make_analysis(evidence=(make_evidence("irises", *irises),)))
    left, right = cut_out.regions
    assert left.right < right.left


def test_a_cut_out_shows_the_pixels_of_its_place(
    make_analysis: MakeAnalysis, make_evidence: MakeEvidence
) -> None:
    rgb = np.full((400, 400, 3), 90, dtype=np.uint8)
    rgb[280:360, 280:360] = (10, 200, 30)
    evidence = make_evidence("texture", Mark(SQUARE, "outline", "place"))
    analysis = make_analysis(faces=(), evidence=(evidence,))
    png = draw_overlay(Picture(rgb, "PNG", "ab" * 32), analysis)
    pixels = np.asarray(Image.open(io.BytesIO(png)))
    (card,) = lay_out_canvas(analysis).cards
    box = card.picture_box
    middle = pixels[int((box.top + box.bottom) / 2), int((box.left + box.right) / 2)]
    assert tuple(middle) == (10, 200, 30)
    assert tuple(pixels[int(box.bottom) - 4, int(box.left) + 4]) == (90, 90, 90)
    assert box.width <= MAX_CARD_PX


def test_two_midlines_differ_by_their_dashes(
    make_analysis: MakeAnalysis, make_evidence: MakeEvidence
) -> None:
    lines = [
        Mark(np.array([[x, 200.0], [x, 240.0]]), "line", label)
        for x, label in ((190.0, "dental midline"), (200.0, "face midline"))
    ]
    (cut_out,) = find_cut_outs(make_analysis(evidence=(make_evidence("teeth", *lines),)))
    assert [styled.is_dashed for styled in cut_out.marks] == [False, True]
    texts = [
        row.row.text
        for row in lay_out_canvas(make_analysis(evidence=(make_evidence("teeth", *lines),))).rows
    ]
    assert "Marked: solid: dental midline; dashed: face midline." in texts


def test_two_marks_far_apart_are_shown_beside_one_another(
    make_analysis: MakeAnalysis, make_evidence: MakeEvidence
) -> None:
    tile = Mark(SQUARE, "outline", "tile")
    for shift, regions in ((60.0, 1), (290.0, 2)):
        edge = Mark(SQUARE[:2] - shift, "line", "edge")
        (cut_out,) = find_cut_outs(make_analysis(evidence=(make_evidence("hairline", tile, edge),)))
        assert len(cut_out.regions) == regions
