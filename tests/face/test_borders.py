"""Framing: borders and discs that were put there are found; photographs are left alone."""

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from app.arrays import RgbArray
from app.face.alignment import Box
from app.face.borders import find_trimmed_frame
from app.image.picture import Picture, decode

FACES = Path(__file__).resolve().parents[2] / "fixtures" / "faces"


def picture(rgb: RgbArray, quality: int | None = None) -> Picture:
    if quality is None:
        return Picture(np.ascontiguousarray(rgb), "PNG", "")
    out = io.BytesIO()
    Image.fromarray(rgb).save(out, "JPEG", quality=quality)
    return decode(out.getvalue())


def photograph(side: int = 256) -> RgbArray:
    rgb = decode((FACES / "astronaut_ffhq_frame.jpg").read_bytes()).rgb
    return np.asarray(cv2.resize(rgb, (side, side), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def add_border(
    rgb: RgbArray, widths: tuple[int, int, int, int], colour: tuple[int, ...]
) -> RgbArray:
    """``rgb`` with borders: left, top, right, bottom."""
    left, top, right, bottom = widths
    height, width = rgb.shape[:2]
    out = np.full((top + height + bottom, left + width + right, 3), colour, np.uint8)
    out[top : top + height, left : left + width] = rgb
    return out


def mask_to_disc(rgb: RgbArray, colour: tuple[int, ...]) -> RgbArray:
    side = rgb.shape[0]
    mask = np.zeros((8 * side, 8 * side), np.float32)
    cv2.circle(mask, (4 * side, 4 * side), 4 * side, 1.0, -1)
    share = cv2.resize(mask, (side, side), interpolation=cv2.INTER_AREA)[..., None]
    return (rgb * share + np.array(colour) * (1 - share)).round().astype(np.uint8)


def max_edge_error(box: Box | None, expected: tuple[float, float, float, float]) -> float:
    """Largest error of any side, px."""
    assert box is not None
    edges = (box.left, box.top, box.right, box.bottom)
    return max(abs(a - b) for a, b in zip(edges, expected, strict=True))


@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 0), (30, 90, 220)])
@pytest.mark.parametrize("quality", [None, 75, 95])
@pytest.mark.parametrize(
    "widths",
    [(40, 20, 12, 50), (0, 60, 0, 60), (70, 0, 70, 0), (0, 33, 0, 0), (9, 9, 9, 9)],
    ids=["all sides", "letterbox", "pillarbox", "one side", "thin"],
)
def test_borders(colour, quality, widths):
    left, top, _, _ = widths
    box = find_trimmed_frame(picture(add_border(photograph(), widths, colour), quality))
    assert max_edge_error(box, (left, top, left + 256, top + 256)) <= 1


def test_border_of_a_thumbnail():
    box = find_trimmed_frame(picture(add_border(photograph(40), (4, 5, 4, 6), (0, 0, 0)), 90))
    assert max_edge_error(box, (4, 5, 44, 45)) <= 1


def test_sides_may_have_different_colours():
    framed = add_border(photograph(), (0, 30, 0, 30), (0, 0, 0))
    framed = add_border(framed, (25, 0, 25, 0), (250, 120, 10))
    assert max_edge_error(find_trimmed_frame(picture(framed)), (25, 30, 281, 286)) <= 1


@pytest.mark.parametrize("turns", range(4))
def test_turning_the_picture_turns_the_box(turns):
    framed = np.rot90(add_border(photograph(), (40, 20, 12, 50), (255, 255, 255)), turns)
    left, top, right, bottom = 40, 20, 12, 50
    for _ in range(turns):
        left, top, right, bottom = top, right, bottom, left
    assert (
        max_edge_error(find_trimmed_frame(picture(framed)), (left, top, left + 256, top + 256)) <= 1
    )


def test_mirroring_the_picture_mirrors_the_box():
    framed = add_border(photograph(), (40, 20, 12, 50), (255, 255, 255))[:, ::-1]
    assert max_edge_error(find_trimmed_frame(picture(framed)), (12, 20, 268, 276)) <= 1


@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 0), (200, 30, 90)])
@pytest.mark.parametrize("quality", [None, 75])
@pytest.mark.parametrize("inset", [12, 30, 80])
def test_disc_in_a_border(colour, quality, inset):
    framed = add_border(mask_to_disc(photograph(), colour), (inset, inset, inset, inset), colour)
    box = find_trimmed_frame(picture(framed, quality))
    assert max_edge_error(box, (inset, inset, inset + 256, inset + 256)) <= 2.5


def test_disc_on_a_wide_ground():
    framed = add_border(mask_to_disc(photograph(), (0, 0, 0)), (60, 0, 60, 0), (0, 0, 0))
    assert max_edge_error(find_trimmed_frame(picture(framed)), (60, 0, 316, 256)) <= 2.5


@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 0), (128, 128, 128)])
def test_disc_that_touches_the_frame_needs_no_trimming(colour):
    assert find_trimmed_frame(picture(mask_to_disc(photograph(), colour), 80)) is None


@pytest.mark.parametrize(
    "name",
    [
        "astronaut.jpg",
        "astronaut_ffhq_frame.jpg",
        "astronaut_ffhq_zoom110.jpg",
        "astronaut_ffhq_48px.jpg",
        "astronaut_ffhq_gray.jpg",
        "astronaut_ffhq_circle.png",
        "camera.jpg",
        "chelsea.jpg",
        "coffee.jpg",
        "landscape.jpg",
        "noise.png",
        "blank.png",
    ],
)
def test_nothing_to_trim(name):
    assert find_trimmed_frame(decode((FACES / name).read_bytes())) is None


def test_shipped_border():
    box = find_trimmed_frame(decode((FACES / "astronaut_ffhq_border.png").read_bytes()))
    assert max_edge_error(box, (40, 20, 296, 276)) <= 1


@pytest.mark.parametrize("level", [0, 128, 255])
def test_head_before_a_flat_wall_is_left_alone(level):
    wall = np.full((400, 400, 3), level, np.uint8)
    face = photograph(220)
    mask = np.zeros((220, 220), np.uint8)
    cv2.ellipse(mask, (110, 118), (78, 102), 0, 0, 360, 255, -1)
    wall[90:310, 90:310][mask > 0] = face[mask > 0]
    assert find_trimmed_frame(picture(wall, 85)) is None


def test_gradients_have_no_edge():
    ramp = np.repeat(np.linspace(0, 255, 300).astype(np.uint8)[:, None], 300, axis=1)
    for level in (ramp, ramp.T, np.maximum(ramp, 60)):
        assert find_trimmed_frame(picture(np.stack([level] * 3, axis=2))) is None


@settings(max_examples=60)
@given(
    arrays(np.uint8, st.tuples(st.integers(1, 24), st.integers(1, 24), st.just(3))),
    st.integers(0, 8),
    st.integers(0, 255),
)
def test_any_box_lies_within_the_picture_and_is_not_all_of_it(rgb, border, level):
    framed = picture(add_border(rgb, (border, border, border, border), (level,) * 3))
    box = find_trimmed_frame(framed)
    if box is not None:
        width, height = framed.size
        slack = 0.03 * max(width, height)
        assert -slack <= box.left < box.right <= width + slack
        assert -slack <= box.top < box.bottom <= height + slack
        assert box.width < width or box.height < height
