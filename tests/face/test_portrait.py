import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.face.alignment import Box, align
from app.face.face import LANDMARK_COUNT, Face, FloatArray
from app.face.portrait import Portrait, evened, squares
from app.image.picture import Picture, RgbArray
from tests.sitters import (
    TEMPLATE_MEAN,
    Blind,
    Steady,
    flat_picture,
    lively_face,
    moved,
    portrait_at,
)

sides = st.floats(20.0, 2000.0)


def lively_picture(width: int, height: int) -> Picture:
    """Nothing flat: nothing to trim."""
    rgb = np.random.default_rng(4).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Picture(rgb, "PNG", "cd" * 32)


def test_the_pictures_own_frame_comes_first() -> None:
    portrait = portrait_at(size=(300, 300))
    assert portrait.frames == (("untouched", Box(0.0, 0.0, 300.0, 300.0)),)
    assert portrait.alignment == align(portrait.face, portrait.frame)


def test_a_picture_that_is_not_square_has_two_more_frames() -> None:
    portrait = Portrait(lively_picture(300, 200), moved(lively_face(), 20.0, by=(150.0, 100.0)))
    assert portrait.frames == (
        ("untouched", Box(0.0, 0.0, 300.0, 200.0)),
        ("trimmed", Box(50.0, 0.0, 250.0, 200.0)),
        ("trimmed", Box(0.0, -50.0, 300.0, 250.0)),
    )


def frames_within(border: tuple[tuple[int, int], tuple[int, int]]) -> set[tuple[str, Box]]:
    bordered = np.pad(lively_picture(200, 200).rgb, (*border, (0, 0)), constant_values=255)
    face = moved(lively_face(), 20.0, by=(120.0, 120.0))
    return set(Portrait(Picture(bordered, "PNG", ""), face).frames)


def test_a_border_is_one_more_frame() -> None:
    assert frames_within(((20, 20), (20, 20))) == {
        ("untouched", Box(0.0, 0.0, 240.0, 240.0)),
        ("trimmed", Box(20, 20, 220, 220)),
    }


def test_an_uneven_border_may_be_an_even_one_that_met_a_background_of_its_colour() -> None:
    assert frames_within(((30, 10), (20, 20))) == {
        ("untouched", Box(0.0, 0.0, 240.0, 240.0)),
        ("trimmed", Box(20, 30, 220, 230)),
        ("trimmed", Box(20, 10, 220, 230)),
        ("trimmed", Box(10, 10, 230, 230)),
    }


@given(sides, sides, st.floats(-50.0, 50.0), st.floats(-50.0, 50.0))
def test_squares_share_the_middle_and_one_pair_of_sides(
    width: float, height: float, left: float, top: float
) -> None:
    box = Box(left, top, left + width, top + height)
    found = squares(box)
    if max(width, height) / min(width, height) < 1.019:
        assert found == ()
    for square, side in zip(found, sorted((width, height)), strict=False):
        assert (square.width, square.height) == pytest.approx((side, side))
        assert square.left + square.right == pytest.approx(box.left + box.right)
        assert square.top + square.bottom == pytest.approx(box.top + box.bottom)
    if max(width, height) / min(width, height) > 1.021:
        assert len(found) == 2


margins = st.tuples(*[st.integers(0, 90)] * 4)


@given(margins)
def test_even_borders_are_no_wider_than_those_found(
    found: tuple[int, int, int, int],
) -> None:
    left, top, right, bottom = found
    frame, inner = Box(0.0, 0.0, 400.0, 300.0), Box(left, top, 400.0 - right, 300.0 - bottom)
    for box in evened(inner, frame):
        assert box.left == pytest.approx(400.0 - box.right)
        assert box.top == pytest.approx(300.0 - box.bottom)
        assert box.left <= min(left, right)
        assert box.top <= min(top, bottom)
    x, y = min(left, right), min(top, bottom)
    assert Box(x, y, 400.0 - x, 300.0 - y) in evened(inner, frame)


def test_nothing_trimmed_is_nothing_to_even() -> None:
    frame = Box(0.0, 0.0, 400.0, 300.0)
    assert set(evened(frame, frame)) == {frame}


def test_every_repeat_is_a_sighting_in_the_same_frames() -> None:
    face = moved(lively_face(), 20.0, by=(150.0, 100.0))
    again = moved(face, by=(1.0, 0.0))
    portrait = Portrait(lively_picture(300, 200), face, repeats=(again,))
    first, second = portrait.sightings
    np.testing.assert_array_equal(first.eyes, face.eyes)
    np.testing.assert_array_equal(second.eyes, again.eyes)
    assert first.eye_distance_px == pytest.approx(face.eye_distance_px)
    assert [f.frame for f in first.framings] == [f.frame for f in second.framings]
    for sighting, seen in ((first, face), (second, again)):
        for framing, (transform, box) in zip(sighting.framings, portrait.frames, strict=True):
            assert framing.transform == transform
            assert framing.alignment == align(seen, box)


def test_what_is_shared_is_computed_once() -> None:
    portrait = portrait_at()
    assert portrait.sightings is portrait.sightings
    assert portrait.frames is portrait.frames
    assert portrait.crop is portrait.crop


# The face crop, and who is in it


def test_the_crop_is_the_faces_square() -> None:
    crop = portrait_at(TEMPLATE_MEAN, (300, 300)).crop
    assert crop is not None
    assert crop.side_px == 300
    np.testing.assert_allclose(crop.corners, [(0, 0), (300, 0), (300, 300), (0, 300)], atol=1e-6)


def test_a_face_that_is_a_smudge_has_no_crop_and_nobody_in_it() -> None:
    portrait = Portrait(flat_picture(), moved(lively_face(), 1.0, by=(9.0, 9.0)), network=Blind())
    assert portrait.crop is None
    assert portrait.person is None


def test_a_collapsed_face_has_no_crop() -> None:
    assert Portrait(flat_picture(), Face(np.zeros((LANDMARK_COUNT, 2)))).crop is None


def test_without_a_network_nobody_is_seen() -> None:
    portrait = portrait_at()
    assert portrait.crop is not None
    assert portrait.person is None


class Asked:
    """Remembers whom it was asked for."""

    def __init__(self) -> None:
        self.shown: list[RgbArray] = []

    def heat(self, rgb: RgbArray) -> FloatArray:
        return Steady().heat(rgb)

    def person(self, rgb: RgbArray) -> FloatArray:
        self.shown.append(rgb)
        return Steady().person(rgb)


def test_the_person_is_asked_for_once_and_on_the_crop_alone() -> None:
    network = Asked()
    portrait = portrait_at((0.5, 0.5, -0.5, 0.2), network=network)
    mask = portrait.person
    assert mask is not None
    assert portrait.person is mask
    assert portrait.crop is not None
    (shown,) = network.shown
    assert shown is portrait.crop.rgb
    assert not mask.flags.writeable
    assert 0.0 <= mask.min() < mask.max() <= 1.0


def test_nothing_is_asked_of_a_network_before_a_check_asks() -> None:
    portrait = portrait_at(network=Blind())
    _ = portrait.frames, portrait.sightings, portrait.alignment, portrait.crop
    with pytest.raises(AssertionError, match="asked who"):
        _ = portrait.person


def test_a_collapsed_face_is_an_error_only_where_it_is_asked_for() -> None:
    portrait = Portrait(flat_picture(), Face(np.zeros((LANDMARK_COUNT, 2))))
    assert portrait.frames[0][0] == "untouched"
    with pytest.raises(ValueError, match="coincide"):
        _ = portrait.sightings
