"""Marks of any check: drawn in a style of its own, explained, and never twice."""

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from app.checks import CHECKS
from app.evidence import Analysis, Evidence, Mark
from app.face.face import Face
from app.render import style
from app.render.overlay import overlay_image
from app.render.overlay.mark_style import BADGE_RADIUS_PX
from app.render.overlay.overlay import lay_out_canvas

Pixels = NDArray[np.int64]
MakeAnalysis = Callable[..., Analysis]
DrawPixels = Callable[..., Pixels]


def is_colour(pixels: Pixels, point: NDArray[np.float64], colour: style.Colour) -> bool:
    x, y = np.floor(point).astype(int)
    return bool(np.abs(pixels[y, x] - np.array(colour)).max() < 24)


class TestMarks:
    @pytest.mark.parametrize("shape", ["dots", "line", "outline"])
    def test_any_check_is_drawn_and_explained(
        self,
        shape: str,
        make_analysis: MakeAnalysis,
        make_evidence: Callable[..., Evidence],
        draw_pixels: DrawPixels,
    ) -> None:
        points = np.array([[300.0, 300.0], [360.0, 300.0], [360.0, 360.0]])
        mark = {
            "dots": Mark(points, "dots", "spots"),
            "line": Mark(points, "line", "spots"),
            "outline": Mark(points, "outline", "spots"),
        }[shape]
        analysis = make_analysis(evidence=(make_evidence("hairline", mark),))
        pixels, to_canvas = draw_pixels(analysis), lay_out_canvas(analysis).overlay.to_canvas
        colour = style.check_style("hairline").colour
        assert is_colour(pixels, to_canvas(points)[1], colour)
        middle = to_canvas((points[:1] + points[2:]) / 2)[0]
        assert is_colour(pixels, middle, colour) == (shape == "outline")
        form = "dots" if shape == "dots" else "solid"
        texts = [placed.row.text for placed in lay_out_canvas(analysis).rows]
        assert f"Marked: {form}: spots." in texts

    def test_what_is_always_drawn_is_not_drawn_twice(
        self,
        make_analysis: MakeAnalysis,
        make_evidence: Callable[..., Evidence],
        ordinary_face: Face,
    ) -> None:
        square = overlay_image.crop_square_px(make_analysis())
        assert square is not None
        repeated = make_evidence(
            "eyes", Mark(ordinary_face.eyes, "dots", "irises"), Mark(square, "outline", "crop")
        )
        assert overlay_image.extra_marks(make_analysis(evidence=(repeated,))) == ()

    def test_every_check_looks_different_and_the_same_in_every_picture(
        self, make_analysis: MakeAnalysis, make_evidence: Callable[..., Evidence]
    ) -> None:
        point = Mark(np.array([[10.0, 10.0]]), "dots", "here")
        names = [check.name for check in CHECKS]
        assert set(names) == set(style.CHECK_STYLE)
        checks = tuple(make_evidence(name, point) for name in names)
        marks = overlay_image.extra_marks(make_analysis(evidence=checks))
        assert [mark.number for mark in marks] == list(range(1, len(names) + 1))
        for one, other in itertools.combinations(marks, 2):
            assert one.style.colour != other.style.colour
            assert one.style.dash_px != other.style.dash_px
        (alone,) = overlay_image.extra_marks(make_analysis(evidence=checks[-1:]))
        assert alone.style == marks[-1].style

    def test_the_number_of_a_check_lies_beside_its_marks_and_off_the_eyes(
        self,
        make_analysis: MakeAnalysis,
        make_evidence: Callable[..., Evidence],
        ordinary_face: Face,
        draw_pixels: DrawPixels,
    ) -> None:
        near_eye = Mark(ordinary_face.eyes[:1] + np.array([6.0, 8.0]), "dots", "here")
        corner = Mark(np.array([[399.0, 399.0]]), "dots", "there")
        analysis = make_analysis(
            evidence=(make_evidence("hairline", near_eye), make_evidence("texture", corner))
        )
        layout = lay_out_canvas(analysis).overlay
        badges = overlay_image.overlay_badges(layout, analysis)
        pixels = draw_pixels(analysis)
        assert [badge.number for badge in badges] == [1, 2]
        for badge, mark in zip(badges, (near_eye, corner), strict=True):
            assert np.abs(badge.centre - layout.to_canvas(mark.points)[0]).max() < 60
            for eye in layout.to_canvas(ordinary_face.eyes):
                assert np.hypot(*(badge.centre - eye)) > BADGE_RADIUS_PX
            edge = badge.centre + np.array([BADGE_RADIUS_PX - 3.0, 0.0])
            assert is_colour(pixels, edge, badge.style.colour)
