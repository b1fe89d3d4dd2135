"""Marks of any check: drawn in a style of its own, explained, and never twice."""

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from app.evidence import Analysis, Evidence, Mark
from app.face.face import Face
from app.render import style
from app.render.overlay import overlay_image
from app.render.overlay.overlay import lay_out_canvas
from app.render.overlay.overlay_panel import panel_rows

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
        analysis = make_analysis(evidence=(make_evidence("some_check", mark),))
        pixels, to_canvas = draw_pixels(analysis), lay_out_canvas(analysis).overlay.to_canvas
        colour = style.check_style(0).colour
        assert is_colour(pixels, to_canvas(points)[1], colour)
        middle = to_canvas((points[:1] + points[2:]) / 2)[0]
        assert is_colour(pixels, middle, colour) == (shape == "outline")
        assert any(row.text == "some check: spots" for row in panel_rows(analysis))

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

    def test_neighbouring_checks_look_different(
        self, make_analysis: MakeAnalysis, make_evidence: Callable[..., Evidence]
    ) -> None:
        point = Mark(np.array([[10.0, 10.0]]), "dots", "here")
        checks = tuple(make_evidence(f"check_{i}", point) for i in range(4))
        styles = [mark.style for mark in overlay_image.extra_marks(make_analysis(evidence=checks))]
        for one, other in itertools.combinations(styles, 2):
            assert one.colour != other.colour
            assert one.dot_shape != other.dot_shape
            assert one.dash_px != other.dash_px
