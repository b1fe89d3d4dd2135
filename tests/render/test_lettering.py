"""Letters on a canvas: as Pillow itself writes a whole line, wherever it lies."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from app.arrays import RgbArray
from app.face.alignment import Box
from app.render.lettering import Anchor, Outline, write_line, write_rows
from app.render.shapes import make_canvas
from app.render.style import BLACK, SURROUND, WHITE
from app.render.text_layout import BODY, SMALL, TITLE, TextRow, TextStyle, load_font, stack_rows

SIZE = (420, 60)
PILLOW_ANCHOR = {"left": "lm", "middle": "mm", "right": "rm"}
printable = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)


def write_with_pillow(
    position: tuple[float, float],
    text: str,
    style: TextStyle,
    anchor: Anchor,
    outline: Outline | None = None,
) -> RgbArray:
    image = Image.new("RGB", SIZE, SURROUND)
    ImageDraw.Draw(image).text(
        position,
        text,
        style.colour,
        load_font(style.size_px),
        anchor=PILLOW_ANCHOR[anchor],
        stroke_width=outline.width_px if outline else 0,
        stroke_fill=outline.colour if outline else None,
    )
    return np.asarray(image)


@given(
    text=printable,
    style=st.sampled_from([TITLE, BODY, SMALL]),
    anchor=st.sampled_from(["left", "middle", "right"]),
    x=st.integers(0, SIZE[0]),
    y=st.integers(0, SIZE[1]),
)
def test_words_side_by_side_are_the_line(
    text: str, style: TextStyle, anchor: Anchor, x: int, y: int
) -> None:
    canvas = make_canvas(*SIZE, SURROUND)
    write_line(canvas, (x, y), text, style, anchor)
    assert (canvas == write_with_pillow((x, y), text, style, anchor)).all()


@pytest.mark.parametrize("position", [(60.5, 20.5), (60.25, 20.75), (60.75, 20.25)])
def test_between_two_px_it_lies_on_the_nearer_one(position: tuple[float, float]) -> None:
    canvas = make_canvas(*SIZE, SURROUND)
    write_line(canvas, position, "7 of 12", BODY)
    assert (canvas == write_with_pillow(position, "7 of 12", BODY, "left")).all()


def test_a_rim_stands_around_letters() -> None:
    style, rim = TextStyle(26, WHITE), Outline(3, BLACK)
    canvas = make_canvas(*SIZE, SURROUND)
    write_line(canvas, (200, 30), "2", style, "middle", rim)
    assert (canvas == write_with_pillow((200, 30), "2", style, "middle", rim)).all()
    assert (canvas == BLACK).all(axis=2).any()


def test_rows_are_written_where_they_were_placed() -> None:
    rows = stack_rows([TextRow("one two", BODY, right_text="3")], Box(10, 10, 400, 10), 0)
    canvas = make_canvas(*SIZE, SURROUND)
    write_rows(canvas, rows)
    middle = 10 + BODY.line_px / 2
    expected = make_canvas(*SIZE, SURROUND)
    write_line(expected, (10, middle), "one two", BODY)
    write_line(expected, (400, middle), "3", BODY, "right")
    assert (canvas == expected).all()
    assert (canvas != make_canvas(*SIZE, SURROUND)).any()
