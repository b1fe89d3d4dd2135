import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.arrays import FloatArray, RgbArray
from app.face.alignment import Box, align
from app.face.face import LANDMARK_COUNT, Face
from app.face.portrait import Portrait, candidate_squares, equalized
from app.image.picture import Picture
from tests.synthetic_faces import (
    TEMPLATE_MEAN,
    ConstantNetwork,
    ForbiddenNetwork,
    RegionNetwork,
    flat_picture,
    make_portrait,
    perturbed_face,
    transform_face,
)

sides = st.floats(20.0, 2000.0)


def noise_picture(width: int, height: int) -> Picture:
    """Nothing flat: nothing to trim."""
    rgb = np.random.default_rng(4).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Picture(rgb, "PNG", "cd" * 32)


def test_the_pictures_own_frame_comes_first() -> None:
    portrait = make_portrait(size=(300, 300))
    assert portrait.frames == (("untouched", Box(0.0, 0.0, 300.0, 300.0)),)
    assert portrait.alignment == align(portrait.face, portrait.frame)


def test_a_picture_that_is_not_square_has_two_more_frames() -> None:
    portrait = Portrait(
        noise_picture(300, 200), transform_face(perturbed_face(), 20.0, by=(150.0, 100.0))
    )
    assert portrait.frames == (
        ("untouched", Box(0.0, 0.0, 300.0, 200.0)),
        ("trimmed", Box(50.0, 0.0, 250.0, 200.0)),
        ("trimmed", Box(0.0, -50.0, 300.0, 250.0)),
    )


def frames_within(border: tuple[tuple[int, int], tuple[int, int]]) -> set[tuple[str, Box]]:
    bordered = np.pad(noise_picture(200, 200).rgb, (*border, (0, 0)), constant_values=255)
    face = transform_face(perturbed_face(), 20.0, by=(120.0, 120.0))
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
    result = candidate_squares(box)
    if max(width, height) / min(width, height) < 1.019:
        assert result == ()
    for square, side in zip(result, sorted((width, height)), strict=False):
        assert (square.width, square.height) == pytest.approx((side, side))
        assert square.left + square.right == pytest.approx(box.left + box.right)
        assert square.top + square.bottom == pytest.approx(box.top + box.bottom)
    if max(width, height) / min(width, height) > 1.021:
        assert len(result) == 2


margins = st.tuples(*[st.integers(0, 90)] * 4)


@given(margins)
def test_even_borders_are_no_wider_than_those_found(
    found: tuple[int, int, int, int],
) -> None:
    left, top, right, bottom = found
    frame, inner = Box(0.0, 0.0, 400.0, 300.0), Box(left, top, 400.0 - right, 300.0 - bottom)
    for box in equalized(inner, frame):
        assert box.left == pytest.approx(400.0 - box.right)
        assert box.top == pytest.approx(300.0 - box.bottom)
        assert box.left <= min(left, right)
        assert box.top <= min(top, bottom)
    x, y = min(left, right), min(top, bottom)
    assert Box(x, y, 400.0 - x, 300.0 - y) in equalized(inner, frame)


def test_nothing_trimmed_is_nothing_to_even() -> None:
    frame = Box(0.0, 0.0, 400.0, 300.0)
    assert set(equalized(frame, frame)) == {frame}


def test_every_repeat_is_measured_in_the_same_frames() -> None:
    face = transform_face(perturbed_face(), 20.0, by=(150.0, 100.0))
    repeat = transform_face(face, by=(1.0, 0.0))
    portrait = Portrait(noise_picture(300, 200), face, repeats=(repeat,))
    first, second = portrait.face_measurements
    np.testing.assert_array_equal(first.eyes, face.eyes)
    np.testing.assert_array_equal(second.eyes, repeat.eyes)
    assert first.eye_distance_px == pytest.approx(face.eye_distance_px)
    assert [f.frame for f in first.candidate_frames] == [f.frame for f in second.candidate_frames]
    for measurement, expected_face in ((first, face), (second, repeat)):
        for candidate, (transform, box) in zip(
            measurement.candidate_frames, portrait.frames, strict=True
        ):
            assert candidate.transform == transform
            assert candidate.alignment == align(expected_face, box)


def test_what_is_shared_is_computed_once() -> None:
    portrait = make_portrait()
    assert portrait.face_measurements is portrait.face_measurements
    assert portrait.frames is portrait.frames
    assert portrait.crop is portrait.crop


# The face crop, and who is in it


def test_the_crop_is_the_faces_square() -> None:
    crop = make_portrait(TEMPLATE_MEAN, (300, 300)).crop
    assert crop is not None
    assert crop.side_px == 300
    np.testing.assert_allclose(crop.corners, [(0, 0), (300, 0), (300, 300), (0, 300)], atol=1e-6)


def test_a_face_that_is_a_smudge_has_no_crop_and_nobody_in_it() -> None:
    portrait = Portrait(
        flat_picture(),
        transform_face(perturbed_face(), 1.0, by=(9.0, 9.0)),
        network=ForbiddenNetwork(),
    )
    assert portrait.crop is None
    assert portrait.person_mask is None


def test_a_collapsed_face_has_no_crop() -> None:
    assert Portrait(flat_picture(), Face(np.zeros((LANDMARK_COUNT, 2)))).crop is None


def test_without_a_network_nobody_is_seen() -> None:
    portrait = make_portrait()
    assert portrait.crop is not None
    assert portrait.person_mask is None


class RecordingNetwork(RegionNetwork):
    """Remembers whom it was asked for."""

    def __init__(self) -> None:
        self.shown: list[RgbArray] = []

    def score_map(self, rgb: RgbArray) -> FloatArray:
        return ConstantNetwork().score_map(rgb)

    def person_mask(self, rgb: RgbArray) -> FloatArray:
        self.shown.append(rgb)
        return ConstantNetwork().person_mask(rgb)


def test_the_person_is_asked_for_once_and_on_the_crop_alone() -> None:
    network = RecordingNetwork()
    portrait = make_portrait((0.5, 0.5, -0.5, 0.2), network=network)
    mask = portrait.person_mask
    assert mask is not None
    assert portrait.person_mask is mask
    assert portrait.crop is not None
    (shown,) = network.shown
    assert shown is portrait.crop.rgb
    assert not mask.flags.writeable
    assert 0.0 <= mask.min() < mask.max() <= 1.0


def test_nothing_is_asked_of_a_network_before_a_check_asks() -> None:
    portrait = make_portrait(network=ForbiddenNetwork())
    _ = portrait.frames, portrait.face_measurements, portrait.alignment, portrait.crop
    with pytest.raises(AssertionError, match="asked who"):
        _ = portrait.person_mask


def test_a_collapsed_face_is_an_error_only_where_it_is_asked_for() -> None:
    portrait = Portrait(flat_picture(), Face(np.zeros((LANDMARK_COUNT, 2))))
    assert portrait.frames[0][0] == "untouched"
    with pytest.raises(ValueError, match="coincide"):
        _ = portrait.face_measurements
