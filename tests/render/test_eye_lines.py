"""Lines through the template's eyes: crisp, broken around the eyes, never beyond the picture."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.face.alignment import Box
from app.render.eye_lines import GAP_SHARE, draw_eye_lines, draw_iris_ticks
from app.render.eye_template import EyeTemplate
from app.render.style import IRIS_COLOUR, VERMILLION

TEMPLATE = EyeTemplate("ffhq", ((0.38, 0.48), (0.62, 0.48)))
PICTURE = Box(20, 10, 196, 186)
unit = st.floats(-5.0, 5.0)


def blank() -> np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]:
    return np.full((200, 220, 3), 128, dtype=np.uint8)


def test_a_line_is_one_px_of_pure_colour() -> None:
    canvas = blank()
    draw_eye_lines(canvas, PICTURE, TEMPLATE)
    is_line = (canvas == VERMILLION).all(axis=-1)
    assert (is_line | (canvas == 128).all(axis=-1)).all()
    assert is_line[:, 21].sum() == 1  # one level line at the picture's left edge
    assert is_line[11].sum() == 2  # two upright ones at its top


def test_the_gap_holds_both_eyes() -> None:
    canvas = blank()
    draw_eye_lines(canvas, PICTURE, TEMPLATE)
    reach = int(GAP_SHARE * 176) - 1
    for x, y in TEMPLATE.eyes:
        column, row = round(20 + x * 176), round(10 + y * 176)
        assert (canvas[row - reach : row + reach, column - reach : column + reach] == 128).all()


@given(left=st.tuples(unit, unit), right=st.tuples(unit, unit))
def test_nothing_is_drawn_beyond_the_picture(
    left: tuple[float, float], right: tuple[float, float]
) -> None:
    canvas = blank()
    draw_eye_lines(canvas, PICTURE, EyeTemplate("any", (left, right)))
    draw_iris_ticks(canvas, PICTURE, np.array([left, right]))
    canvas[10:186, 20:196] = 128
    assert (canvas == 128).all()


def test_ticks_stand_at_the_edges_level_with_the_irises() -> None:
    canvas = blank()
    draw_iris_ticks(canvas, PICTURE, np.array([[0.25, 0.3], [0.75, 0.4]]))
    is_tick = (canvas == IRIS_COLOUR).all(axis=-1)
    for x in (0.25, 0.75):
        column = round(20 + x * 176)
        assert is_tick[12, column - 1 : column + 1].all()
        assert is_tick[183, column - 1 : column + 1].all()
    assert is_tick[round(10 + 0.3 * 176), 22]
    assert is_tick[round(10 + 0.4 * 176), 193]
    assert not is_tick[40:150, 50:170].any()
