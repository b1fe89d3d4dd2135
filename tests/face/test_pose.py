import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.face.alignment import crop_square
from app.face.face import LANDMARK_COUNT, NOSE_TIP, Face
from app.face.pose import compute_pose_features
from tests.synthetic_faces import perturbed_face, symmetric_face, transform_face

seeds = st.integers(0, 10_000)


@given(
    seeds,
    st.floats(0.05, 300.0),
    st.floats(-80.0, 80.0),
    st.floats(-500.0, 500.0),
    st.floats(-500.0, 500.0),
)
def test_where_how_large_and_how_tilted_does_not_matter(
    seed: int, scale: float, turn_deg: float, x: float, y: float
) -> None:
    face = perturbed_face(seed)
    there, here = (
        compute_pose_features(transform_face(face, scale, turn_deg, (x, y))),
        compute_pose_features(face),
    )
    np.testing.assert_allclose(there.odd, here.odd, atol=1e-7)
    np.testing.assert_allclose(there.even, here.even, atol=1e-7)


@given(seeds)
def test_mirrored_the_odd_numbers_change_sign_and_the_even_ones_stay(seed: int) -> None:
    face = perturbed_face(seed)
    there, here = compute_pose_features(face.mirrored(3.0)), compute_pose_features(face)
    np.testing.assert_allclose(there.odd, -here.odd, atol=1e-9)
    np.testing.assert_allclose(there.even, here.even, atol=1e-9)
    assert np.abs(here.odd).max() > 1e-4  # or the first line would say nothing


def test_a_symmetric_face_has_no_odd_numbers() -> None:
    np.testing.assert_allclose(compute_pose_features(symmetric_face()).odd, 0.0, atol=1e-12)


def test_there_are_23_odd_and_26_even_numbers() -> None:
    shape = compute_pose_features(perturbed_face())
    assert (shape.odd.shape, shape.even.shape) == ((23,), (26,))


def test_pose_is_where_the_nose_tip_lies_in_the_square() -> None:
    face = symmetric_face()
    corners = crop_square(face)
    side = corners[1, 0] - corners[0, 0]
    points = face.landmarks.copy()
    points[NOSE_TIP] += [0.1 * side, 0.2 * side]
    before, after = compute_pose_features(face).pose, compute_pose_features(Face(points)).pose
    np.testing.assert_allclose(before[0], 0.0, atol=1e-12)
    np.testing.assert_allclose(after - before, [0.1, 0.2], atol=1e-9)
    np.testing.assert_allclose(
        before[1], (face.landmarks[NOSE_TIP, 1] - corners.mean(axis=0)[1]) / side
    )


def test_turning_either_way_counts_the_same_in_the_squares() -> None:
    face = symmetric_face()
    corners = crop_square(face)
    side = corners[1, 0] - corners[0, 0]
    for direction in (-1.0, 1.0):
        points = face.landmarks.copy()
        points[NOSE_TIP, 0] += direction * 0.1 * side
        assert compute_pose_features(Face(points)).even[24] == pytest.approx(0.01)


def test_a_face_in_one_point_has_no_shape() -> None:
    with pytest.raises(ValueError, match="coincide"):
        compute_pose_features(Face(np.zeros((LANDMARK_COUNT, 2))))
