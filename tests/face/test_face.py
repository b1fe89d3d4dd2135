import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.face.face import (
    CHEEK_LEFT,
    CHEEK_RIGHT,
    FACE_OVAL,
    INNER_LIP_BOTTOM,
    INNER_LIP_TOP,
    IRIS_LEFT,
    LANDMARK_COUNT,
    MIRROR_INDEX,
    MOUTH_CORNER_LEFT,
    MOUTH_CORNER_RIGHT,
    NOSE_TIP,
    Face,
)
from app.face.landmarks import FaceFinder
from app.image.picture import Picture
from tests.synthetic_faces import perturbed_face, symmetric_face, transform_face

seeds = st.integers(0, 10_000)


def test_mirror_is_an_involution_with_28_fixed_points() -> None:
    assert (MIRROR_INDEX[MIRROR_INDEX] == np.arange(LANDMARK_COUNT)).all()
    assert np.count_nonzero(np.arange(LANDMARK_COUNT) == MIRROR_INDEX) == 28
    assert sorted(MIRROR_INDEX.tolist()) == list(range(LANDMARK_COUNT))


def test_mirror_swaps_the_sides_and_keeps_the_middle() -> None:
    assert MIRROR_INDEX[CHEEK_LEFT] == CHEEK_RIGHT
    assert MIRROR_INDEX[MOUTH_CORNER_LEFT] == MOUTH_CORNER_RIGHT
    for midline_point in (NOSE_TIP, INNER_LIP_TOP, INNER_LIP_BOTTOM, FACE_OVAL[0]):
        assert MIRROR_INDEX[midline_point] == midline_point


def test_the_outline_is_mirrored_onto_itself() -> None:
    assert {int(MIRROR_INDEX[i]) for i in FACE_OVAL} == set(FACE_OVAL)
    # It runs clockwise from the forehead: mirrored, it runs the other way round.
    assert [int(MIRROR_INDEX[i]) for i in FACE_OVAL[1:]] == list(reversed(FACE_OVAL[1:]))


def test_mirror_agrees_with_a_mirrored_photograph(
    finder: FaceFinder, faces: Callable[[str], Picture]
) -> None:
    """Found in the mirrored picture, every landmark lies where the mirrored face has it."""
    picture = faces("astronaut_ffhq_frame.jpg")
    flipped = Picture(np.ascontiguousarray(picture.rgb[:, ::-1]), "PNG", "")
    face, flipped_face = finder.find_faces(picture)[0], finder.find_faces(flipped)[0]
    offsets_px = np.linalg.norm(
        face.mirrored(picture.size[0]).landmarks - flipped_face.landmarks, axis=1
    )
    assert np.median(offsets_px) < 0.015 * face.eye_distance_px
    assert offsets_px.max() < 0.08 * face.eye_distance_px


@given(seeds, st.floats(1.0, 5000.0))
def test_mirrored_is_its_own_inverse(seed: int, width: float) -> None:
    face = perturbed_face(seed)
    mirrored_twice = face.mirrored(width).mirrored(width)
    np.testing.assert_allclose(mirrored_twice.landmarks, face.landmarks, atol=1e-9)


@given(seeds)
def test_mirroring_keeps_left_on_the_left(seed: int) -> None:
    mirrored = transform_face(perturbed_face(seed), 50.0, by=(100.0, 100.0)).mirrored(200.0)
    assert mirrored.eyes[0, 0] < mirrored.eyes[1, 0]
    assert mirrored.mouth[0, 0] < mirrored.mouth[1, 0]


@given(seeds, st.floats(0.1, 300.0), st.floats(-40.0, 40.0), st.floats(-900.0, 900.0))
def test_similarities_move_what_they_should_and_nothing_else(
    seed: int, scale: float, turn_deg: float, x: float
) -> None:
    face = perturbed_face(seed)
    other = transform_face(face, scale, turn_deg, (x, -x))
    assert other.eye_distance_px == pytest.approx(scale * face.eye_distance_px, rel=1e-6)
    assert other.roll_deg == pytest.approx(face.roll_deg + turn_deg, abs=1e-6)
    assert other.yaw_deg == pytest.approx(face.yaw_deg, abs=1e-5)
    assert other.mouth_open == pytest.approx(face.mouth_open, abs=1e-6)


@given(seeds)
def test_a_mirrored_face_leans_and_turns_the_other_way(seed: int) -> None:
    face = perturbed_face(seed)
    mirrored = face.mirrored(10.0)
    assert mirrored.roll_deg == pytest.approx(-face.roll_deg, abs=1e-9)
    assert mirrored.yaw_deg == pytest.approx(-face.yaw_deg, abs=1e-6)
    assert mirrored.mouth_open == pytest.approx(face.mouth_open)


def test_the_nose_tells_the_turn() -> None:
    points = symmetric_face().landmarks.copy()
    assert Face(points).yaw_deg == pytest.approx(0.0, abs=1e-9)
    half_width = points[CHEEK_RIGHT, 0]
    points[NOSE_TIP, 0] = half_width * math.sin(math.radians(30.0))
    assert Face(points).yaw_deg == pytest.approx(30.0)
    points[NOSE_TIP, 0] = 3.0 * half_width  # past the cheek: no sine is that large
    assert Face(points).yaw_deg == pytest.approx(90.0)


def test_cheeks_in_one_place_are_a_face_seen_from_the_side() -> None:
    points = symmetric_face().landmarks.copy()
    points[CHEEK_LEFT] = points[CHEEK_RIGHT]
    assert Face(points).yaw_deg == 90.0


def test_the_mouth_opens() -> None:
    points = symmetric_face().landmarks.copy()
    points[INNER_LIP_BOTTOM] = points[INNER_LIP_TOP]
    assert Face(points).mouth_open == 0.0
    points[INNER_LIP_BOTTOM, 1] += 0.4  # half of the mouth's width of 0.8
    assert Face(points).mouth_open == pytest.approx(0.5)
    points[MOUTH_CORNER_LEFT] = points[MOUTH_CORNER_RIGHT]
    assert Face(points).mouth_open == 0.0


@pytest.mark.parametrize("shape", [(468, 2), (478, 3), (478,), (2, 478), (0, 2)])
def test_another_number_of_landmarks_is_no_face(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="478"):
        Face(np.zeros(shape))


@given(st.sampled_from([math.nan, math.inf, -math.inf]), st.integers(0, 477), st.integers(0, 1))
def test_a_landmark_nowhere_is_no_face(value: float, point: int, axis: int) -> None:
    points = symmetric_face().landmarks.copy()
    points[point, axis] = value
    with pytest.raises(ValueError, match="finite"):
        Face(points)


def test_a_face_cannot_be_changed_from_inside_or_outside() -> None:
    points = np.array(symmetric_face().landmarks)
    face = Face(points)
    before = face.landmarks.copy()
    points[:] = 0.0
    np.testing.assert_array_equal(face.landmarks, before)
    for array in (face.landmarks, face.eyes, face.mouth, face.oval):
        with pytest.raises(ValueError, match="read-only"):
            array[0, 0] = 1.0


def test_eyes_are_iris_centres_in_the_viewers_order() -> None:
    face = symmetric_face()
    np.testing.assert_array_equal(face.eyes[0], face.landmarks[IRIS_LEFT])
    assert face.eyes[0, 0] < face.eyes[1, 0]
    assert face.oval.shape == (36, 2)
