import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.arrays import RgbArray
from app.face.alignment import Box
from app.face.crop import FaceCrop
from app.networks.regions import (
    BACKGROUND_SIDE_PX,
    FULL_DETAIL_SIDE_PX,
    MAX_OUTSIDE_SHARE,
    PERSON_FILL,
    REGION_RECTS,
    Region,
    network_input,
)

RED = (255, 0, 0)
ALL = Box(0.0, 0.0, 1.0, 1.0)
EVERY_RECT = [rect for rects in REGION_RECTS.values() for rect in rects]
sides = st.integers(32, 400)


def make_crop(rgb: RgbArray, visible: Box = ALL) -> FaceCrop:
    return FaceCrop(rgb, visible, np.zeros((4, 2)), np.zeros((478, 2)))


def blue_green_noise(side: int) -> RgbArray:
    """Every pixel another green and blue; no red anywhere."""
    rgb = np.random.default_rng(2).integers(0, 256, (side, side, 3), dtype=np.uint8)
    rgb[:, :, 0] = 0
    return rgb


def noise_with_red_outside(side: int, box: Box) -> RgbArray:
    """Red wherever a pixel's middle lies outside ``box``."""
    rgb = blue_green_noise(side)
    at = (np.arange(side) + 0.5) / side
    outside_x = (at < box.left) | (at > box.right)
    outside_y = (at < box.top) | (at > box.bottom)
    rgb[outside_y[:, None] | outside_x[None]] = RED
    return rgb


# Where the heads look


def test_the_regions_are_named_as_the_checks_that_ask() -> None:
    assert [str(region) for region in Region] == [
        "fine_texture",
        "irises",
        "teeth",
        "hairline",
        "background_blur",
    ]
    assert set(REGION_RECTS) == set(Region)


@pytest.mark.parametrize("rect", EVERY_RECT)
def test_every_rect_lies_in_the_crop_and_mirrors_onto_one(rect: Box) -> None:
    assert 0.0 <= rect.left < rect.right <= 1.0
    assert 0.0 <= rect.top < rect.bottom <= 1.0
    mirrored = (1.0 - rect.right, rect.top, 1.0 - rect.left, rect.bottom)
    assert any((o.left, o.top, o.right, o.bottom) == pytest.approx(mirrored) for o in EVERY_RECT)


def test_rects_of_one_region_share_no_pixel_and_one_size() -> None:
    one, other = REGION_RECTS[Region.BACKGROUND]
    assert one.right < other.left
    assert (one.width, one.height) == pytest.approx((other.width, other.height))


# What is in a tile


@settings(max_examples=50)
@given(sides, st.sampled_from(EVERY_RECT))
def test_a_tile_holds_nothing_from_outside_its_rect(side: int, rect: Box) -> None:
    pixels = network_input(make_crop(noise_with_red_outside(side, rect)), rect)
    assert pixels is not None
    assert pixels[:, :, 0].max() == 0


@settings(max_examples=50)
@given(
    sides,
    st.sampled_from(EVERY_RECT),
    st.floats(0.0, 0.3),
    st.floats(0.0, 0.3),
    st.floats(0.7, 1.0),
    st.floats(0.7, 1.0),
)
def test_a_tile_holds_nothing_from_beyond_the_picture(
    side: int, rect: Box, left: float, top: float, right: float, bottom: float
) -> None:
    visible = Box(left, top, right, bottom)
    crop = make_crop(noise_with_red_outside(side, visible), visible)
    pixels = network_input(crop, rect)
    if crop.visible_share(rect) < 1.0 - MAX_OUTSIDE_SHARE:
        assert pixels is None
    elif pixels is not None:
        assert pixels[:, :, 0].max() == 0


@pytest.mark.parametrize("side", [192, 300, 400])
@pytest.mark.parametrize("rect", EVERY_RECT)
def test_a_large_crop_gives_its_own_pixels(side: int, rect: Box) -> None:
    rgb = blue_green_noise(side)
    pixels = network_input(make_crop(rgb), rect)
    assert pixels is not None
    rows = slice(round(rect.top * side), round(rect.bottom * side))
    columns = slice(round(rect.left * side), round(rect.right * side))
    np.testing.assert_array_equal(pixels, rgb[rows, columns])


@pytest.mark.parametrize("side", [32, 72, 100, 191])
@pytest.mark.parametrize("rect", EVERY_RECT)
def test_a_small_crop_is_enlarged_to_full_detail(side: int, rect: Box) -> None:
    pixels = network_input(make_crop(blue_green_noise(side)), rect)
    assert pixels is not None
    # A pixel of the small crop more or less, enlarged.
    slack = FULL_DETAIL_SIDE_PX / side + 1.0
    assert pixels.shape[0] == pytest.approx(rect.height * FULL_DETAIL_SIDE_PX, abs=slack)
    assert pixels.shape[1] == pytest.approx(rect.width * FULL_DETAIL_SIDE_PX, abs=slack)


def test_enlarging_keeps_what_is_where() -> None:
    rgb = np.zeros((96, 96, 3), dtype=np.uint8)
    rgb[:, 48:] = 200
    pixels = network_input(make_crop(rgb), Box(0.0, 0.0, 1.0, 0.96))
    assert pixels is not None
    assert pixels[:, :92].max() == 0
    assert (pixels[:, 100:] == 200).all()


@given(sides, st.sampled_from(EVERY_RECT))
def test_a_tile_is_the_networks_to_keep(side: int, rect: Box) -> None:
    """Another place in memory: painting on it leaves the crop as it was."""
    rgb = blue_green_noise(side)
    rgb.setflags(write=False)
    pixels = network_input(make_crop(rgb), rect)
    assert pixels is not None
    assert pixels.dtype == np.uint8
    assert pixels.flags.c_contiguous


# Off the picture


def test_too_much_off_the_picture_is_not_looked_at() -> None:
    rect = Box(0.2, 0.0, 0.8, 0.4)
    assert network_input(make_crop(blue_green_noise(200), Box(0.0, 0.20, 1.0, 1.0)), rect) is None
    pixels = network_input(make_crop(blue_green_noise(200), Box(0.0, 0.10, 1.0, 1.0)), rect)
    assert pixels is not None
    assert pixels.shape == (60, 120, 3)


def test_a_rect_wholly_off_the_picture_is_not_looked_at() -> None:
    crop = make_crop(blue_green_noise(200), Box(0.3, 0.0, 1.0, 1.0))
    assert network_input(crop, Box(0.0, 0.0, 0.2, 0.5)) is None


# The person


def test_the_person_is_painted_grey_and_the_rest_left_alone() -> None:
    rgb, rect = blue_green_noise(BACKGROUND_SIDE_PX), REGION_RECTS[Region.BACKGROUND][0]
    person = np.zeros((24, 24))
    person[12:] = 1.0
    plain, hidden = network_input(make_crop(rgb), rect), network_input(make_crop(rgb), rect, person)
    assert plain is not None
    assert hidden is not None
    assert (hidden[105:] == PERSON_FILL).all()
    np.testing.assert_array_equal(hidden[:95], plain[:95])


def test_the_person_is_where_the_crop_has_them_whatever_the_rect() -> None:
    rgb, person = blue_green_noise(200), np.zeros((200, 200))
    person[80:120, 100:] = 1.0
    pixels = network_input(make_crop(rgb), Box(0.25, 0.3, 0.75, 0.7), person)
    assert pixels is not None
    expected = rgb.copy()
    expected[80:120, 100:] = PERSON_FILL
    np.testing.assert_array_equal(pixels, expected[60:140, 50:150])


@given(sides, st.sampled_from(REGION_RECTS[Region.BACKGROUND]))
def test_everyone_is_person_is_all_grey(side: int, rect: Box) -> None:
    pixels = network_input(make_crop(blue_green_noise(side)), rect, np.ones((192, 192)))
    assert pixels is not None
    assert (pixels == PERSON_FILL).all()


@given(st.integers(32, BACKGROUND_SIDE_PX), st.sampled_from(EVERY_RECT))
def test_nobody_is_person_is_the_plain_tile(side: int, rect: Box) -> None:
    crop = make_crop(blue_green_noise(side))
    plain, nobody = network_input(crop, rect), network_input(crop, rect, np.full((192, 192), 0.29))
    assert plain is not None
    assert nobody is not None
    np.testing.assert_array_equal(plain, nobody)


@pytest.mark.parametrize("side", [201, 300, 399, 400])
@pytest.mark.parametrize("rect", REGION_RECTS[Region.BACKGROUND])
def test_behind_the_person_a_large_crop_is_shrunk_and_keeps_what_is_where(
    side: int, rect: Box
) -> None:
    rgb = np.zeros((side, side, 3), dtype=np.uint8)
    rgb[side // 2 :] = 200
    person = np.zeros((192, 192))
    person[:48] = 1.0
    pixels = network_input(make_crop(rgb), rect, person)
    assert pixels is not None
    assert pixels.shape[0] == pytest.approx(rect.height * BACKGROUND_SIDE_PX, abs=1.5)
    assert pixels.shape[1] == pytest.approx(rect.width * BACKGROUND_SIDE_PX, abs=1.5)
    assert (pixels[:48] == PERSON_FILL).all()
    assert pixels[53:97].max() == 0
    assert (pixels[103:] == 200).all()


def test_of_the_person_no_colour_is_left_even_where_enlarged() -> None:
    rgb = blue_green_noise(64)
    rgb[32:] = RED
    person = np.zeros((64, 64))
    person[32:] = 1.0
    pixels = network_input(make_crop(rgb), REGION_RECTS[Region.BACKGROUND][1], person)
    assert pixels is not None
    # Cubic enlargement overshoots next to an edge; red itself would show as 255.
    assert pixels[:, :, 0].max() < 160
