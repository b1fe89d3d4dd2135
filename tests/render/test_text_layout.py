"""Letters: lines that fit whatever is written, in characters that the font has."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from app.face.alignment import Box
from app.render.text_layout import (
    BODY,
    SMALL,
    TITLE,
    TextRow,
    TextStyle,
    load_font,
    shorten_to_width,
    stack_rows,
    text_width_px,
    transliterate,
    wrap_text,
)

styles = st.sampled_from([TITLE, BODY, SMALL])


@given(st.text(max_size=500), styles, st.floats(60.0, 600.0))
@settings(deadline=None)
def test_lines_fit_and_are_few(text: str, style: TextStyle, room_px: float) -> None:
    lines = wrap_text(text, style, room_px)
    assert len(lines) <= style.max_lines
    assert all(text_width_px(line, style) <= room_px for line in lines)


@given(st.lists(st.text("abc,.é", min_size=1, max_size=12), max_size=12))
@settings(deadline=None)
def test_nothing_is_lost_where_there_is_room(words: list[str]) -> None:
    text = " ".join(words)
    assert " ".join(wrap_text(text, BODY, 900.0)) == transliterate(text)


def test_too_long_a_text_ends_in_an_ellipsis() -> None:
    lines = wrap_text("word " * 500, BODY, 300.0)
    assert len(lines) == BODY.max_lines
    assert lines[-1].endswith("…")
    assert not any(line.endswith("…") for line in lines[:-1])


def test_a_word_wider_than_the_room_is_broken() -> None:
    lines = wrap_text("a" * 60, BODY, 200.0)
    assert "".join(lines) == "a" * 60


@given(st.text(max_size=3000), styles, st.floats(60.0, 600.0))
def test_a_shortened_name_fits_on_its_line(text: str, style: TextStyle, room_px: float) -> None:
    assert text_width_px(shorten_to_width(text, style, room_px), style) <= room_px


def test_a_name_loses_its_middle_and_keeps_both_ends() -> None:
    name = "https://example.org/pictures/of/somebody/1580661436132757506/avatar_400x400.jpg"
    shown = shorten_to_width(name, BODY, 300.0)
    first, last = shown.split("…")
    assert name.startswith(first)
    assert name.endswith(last)
    assert abs(len(first) - len(last)) <= 1
    assert text_width_px(shown, BODY) > 270.0


def test_a_name_that_fits_is_left_alone() -> None:
    assert shorten_to_width("@alice", BODY, 300.0) == "@alice"


@given(st.text(max_size=100))
def test_only_what_the_font_has_is_written(text: str) -> None:
    assert transliterate(transliterate(text)) == transliterate(text)
    missing = load_font(20).getmask("漢").getbbox()
    for letter in set(transliterate(text)) - {" "}:
        assert load_font(20).getmask(letter).getbbox() is not None
        assert letter in "°±" or load_font(20).getmask(letter).getbbox() != missing


@pytest.mark.parametrize(
    ("written", "read"),
    [("−1 – 2", "-1 - 2"), ("2 × 3", "2 x 3"), ("café", "cafe"), ("a\n\tb", "a b"), ("漢", "?")],
)
def test_unknown_signs_are_spelled(written: str, read: str) -> None:
    assert transliterate(written) == read


def test_width_is_the_width_that_is_drawn() -> None:
    for style in (TITLE, BODY):
        image = Image.new("L", (800, 80))
        ImageDraw.Draw(image).text(
            (20, 40),
            "Unlikely to be generated",
            255,
            load_font(style.size_px),
            anchor="lm",
        )
        left, _, right, _ = image.getbbox() or (0, 0, 0, 0)
        assert right - left == pytest.approx(
            text_width_px("Unlikely to be generated", style), abs=8
        )


def test_rows_follow_one_another() -> None:
    rows = [
        TextRow("one"),
        TextRow("two " * 60),
        TextRow(symbol=lambda _c, _b: None, symbol_px=(40, 30)),
    ]
    placed_rows = stack_rows(rows, Box(100.0, 10.0, 500.0, 10.0), 50)
    assert placed_rows[0].text.top == 10.0
    assert placed_rows[0].bottom + rows[1].space_above_px == placed_rows[1].text.top
    assert placed_rows[2].symbol is not None
    assert placed_rows[2].symbol.top >= placed_rows[1].bottom
