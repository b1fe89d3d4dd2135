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
from app.render.overlay.overlay import plan_overlay
from app.render.overlay.overlay_panel import panel_rows

Pixels = NDArray[np.int64]
Say = Callable[..., Analysis]
Draw = Callable[..., Pixels]


def is_colour(shown: Pixels, point: NDArray[np.float64], colour: style.Colour) -> bool:
    x, y = np.floor(point).astype(int)
    return bool(np.abs(shown[y, x] - np.array(colour)).max() < 24)


class TestMarks:
    @pytest.mark.parametrize("shape", ["dots", "line", "outline"])
    def test_any_check_is_drawn_and_explained(
        self, shape: str, said_of: Say, testimony: Callable[..., Evidence], drawn: Draw
    ) -> None:
        points = np.array([[300.0, 300.0], [360.0, 300.0], [360.0, 360.0]])
        mark = {
            "dots": Mark(points, "dots", "spots"),
            "line": Mark(points, "line", "spots"),
            "outline": Mark(points, "outline", "spots"),
        }[shape]
        analysis = said_of(evidence=(testimony("some_check", mark),))
        shown, place = drawn(analysis), plan_overlay(analysis).stage.place
        colour = style.check_style(0).colour
        assert is_colour(shown, place(points)[1], colour)
        middle = place((points[:1] + points[2:]) / 2)[0]
        assert is_colour(shown, middle, colour) == (shape == "outline")
        assert any(row.text == "some check: spots" for row in panel_rows(analysis))

    def test_what_is_always_drawn_is_not_drawn_twice(
        self, said_of: Say, testimony: Callable[..., Evidence], ordinary: Face
    ) -> None:
        square = overlay_image.square_asked(said_of())
        assert square is not None
        again = testimony(
            "eyes", Mark(ordinary.eyes, "dots", "irises"), Mark(square, "outline", "crop")
        )
        assert overlay_image.other_marks(said_of(evidence=(again,))) == ()

    def test_neighbouring_checks_look_different(
        self, said_of: Say, testimony: Callable[..., Evidence]
    ) -> None:
        point = Mark(np.array([[10.0, 10.0]]), "dots", "here")
        checks = tuple(testimony(f"check_{i}", point) for i in range(4))
        styles = [mark.style for mark in overlay_image.other_marks(said_of(evidence=checks))]
        for one, other in itertools.combinations(styles, 2):
            assert one.colour != other.colour
            assert one.dot != other.dot
            assert one.dash_px != other.dash_px
