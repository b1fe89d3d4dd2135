"""The stamp is drawn here letter by letter, in another typeface than the check compares with.

Pillow's own (Aileron) on Arial's advance widths: the words run as the site prints them, and no
letter has the shape that the check knows.
"""

from collections.abc import Callable
from functools import cache
from typing import Final

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from app.arrays import FloatImage, RgbArray
from app.checks.stamp import (
    CHECK,
    GRID_PX,
    HIT_AT_GRID,
    MARK_LABEL,
    MIN_FRAME_SIDE_PX,
    STAMP_PIXELS,
    measure,
    summarize,
    threshold,
)
from app.evidence import Reading, Reason, Unmeasurable
from app.face.portrait import Portrait
from app.image.picture import Picture
from tests.synthetic_faces import TEMPLATE_MEAN, flat_picture, place_face

STAMP_TEXT: Final = "StyleGAN2 (Karras et al.)"
ORIGINAL_PX: Final = 1024
FONT_SIZE_PX: Final = 18
OVERSAMPLING: Final = 4
ADVANCES: Final = dict.fromkeys("abegnop2", 556) | dict.fromkeys(" .ft,", 278) | {
    "S": 667, "t": 278, "y": 500, "l": 222, "G": 778, "A": 667, "N": 722, "(": 333, ")": 333,
    "K": 667, "r": 333, "s": 500,
}  # fmt: skip
"""Of Arial (and Helvetica), thousandths of the size; 556 for what is not listed."""


@cache
def render_ink(text: str) -> FloatImage:
    """``text`` as coverage, 0 to 1, in the lower right corner of a picture of 1024 px."""
    wide, high = 400 * OVERSAMPLING, 40 * OVERSAMPLING
    sheet = Image.new("L", (wide, high), 0)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(FONT_SIZE_PX * OVERSAMPLING)
    x = (
        wide
        - OVERSAMPLING
        - sum(ADVANCES.get(c, 556) for c in text) * FONT_SIZE_PX * OVERSAMPLING / 1000
    )
    for letter in text:
        draw.text((x, high - 7.5 * OVERSAMPLING), letter, fill=255, font=font, anchor="ls")
        x += ADVANCES.get(letter, 556) * FONT_SIZE_PX * OVERSAMPLING / 1000
    small = sheet.resize((wide // OVERSAMPLING, high // OVERSAMPLING), Image.Resampling.BOX)
    return np.asarray(small, dtype=np.float32) / 255.0


def print_text(
    backdrop: FloatImage,
    text: str = STAMP_TEXT,
    letters: float = 0.0,
    opacity: float = 0.7,
    by: tuple[int, int] = (0, 0),
) -> FloatImage:
    """``text`` over a ``backdrop`` of 1024 px, moved up and left ``by`` px."""
    stamp = np.zeros_like(backdrop)
    drawn = render_ink(text)
    rows, columns = drawn.shape
    x, y = by
    stamp[ORIGINAL_PX - rows - y : ORIGINAL_PX - y, ORIGINAL_PX - columns - x : ORIGINAL_PX - x] = (
        drawn * opacity
    )
    return np.asarray(backdrop * (1.0 - stamp) + letters * stamp, dtype=np.float32)


def save_as_jpeg(gray: FloatImage, side: int = GRID_PX, quality: int = 80) -> RgbArray:
    """As a platform would hand it out: shrunk, and saved as JPEG."""
    small = cv2.resize(gray, (side, side), interpolation=cv2.INTER_AREA)
    pixels = np.clip(small.round(), 0, 255).astype(np.uint8)[:, :, None].repeat(3, 2)
    data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), dtype=np.uint8)


def make_portrait(rgb: RgbArray) -> Portrait:
    pixels = np.ascontiguousarray(rgb)
    pixels.setflags(write=False)
    return Portrait(Picture(pixels, "JPEG", ""), FACE)


FACE: Final = place_face(TEMPLATE_MEAN)
"""Where it lies does not matter: the check looks at the corner."""


def read_corner(rgb: RgbArray) -> Reading:
    measurement = measure(make_portrait(rgb))
    assert isinstance(measurement, Reading)
    assert 0.0 <= measurement.value <= 1.0
    assert measurement.measures.keys() == {"correlation", "hit"}
    assert measurement.measures["correlation"] == measurement.value
    assert bool(measurement.marks) == bool(measurement.measures["hit"])
    return measurement


def is_hit(rgb: RgbArray) -> bool:
    return read_corner(rgb).measures["hit"] == 1.0


def plain_picture(level: float) -> FloatImage:
    return np.full((ORIGINAL_PX, ORIGINAL_PX), level, dtype=np.float32)


def cloth_picture(level: float, seed: int = 0) -> FloatImage:
    """Soft folds and a fine weave about ``level``."""
    rng = np.random.default_rng(seed)
    coarse = rng.normal(0.0, 25.0, (12, 12)).astype(np.float32)
    folds = cv2.resize(coarse, (ORIGINAL_PX, ORIGINAL_PX), interpolation=cv2.INTER_CUBIC)
    grain = np.asarray(rng.normal(0.0, 12.0, (ORIGINAL_PX, ORIGINAL_PX)), dtype=np.float32)
    weave = cv2.GaussianBlur(grain, (0, 0), 1.5)
    return np.asarray(np.clip(level + folds + weave, 0.0, 255.0), dtype=np.float32)


def edge_picture(level: float) -> FloatImage:
    """A slanting edge right through the words: light to its left, ``level`` to its right."""
    rows, columns = np.indices((ORIGINAL_PX, ORIGINAL_PX))
    lit = columns + (rows - 1000) / 2 < 920
    return np.asarray(np.where(lit, 220.0, level), dtype=np.float32)


@pytest.mark.parametrize("side", [1024, 640, 400, 320, 300, 256, 200])
@pytest.mark.parametrize(
    ("backdrop", "letters"),
    [
        (plain_picture(200.0), 0.0),
        (plain_picture(90.0), 0.0),
        (plain_picture(40.0), 255.0),
        (cloth_picture(170.0), 0.0),
        (cloth_picture(60.0), 255.0),
        (edge_picture(120.0), 0.0),
    ],
    ids=["light", "dim", "light on dark", "cloth", "light on dark cloth", "edge"],
)
def test_a_stamp_is_read(backdrop: FloatImage, letters: float, side: int) -> None:
    assert is_hit(save_as_jpeg(print_text(backdrop, letters=letters), side))


@pytest.mark.parametrize("side", [400, 200])
@pytest.mark.parametrize("seed", range(5))
def test_the_same_cloth_without_a_stamp_is_no_hit(seed: int, side: int) -> None:
    without = read_corner(save_as_jpeg(cloth_picture(170.0, seed), side))
    assert without.value < 0.8 * threshold(side)
    assert read_corner(
        save_as_jpeg(print_text(cloth_picture(170.0, seed)), side)
    ).value > 1.1 * threshold(side)


@pytest.mark.parametrize("by", [(0, 0), (4, 4), (4, 0), (0, 4)])
def test_a_stamp_may_lie_a_little_off_and_is_marked_where_it_is(by: tuple[int, int]) -> None:
    rgb = save_as_jpeg(print_text(plain_picture(190.0), by=by))
    (mark,) = read_corner(rgb).marks
    assert mark.shape == "outline"
    assert mark.label == MARK_LABEL
    assert (mark.points >= 0.0).all()
    assert (mark.points <= 400.0).all()
    dark = np.argwhere(rgb[:, :, 0] < 150)  # row, column
    (top, left), (bottom, right) = dark.min(axis=0), dark.max(axis=0) + 1
    box = mark.points[[0, 2]].ravel()
    np.testing.assert_allclose(box, (left, top - 1, right, bottom + 1), atol=2.0)


def test_a_stamp_elsewhere_is_none() -> None:
    assert not is_hit(save_as_jpeg(print_text(plain_picture(190.0), by=(20, 0))))
    assert not is_hit(save_as_jpeg(print_text(plain_picture(190.0), by=(0, 40))))


def test_a_stamp_inside_a_border_is_read_and_marked_there() -> None:
    rgb = save_as_jpeg(print_text(cloth_picture(150.0)), 360)
    bordered = np.full((400, 400, 3), 255, dtype=np.uint8)
    bordered[20:380, 20:380] = rgb
    (mark,) = read_corner(bordered).marks
    corner = mark.points[2]  # bottom right
    np.testing.assert_allclose(corner, (380.0, 380.0), atol=3.0)


def test_a_stamp_between_black_bars_is_read() -> None:
    barred = np.zeros((400, 580, 3), dtype=np.uint8)
    barred[:, 90:490] = save_as_jpeg(print_text(cloth_picture(150.0)))
    assert is_hit(barred)


def test_mirrored_or_upside_down_it_is_none() -> None:
    rgb = save_as_jpeg(print_text(plain_picture(190.0)))
    assert is_hit(rgb)
    assert not is_hit(rgb[:, ::-1])
    assert not is_hit(rgb[::-1])


def test_letters_as_dark_as_what_they_lie_on_are_missed() -> None:
    assert not is_hit(save_as_jpeg(print_text(plain_picture(2.0))))


@pytest.mark.parametrize("side", [400, 200, MIN_FRAME_SIDE_PX])
@pytest.mark.parametrize("letters", [0.0, 255.0])
@pytest.mark.parametrize(
    "text",
    [
        "Getty Images",
        "gettyimages",
        "shutterstock.com - 1234567",
        "Photo: Anna Karlsson",
        "John Smith Photography",
        "Stylist Karen Harris",
        "Studio Karras & Sons, 2024",
        "17.03.2024 18:22",
        "2023-11-04",
        "(c) M. Garcia 2019",
        "Stable Diffusion XL",
        "www.example.com",
        "||||||||||||||||||||||||",
    ],
)
def test_other_words_in_the_corner_are_no_stamp(text: str, letters: float, side: int) -> None:
    assert not is_hit(save_as_jpeg(print_text(plain_picture(120.0), text, letters), side))


def stripes(axis: int, period: int) -> FloatImage:
    line = np.indices((ORIGINAL_PX, ORIGINAL_PX))[axis] // period
    return np.asarray(line % 2 * 255, dtype=np.float32)


@pytest.mark.parametrize(
    "gray",
    [
        plain_picture(0.0),
        plain_picture(128.0),
        plain_picture(255.0),
        np.linspace(0, 255, ORIGINAL_PX, dtype=np.float32)[None, :].repeat(ORIGINAL_PX, 0),
        edge_picture(0.0),
        *(stripes(axis, period) for axis in (0, 1) for period in (3, 7, 13)),
        stripes(0, 1001),  # a dark line where the words would be
    ],
)
def test_edges_and_stripes_are_no_stamp(gray: FloatImage) -> None:
    assert not is_hit(save_as_jpeg(gray))
    assert not is_hit(save_as_jpeg(gray, 150))


def test_a_flat_corner_reads_zero() -> None:
    assert read_corner(flat_picture().rgb).value == pytest.approx(0.0, abs=1e-4)


@settings(max_examples=30)
@given(st.integers(0, 9999), st.sampled_from([MIN_FRAME_SIDE_PX, 200, 400, 500]))
def test_noise_is_no_stamp(seed: int, side: int) -> None:
    assert not is_hit(np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8))


@pytest.mark.parametrize("repaint", [lambda g: 255.0 - g, lambda g: 40.0 + 0.5 * g])
def test_only_the_pattern_counts(repaint: Callable[[FloatImage], FloatImage]) -> None:
    """Not which of letters and ground is darker, and hardly how strong the contrast is."""
    stamped = print_text(cloth_picture(150.0))
    here, there = (
        read_corner(save_as_jpeg(stamped, quality=100)),
        read_corner(save_as_jpeg(repaint(stamped), quality=100)),
    )
    assert there.value == pytest.approx(here.value, abs=0.03)


def test_a_picture_too_small_to_read_says_so() -> None:
    small = save_as_jpeg(print_text(plain_picture(190.0)), MIN_FRAME_SIDE_PX - 1)
    assert measure(make_portrait(small)) == Unmeasurable(Reason.TOO_SMALL)
    assert isinstance(
        measure(make_portrait(save_as_jpeg(plain_picture(9.0), MIN_FRAME_SIDE_PX))), Reading
    )
    strip = np.zeros((400, 20, 3), dtype=np.uint8)
    assert measure(make_portrait(strip)) == Unmeasurable(Reason.TOO_SMALL)


def test_fewer_pixels_must_agree_more() -> None:
    assert threshold(GRID_PX) == threshold(1600) == HIT_AT_GRID
    assert threshold(200) == pytest.approx(HIT_AT_GRID * 2**0.5)
    assert threshold(MIN_FRAME_SIDE_PX) < 0.7


def test_the_words_fill_their_place() -> None:
    assert [len(row) for row in STAMP_PIXELS] == [80] * 10
    assert max(max(row) for row in STAMP_PIXELS) == "f"


def test_a_moderator_is_told_whose_stamp_it_is() -> None:
    assert STAMP_TEXT in summarize(3.0, None)
    assert "thispersondoesnotexist.com" in summarize(3.0, None)
    assert summarize(0.0, None).startswith("no generator's stamp")


def test_the_check_is_named_after_its_module() -> None:
    assert measure.__module__ == f"app.checks.{CHECK.name}"
    assert CHECK.measure is measure
