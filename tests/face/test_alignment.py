import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.face.alignment import Alignment, Box, align, crop_square
from app.face.face import (
    IRIS_LEFT,
    IRIS_RIGHT,
    LANDMARK_COUNT,
    MOUTH_CORNER_LEFT,
    MOUTH_CORNER_RIGHT,
    Face,
)
from tests.synthetic_faces import perturbed_face, place_face, symmetric_face, transform_face

seeds = st.integers(0, 10_000)
positions = st.floats(-300.0, 300.0)
scales = st.floats(0.05, 200.0)
turns = st.floats(-60.0, 60.0)


def make_face(eyes: list[list[float]], mouth: list[list[float]]) -> Face:
    points = np.zeros((LANDMARK_COUNT, 2))
    points[[IRIS_LEFT, IRIS_RIGHT]] = eyes
    points[[MOUTH_CORNER_LEFT, MOUTH_CORNER_RIGHT]] = mouth
    return Face(points)


def test_the_recipe_by_hand() -> None:
    """Eyes 60 apart, mouth 40 below: eyes decide the side; the centre lies a tenth down."""
    face = make_face([[70.0, 100.0], [130.0, 100.0]], [[80.0, 140.0], [120.0, 140.0]])
    half = 2.0 * 60.0
    centre = np.array([100.0, 100.0 + 0.1 * 40.0])
    expected = centre + half * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    np.testing.assert_allclose(crop_square(face), expected)


def test_a_long_face_is_cut_by_its_mouth() -> None:
    face = make_face([[70.0, 100.0], [130.0, 100.0]], [[80.0, 200.0], [120.0, 200.0]])
    corners = crop_square(face)
    assert np.hypot(*(corners[1] - corners[0])) == pytest.approx(2.0 * 1.8 * 100.0)


def test_the_axis_averages_eyes_and_mouth() -> None:
    """A mouth moved sideways turns the square half as far as the eyes' line alone would not."""
    face = make_face([[-50.0, 0.0], [50.0, 0.0]], [[0.0, 100.0], [20.0, 100.0]])
    edge = np.diff(crop_square(face)[:2], axis=0)[0]
    # Eye line (100, 0) plus the perpendicular of (10, 100), which is (100, -10).
    assert math.atan2(edge[1], edge[0]) == pytest.approx(math.atan2(-10.0, 200.0))


@given(seeds)
def test_the_square_is_a_square(seed: int) -> None:
    corners = crop_square(perturbed_face(seed))
    edges = np.roll(corners, -1, axis=0) - corners
    np.testing.assert_allclose(np.hypot(*edges.T), np.hypot(*edges[0]))
    np.testing.assert_allclose([a @ b for a, b in pairwise(edges)], 0, atol=1e-9)


@given(seeds, scales, turns, positions, positions)
def test_similarities_move_the_square_exactly(
    seed: int, scale: float, turn_deg: float, x: float, y: float
) -> None:
    face = perturbed_face(seed)
    corners = Face(np.resize(crop_square(face), (LANDMARK_COUNT, 2)))
    expected = transform_face(corners, scale, turn_deg, (x, y)).landmarks[:4]
    actual = crop_square(transform_face(face, scale, turn_deg, (x, y)))
    np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-6)


@given(seeds, scales, turns, positions, positions)
def test_alignment_follows_a_similarity(
    seed: int, scale: float, turn_deg: float, x: float, y: float
) -> None:
    frame = Box(0.0, 0.0, 400.0, 300.0)
    face = perturbed_face(seed)
    before = align(face, frame)
    shifted = align(transform_face(face, by=(x, y)), frame)
    assert shifted.centre[0] == pytest.approx(before.centre[0] + x / 400.0, abs=1e-9)
    assert shifted.centre[1] == pytest.approx(before.centre[1] + y / 300.0, abs=1e-9)
    assert (shifted.side, shifted.roll_deg) == pytest.approx((before.side, before.roll_deg))
    turned = align(transform_face(face, scale, turn_deg), frame)
    assert turned.side == pytest.approx(scale * before.side)
    assert turned.roll_deg == pytest.approx(before.roll_deg + turn_deg, abs=1e-6)


@given(seeds, st.floats(10.0, 900.0), st.floats(10.0, 900.0), positions, positions)
def test_a_picture_enlarged_with_its_face_reads_the_same(
    seed: int, width: float, height: float, left: float, top: float
) -> None:
    face, frame = (
        transform_face(perturbed_face(seed), 50.0),
        Box(left, top, left + width, top + height),
    )
    before = align(face, frame)
    after = align(
        transform_face(face, 3.0), Box(*(3.0 * v for v in (left, top, frame.right, frame.bottom)))
    )
    assert after.vector() == pytest.approx(before.vector(), abs=1e-9)


@given(seeds, st.floats(50.0, 900.0), st.floats(50.0, 900.0))
def test_a_mirrored_face_asks_for_the_mirrored_square(
    seed: int, width: float, height: float
) -> None:
    frame = Box(0.0, 0.0, width, height)
    face = transform_face(perturbed_face(seed), 40.0, by=(60.0, 50.0))
    there, mirrored = align(face, frame), align(face.mirrored(width), frame)
    assert mirrored.centre == pytest.approx((1.0 - there.centre[0], there.centre[1]))
    assert mirrored.side == pytest.approx(there.side)
    assert mirrored.roll_deg == pytest.approx(-there.roll_deg, abs=1e-9)


@given(
    st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(-2, 1), st.floats(-1, 1)),
    st.floats(20.0, 900.0),
    st.floats(20.0, 900.0),
)
def test_a_face_can_be_put_where_its_square_is_wanted(
    square: tuple[float, float, float, float], width: float, height: float
) -> None:
    """What every other test stands on: ``placed`` and ``align`` are inverses."""
    frame = Box(7.0, -3.0, 7.0 + width, -3.0 + height)
    face = place_face(square, frame, perturbed_face(5))
    assert align(face, frame).vector() == pytest.approx(square, abs=1e-9)


def test_the_vector_speaks_logarithms_and_radians() -> None:
    vector = Alignment((0.25, 0.75), math.e, 180.0).vector()
    assert vector == pytest.approx((0.25, 0.75, 1.0, math.pi))


@pytest.mark.parametrize("spot", [(0.0, 0.0), (33.0, -7.5)])
def test_a_face_in_one_point_has_no_square(spot: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="coincide"):
        crop_square(Face(np.tile(spot, (LANDMARK_COUNT, 1))))


def test_only_eyes_and_mouth_count() -> None:
    points = symmetric_face().landmarks.copy()
    others = np.ones(LANDMARK_COUNT, dtype=bool)
    others[[IRIS_LEFT, IRIS_RIGHT, MOUTH_CORNER_LEFT, MOUTH_CORNER_RIGHT]] = False
    points[others] += 5.0
    np.testing.assert_array_equal(crop_square(Face(points)), crop_square(symmetric_face()))


def test_a_box_has_sides() -> None:
    box = Box(3.0, 5.0, 13.0, 25.0)
    assert (box.width, box.height) == (10.0, 20.0)
