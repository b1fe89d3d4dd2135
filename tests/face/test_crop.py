import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.arrays import FloatArray, RgbArray
from app.face.alignment import Box, crop_square
from app.face.crop import (
    MAX_CROP_SIDE_PX,
    MIN_CROP_SIDE_PX,
    SMALL_CROP_SIDE_PX,
    FaceCrop,
    crop_face,
)
from app.face.face import LANDMARK_COUNT, Face
from app.image.picture import Picture
from tests.synthetic_faces import flat_picture, perturbed_face, place_face, transform_face

TURNS = st.floats(-180.0, 180.0)
SHARES = st.floats(0.0, 1.0)


def colour_pattern(unit: FloatArray) -> FloatArray:
    """A smooth painting over unit coordinates (..., 2) of a crop: nothing repeats within it."""
    x, y = unit[..., 0], unit[..., 1]
    return 128.0 + 90.0 * np.stack(
        [np.sin(2.0 * x + y), np.cos(3.0 * y - x), np.sin(2.5 * (x - y))], axis=-1
    )


def pixel_centres(width: int, height: int) -> FloatArray:
    """Pixel centres, px, (height, width, 2)."""
    return np.stack(np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5), axis=-1)


def paint_picture(face: Face, width: int = 300, height: int = 260) -> Picture:
    """A picture that bears the painting where the face's crop square lies, and goes on beyond."""
    top_left, top_right, _, bottom_left = crop_square(face)
    axes = np.column_stack([top_right - top_left, bottom_left - top_left])
    unit = (pixel_centres(width, height) - top_left) @ np.linalg.inv(axes).T
    return Picture(np.rint(colour_pattern(unit)).astype(np.uint8), "PNG", "")


def make_face(side_px: float, turn_deg: float, centre: tuple[float, float]) -> Face:
    """A face whose crop square has this side, turn and centre, px."""
    square = (centre[0], centre[1], math.log(side_px), math.radians(turn_deg))
    return place_face(square, face=perturbed_face())


def crop_of(picture: Picture, face: Face) -> FaceCrop:
    crop = crop_face(picture, face)
    assert crop is not None
    return crop


def colour_errors(crop: FaceCrop, size: tuple[int, int]) -> RgbArray:
    """By how much each pixel of the crop that lies well in the picture differs from the paint."""
    unit = pixel_centres(crop.side_px, crop.side_px) / crop.side_px
    px = crop.map_to_picture(unit.reshape(-1, 2)).reshape(unit.shape)
    pixel = np.linalg.norm(crop.corners[1] - crop.corners[0]) / crop.side_px
    margin = 3.0 * max(1.0, float(pixel))
    inside = ((px > margin) & (px < np.array(size) - margin)).all(axis=-1)
    out: RgbArray = np.abs(crop.rgb - colour_pattern(unit))[inside]
    return out


@settings(max_examples=30)
@given(st.floats(40.0, 200.0), TURNS, st.floats(60.0, 240.0), st.floats(60.0, 200.0))
def test_a_picture_moved_turned_and_scaled_with_its_face_has_the_same_crop(
    side: float, turn: float, x: float, y: float
) -> None:
    face = make_face(side, turn, (x, y))
    crop = crop_of(paint_picture(face), face)
    assert abs(crop.side_px - side) <= 0.5 + 1e-9  # a tie is rounded either way
    wrong = colour_errors(crop, (300, 260))
    assert len(wrong)
    assert wrong.max() < 2.5


@pytest.mark.parametrize("turn", [0.0, 33.0, -120.0])
@pytest.mark.parametrize("side", [400.4, 430.0, 800.0, 1100.0])
def test_a_large_face_is_shrunk_to_the_same_crop(side: float, turn: float) -> None:
    face = make_face(side, turn, (500.0, 420.0))
    crop = crop_of(paint_picture(face, 1000, 900), face)
    assert crop.side_px == MAX_CROP_SIDE_PX
    assert colour_errors(crop, (1000, 900)).max() < 2.5


@pytest.mark.parametrize("turn", [0.0, 33.0, -120.0])
@pytest.mark.parametrize("side", [90.0, 150.0, 200.0, 301.0, 430.0, 1100.0])
@pytest.mark.parametrize("centre", [(500.0, 420.0), (217.0, 671.0)])
def test_a_smaller_crop_is_the_same_face(
    side: float, turn: float, centre: tuple[float, float]
) -> None:
    """However it is shrunk, and wherever in a larger picture it lies."""
    face = make_face(side, turn, centre)
    crop = crop_face(paint_picture(face, 1000, 900), face, SMALL_CROP_SIDE_PX)
    assert crop is not None
    assert crop.side_px == min(SMALL_CROP_SIDE_PX, side)
    assert crop.native_side_px == pytest.approx(side)
    assert colour_errors(crop, (1000, 900)).max() < 3.0


def noise(width: int, height: int) -> RgbArray:
    return np.random.default_rng(5).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_a_quarter_turn_changes_no_pixel() -> None:
    face = make_face(100.0, 0.0, (90.0, 70.0))
    rgb = noise(160, 130)
    before = crop_of(Picture(rgb, "PNG", ""), face)
    # Clockwise: what was at the bottom is at the left.
    there = transform_face(face, turn_deg=90.0, by=(130.0, 0.0))
    after = crop_of(Picture(np.ascontiguousarray(np.rot90(rgb, -1)), "PNG", ""), there)
    wrong = np.abs(after.rgb.astype(int) - before.rgb)
    assert wrong.max() <= 1


def test_a_crop_that_lies_on_the_pixels_is_those_pixels() -> None:
    rgb = noise(160, 130)
    crop = crop_of(Picture(rgb, "PNG", ""), make_face(100.0, 0.0, (90.0, 70.0)))
    assert np.abs(crop.rgb.astype(int) - rgb[20:120, 40:140]).max() <= 1


def test_the_mirrored_picture_has_the_mirrored_crop() -> None:
    rgb, face = noise(160, 130), make_face(80.0, 12.0, (90.0, 70.0))
    crop = crop_of(Picture(rgb, "PNG", ""), face)
    mirrored = Picture(np.ascontiguousarray(rgb[:, ::-1]), "PNG", "")
    other = crop_of(mirrored, face.mirrored(160.0))
    # Interpolation counts in steps of a 32nd of a pixel, which noise makes the most of.
    assert np.abs(other.rgb[:, ::-1].astype(int) - crop.rgb).mean() < 3.0
    expected = Face(crop.landmarks).mirrored(1.0)
    np.testing.assert_allclose(other.landmarks, expected.landmarks, atol=1e-9)


@settings(max_examples=30)
@given(st.floats(40.0, 390.0), TURNS, st.floats(0.0, 300.0), st.floats(0.0, 260.0))
def test_to_picture_is_the_inverse_of_landmarks(
    side: float, turn: float, x: float, y: float
) -> None:
    face = make_face(side, turn, (x, y))
    crop = crop_face(flat_picture(300, 260), face)
    if crop is None:  # a corner of the picture at the most
        return
    np.testing.assert_allclose(crop.map_to_picture(crop.landmarks), face.landmarks, atol=1e-6)
    ends = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    np.testing.assert_allclose(crop.map_to_picture(ends), crop.corners, atol=1e-9)


@settings(max_examples=30)
@given(st.floats(40.0, 390.0), TURNS)
def test_landmarks_do_not_depend_on_where_the_face_is(side: float, turn: float) -> None:
    here = crop_of(flat_picture(300, 300), make_face(side, turn, (150.0, 150.0)))
    plain = crop_of(flat_picture(300, 300), make_face(100.0, 0.0, (100.0, 100.0)))
    np.testing.assert_allclose(here.landmarks, plain.landmarks, atol=1e-9)


# What lies in the picture


def test_a_square_within_the_picture_is_all_visible() -> None:
    crop = crop_of(flat_picture(300, 300), make_face(200.0, 0.0, (150.0, 150.0)))
    assert crop.visible == Box(0.0, 0.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("centre", "visible"),
    [
        ((150.0, 50.0), Box(0.0, 0.25, 1.0, 1.0)),
        ((150.0, 250.0), Box(0.0, 0.0, 1.0, 0.75)),
        ((40.0, 150.0), Box(0.3, 0.0, 1.0, 1.0)),
        ((240.0, 270.0), Box(0.0, 0.0, 0.8, 0.65)),
    ],
)
def test_a_square_that_reaches_beyond_is_visible_in_part(
    centre: tuple[float, float], visible: Box
) -> None:
    actual = crop_of(flat_picture(300, 300), make_face(200.0, 0.0, centre)).visible
    assert (actual.left, actual.top, actual.right, actual.bottom) == pytest.approx(
        (visible.left, visible.top, visible.right, visible.bottom), abs=0.006
    )


@settings(max_examples=30)
@given(TURNS, st.floats(40.0, 350.0), SHARES, SHARES)
def test_every_row_and_column_at_the_visible_edge_is_mostly_picture(
    turn: float, side: float, x: float, y: float
) -> None:
    white = flat_picture(200, 200, 255)
    crop = crop_face(white, make_face(side, turn, (x * 200.0, y * 200.0)))
    if crop is None:
        return
    unit = pixel_centres(crop.side_px, crop.side_px) / crop.side_px
    px = crop.map_to_picture(unit.reshape(-1, 2)).reshape(unit.shape)
    inside = np.asarray(((px > 0.0) & (px < 200.0)).all(axis=-1))
    visible = crop.visible
    edges = [
        round(e * crop.side_px) for e in (visible.left, visible.top, visible.right, visible.bottom)
    ]
    near = 1.5 / crop.side_px + 0.02
    for column in (edges[0], edges[2] - 1):
        assert inside[:, column].mean() > 0.5 - near
    for row in (edges[1], edges[3] - 1):
        assert inside[row].mean() > 0.5 - near
    if edges[0] > 0:
        assert inside[:, edges[0] - 1].mean() < 0.5 + near
    if edges[3] < crop.side_px:
        assert inside[edges[3]].mean() < 0.5 + near


def test_what_lies_beyond_is_the_mirror_image() -> None:
    picture = Picture(noise(300, 300), "PNG", "")
    crop = crop_of(picture, make_face(200.0, 0.0, (150.0, 50.0)))
    above, below = crop.rgb[:50].astype(int), crop.rgb[51:101]
    assert np.abs(above[::-1] - below).max() <= 1


def test_a_share_of_a_rect_by_hand() -> None:
    crop = FaceCrop(noise(40, 40), Box(0.0, 0.25, 0.8, 1.0), np.zeros((4, 2)), np.zeros((478, 2)))
    assert crop.visible_share(Box(0.0, 0.25, 0.5, 0.5)) == pytest.approx(1.0)
    assert crop.visible_share(Box(0.0, 0.0, 0.5, 0.5)) == pytest.approx(0.5)
    assert crop.visible_share(Box(0.6, 0.0, 1.0, 0.5)) == pytest.approx(0.25)
    assert crop.visible_share(Box(0.9, 0.3, 1.0, 0.5)) == 0.0
    assert crop.visible_share(Box(0.0, 0.0, 0.1, 0.2)) == 0.0


# Sizes and refusals


@settings(max_examples=30)
@given(st.floats(1.0, 3000.0))
def test_a_crop_is_as_wide_as_its_square_within_limits(side: float) -> None:
    crop = crop_face(flat_picture(400, 400), make_face(side, 0.0, (200.0, 200.0)))
    if round(side) < MIN_CROP_SIDE_PX:
        assert crop is None
    elif crop is not None:
        assert crop.side_px == min(MAX_CROP_SIDE_PX, round(side))
        assert crop.rgb.shape == (crop.side_px, crop.side_px, 3)
        assert crop.rgb.dtype == np.uint8
    else:  # the whole picture is less than half of any row
        assert side > 700.0


def test_the_limits_by_hand() -> None:
    picture = flat_picture(500, 500)
    assert crop_face(picture, make_face(31.4, 0.0, (250.0, 250.0))) is None
    assert crop_of(picture, make_face(32.2, 0.0, (250.0, 250.0))).side_px == 32
    assert crop_of(picture, make_face(399.6, 0.0, (250.0, 250.0))).side_px == 400
    assert crop_of(picture, make_face(480.0, 0.0, (250.0, 250.0))).side_px == 400


def test_a_face_beside_the_picture_has_no_crop() -> None:
    assert crop_face(flat_picture(100, 100), make_face(80.0, 0.0, (400.0, 50.0))) is None


def test_a_face_in_one_place_has_no_crop() -> None:
    nowhere = Face(np.full((LANDMARK_COUNT, 2), 50.0))
    assert crop_face(flat_picture(100, 100), nowhere) is None


def test_a_crop_is_read_only_and_leaves_its_picture_alone() -> None:
    picture = Picture(noise(160, 130), "PNG", "")
    before = picture.rgb.copy()
    crop = crop_of(picture, make_face(80.0, 10.0, (90.0, 70.0)))
    np.testing.assert_array_equal(picture.rgb, before)
    for array in (crop.rgb, crop.corners, crop.landmarks):
        with pytest.raises(ValueError, match="read-only"):
            array[:] = 0


def test_the_same_picture_gives_the_same_crop() -> None:
    picture, face = Picture(noise(160, 130), "PNG", ""), make_face(80.0, 10.0, (90.0, 70.0))
    np.testing.assert_array_equal(crop_of(picture, face).rgb, crop_of(picture, face).rgb)


# Smaller copies


@pytest.mark.parametrize("side", [80, 81])
def test_half_is_the_mean_of_four_pixels(side: int) -> None:
    crop = crop_of(Picture(noise(160, 130), "PNG", ""), make_face(float(side), 0.0, (80.0, 65.0)))
    assert crop.half_size.shape == (40, 40, 3)
    blocks = crop.rgb[:80, :80].reshape(40, 2, 40, 2, 3).mean(axis=(1, 3))
    assert np.abs(crop.half_size - blocks).max() <= 0.5


def test_the_smaller_copy_is_taken_where_it_has_enough_pixels() -> None:
    crop = crop_of(Picture(noise(160, 130), "PNG", ""), make_face(100.0, 0.0, (80.0, 65.0)))
    assert crop.at_least(50) is crop.half_size
    assert crop.at_least(51) is crop.rgb
