"""Thumbnails and tiles: sizes, places and colours of what is kept of a picture."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from app.image.picture import Picture, decode
from app.image.thumbnails import THUMBNAIL_PX, average_tile, decode_jpeg, thumbnail_jpeg
from app.records import AVERAGE_TILE_PX

sides = st.integers(1, 900)


def make_picture(rgb: NDArray[np.uint8]) -> Picture:
    return Picture(rgb, "PNG", "")


def flat_picture(width: int, height: int, colour: tuple[int, int, int] = (200, 90, 30)) -> Picture:
    return make_picture(np.full((height, width, 3), colour, dtype=np.uint8))


def noise(width: int, height: int) -> NDArray[np.uint8]:
    return np.random.default_rng(5).integers(0, 256, (height, width, 3), dtype=np.uint8)


@given(sides, sides)
@settings(max_examples=60)
def test_any_size_is_kept_in_proportion_and_never_enlarged(width: int, height: int) -> None:
    kept = decode(thumbnail_jpeg(flat_picture(width, height)))
    scale = min(1.0, THUMBNAIL_PX / max(width, height))
    assert kept.format == "JPEG"
    assert kept.size == pytest.approx((max(1, width * scale), max(1, height * scale)), abs=0.51)
    assert np.abs(kept.rgb.astype(int) - [200, 90, 30]).max() <= 4


@given(sides, sides)
@settings(max_examples=60)
def test_a_tile_is_always_the_same_square(width: int, height: int) -> None:
    made = average_tile(flat_picture(width, height))
    assert made.shape == (AVERAGE_TILE_PX, AVERAGE_TILE_PX, 3)
    assert made.dtype == np.uint8
    assert (made == [200, 90, 30]).all()


@pytest.mark.parametrize("size", [(600, 200), (200, 600), (1600, 401), (90, 31)])
def test_a_tile_is_the_middle_of_the_picture(size: tuple[int, int]) -> None:
    width, height = size
    rgb = np.zeros((height, width, 3), dtype=np.uint8)
    side = min(size)
    top, left = (height - side) // 2, (width - side) // 2
    rgb[top : top + side, left : left + side] = 250
    assert average_tile(make_picture(rgb)).min() == 250


def test_what_is_left_stays_left_and_colours_stay_colours() -> None:
    rgb = np.zeros((300, 300, 3), dtype=np.uint8)
    rgb[:, :150] = (220, 10, 10)
    rgb[:150, 150:] = (10, 10, 220)
    for small in (average_tile(make_picture(rgb)), decode(thumbnail_jpeg(make_picture(rgb))).rgb):
        side = len(small)
        at = small.astype(int)[[side // 4, side // 4, 3 * side // 4], [side // 4, -9, -9]]
        assert np.abs(at - [[220, 10, 10], [10, 10, 220], [0, 0, 0]]).max() < 12


@pytest.mark.parametrize("side", [192, 384, 400, 800, 1600])
def test_shrinking_is_the_mean_of_what_falls_together(side: int) -> None:
    made = average_tile(make_picture(noise(side, side))).astype(float)
    # Averaging n values divides their spread by the root of n.
    assert made.mean() == pytest.approx(127.5, abs=1.0)
    assert made.std() <= 1.3 * 73.9 * AVERAGE_TILE_PX / side


def test_a_mirrored_picture_gives_a_mirrored_tile() -> None:
    rgb = noise(640, 400)
    one, other = (
        average_tile(make_picture(rgb)),
        average_tile(make_picture(np.ascontiguousarray(rgb[:, ::-1]))),
    )
    assert np.abs(one.astype(int) - other[:, ::-1]).max() <= 2


def test_the_picture_is_left_alone_and_the_same_bytes_come_out() -> None:
    given_ = make_picture(noise(500, 300))
    before = given_.rgb.copy()
    assert thumbnail_jpeg(given_) == thumbnail_jpeg(given_)
    assert (average_tile(given_) == average_tile(given_)).all()
    assert (given_.rgb == before).all()


def test_a_thumbnail_is_small() -> None:
    kept = thumbnail_jpeg(make_picture(noise(400, 400)))
    assert len(kept) < 16_000
    assert not set(Image.open(io.BytesIO(kept)).info) & {"exif", "icc_profile", "comment"}


def test_a_thumbnail_is_read_as_any_picture_is() -> None:
    kept = thumbnail_jpeg(make_picture(noise(400, 300)))
    np.testing.assert_array_equal(decode_jpeg(kept), decode(kept).rgb)


@pytest.mark.parametrize("data", [b"text", b"\xff\xd8\xff"])
def test_what_is_no_thumbnail_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="thumbnail"):
        decode_jpeg(data)
