import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.calibration.alignment_model import FLOOR_LLR
from app.checks.eye_alignment import (
    CHECK,
    GANED_LEFT,
    GANED_RIGHT,
    MIN_EYE_DISTANCE_PX,
    corner_displacement,
    gan_eye_distance,
    is_near_template,
    measure,
    summarize,
)
from app.evidence import Match, Reading, Reason, Unmeasurable
from app.face.alignment import Alignment, Box, crop_square
from app.face.face import IRIS_LEFT, IRIS_RIGHT, LANDMARK_COUNT, Face
from app.face.portrait import Portrait, clip_points
from tests.synthetic_faces import (
    TEMPLATE_MEAN,
    flat_picture,
    make_portrait,
    perturbed_face,
    place_face,
    symmetric_face,
    transform_face,
)

squares = st.tuples(
    st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.floats(-2.0, 1.0), st.floats(-1.0, 1.0)
)


def read_portrait(portrait: Portrait) -> Reading:
    measurement = measure(portrait)
    assert isinstance(measurement, Reading)
    return measurement


def test_in_its_frame_a_face_reads_zero() -> None:
    assert read_portrait(make_portrait(TEMPLATE_MEAN)).value == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize(
    ("square", "value"),
    [
        ((0.53, 0.46, 0.0, 0.0), 5.0),  # all corners move by (0.03, 0.04)
        ((0.5, 0.5, math.log(1.2), 0.0), 100.0 * 0.2 * math.sqrt(0.5)),  # corners at √½ move by 0.2
        ((0.5, 0.5, 0.0, math.pi / 2), 100.0),  # a quarter turn: every corner to the next
    ],
)
def test_the_value_by_hand(square: tuple[float, float, float, float], value: float) -> None:
    assert read_portrait(make_portrait(square)).value == pytest.approx(value, abs=1e-6)


@given(squares, st.integers(0, 999))
def test_the_value_is_how_far_the_corners_lie_from_the_frames(
    square: tuple[float, float, float, float], seed: int
) -> None:
    portrait = make_portrait(square, face=perturbed_face(seed))
    frame = np.array([[0, 0], [400, 0], [400, 400], [0, 400]], dtype=np.float64)
    distances2 = ((crop_square(portrait.face) - frame) ** 2).sum(axis=1)
    assert read_portrait(portrait).value == pytest.approx(
        math.sqrt(distances2.mean()) / 4.0, abs=1e-6
    )


@given(squares, st.floats(0.5, 4.0))
def test_size_and_mirroring_do_not_matter(
    square: tuple[float, float, float, float], scale: float
) -> None:
    there = make_portrait(square, face=perturbed_face(2))
    side = round(400 * scale)
    larger = Portrait(flat_picture(side, side), transform_face(there.face, side / 400))
    mirrored = Portrait(there.picture, there.face.mirrored(400.0))
    assert read_portrait(larger).value == pytest.approx(read_portrait(there).value, abs=1e-6)
    assert read_portrait(mirrored).value == pytest.approx(read_portrait(there).value, abs=1e-6)


def test_corner_displacement_is_never_negative() -> None:
    assert corner_displacement(Alignment((0.5, 0.5), 1.0, 0.0)) == 0.0
    assert corner_displacement(Alignment((0.5, 0.5), 1e-9, 10.0)) > 0.0


def test_marks_show_what_was_measured() -> None:
    portrait = make_portrait()
    eyes, mouth = read_portrait(portrait).marks
    np.testing.assert_array_equal(eyes.points, portrait.face.eyes)
    np.testing.assert_array_equal(mouth.points, portrait.face.mouth)


def test_what_lies_outside_the_picture_is_marked_at_its_edge() -> None:
    eyes, mouth = read_portrait(make_portrait((1.1, 0.8, 0.0, 0.0))).marks
    assert eyes.points[1, 0] == 400.0
    assert mouth.points[1].tolist() == [400.0, 400.0]


@given(st.lists(st.tuples(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4)), min_size=1, max_size=6))
def test_inside_moves_only_what_lies_outside(points: list[tuple[float, float]]) -> None:
    there = np.array(points)
    here = clip_points(there, (30, 20))
    assert (here >= 0).all()
    assert (here <= [30, 20]).all()
    unmoved = ((there >= 0) & (there <= [30, 20])).all(axis=1)
    np.testing.assert_array_equal(here[unmoved], there[unmoved])


def test_the_sightings_are_the_portraits_own() -> None:
    portrait = make_portrait(repeats=2)
    assert read_portrait(portrait).face_measurements is portrait.face_measurements
    assert len(portrait.face_measurements) == 3


def portrait_with_eyes_apart(distance_px: float) -> Portrait:
    face = symmetric_face()
    return Portrait(
        flat_picture(), transform_face(face, distance_px / face.eye_distance_px, by=(9.0, 9.0))
    )


def test_eyes_too_close_together_cannot_be_placed() -> None:
    assert measure(portrait_with_eyes_apart(MIN_EYE_DISTANCE_PX - 0.01)) == Unmeasurable(
        Reason.TOO_SMALL
    )
    assert isinstance(measure(portrait_with_eyes_apart(MIN_EYE_DISTANCE_PX + 0.01)), Reading)


def test_a_collapsed_face_is_said_to_be_one() -> None:
    """Irises far enough apart, and a mouth that cancels the square's axis."""
    points = np.zeros((LANDMARK_COUNT, 2))
    points[IRIS_LEFT], points[IRIS_RIGHT] = (100.0, 100.0), (200.0, 100.0)
    points[[61, 291]] = (150.0, 0.0)  # above the eyes by their distance
    portrait = Portrait(flat_picture(), Face(points))
    assert measure(portrait) == Unmeasurable(Reason.DEGENERATE)
    assert not is_near_template(portrait)


@pytest.mark.parametrize(
    ("square", "worth_it"),
    [
        (TEMPLATE_MEAN, True),
        ((0.51, 0.49, 0.05, 0.02), True),
        ((0.5, 0.5, math.log(1.3), 0.0), True),
        ((0.54, 0.5, 0.0, 0.0), False),
        ((0.5, 0.45, 0.0, 0.0), False),
        ((0.5, 0.5, math.log(1.5), 0.0), False),
        ((0.5, 0.5, -0.2, 0.0), False),
        ((0.5, 0.5, 0.0, 0.1), False),
    ],
)
def test_only_a_face_near_the_frame_is_measured_again(
    square: tuple[float, float, float, float], worth_it: bool
) -> None:
    assert is_near_template(make_portrait(square)) is worth_it


def test_a_face_near_another_frame_is_measured_again() -> None:
    wide = Portrait(
        flat_picture(600, 400), place_face(TEMPLATE_MEAN, Box(100.0, 0.0, 500.0, 400.0))
    )
    assert is_near_template(wide)


def test_gan_eye_distance_is_the_published_one() -> None:
    points = symmetric_face().landmarks * 400.0
    points[[IRIS_LEFT, IRIS_RIGHT]] = np.array([GANED_LEFT, GANED_RIGHT]) * 400.0
    assert gan_eye_distance(Portrait(flat_picture(), Face(points))) == pytest.approx(0.0, abs=1e-12)
    points[IRIS_LEFT] += [3.0, 4.0]
    expected = (5.0 / 400.0) / (2.0 * math.sqrt(2.0))
    assert gan_eye_distance(Portrait(flat_picture(), Face(points))) == pytest.approx(expected)
    points[[IRIS_LEFT, IRIS_RIGHT]] = 9999.0
    assert gan_eye_distance(Portrait(flat_picture(), Face(points))) == 1.0


def summary_at(llr: float, transform: str = "untouched", template: str = "ffhq") -> str:
    where = Box(0.0, 0.0, 1.0, 1.0)
    match = Match(template, transform, 1.0, where, ((0.4, 0.5), (0.6, 0.5)))  # type: ignore[arg-type]
    return summarize(llr, match)


def test_a_moderator_is_told_where_the_eyes_lie() -> None:
    assert "ordinary photographs" in summary_at(FLOOR_LLR)
    assert "ordinary photographs" in summary_at(FLOOR_LLR + 0.3)
    assert "ordinary photographs" in summarize(3.0, None)
    assert "found there too" in summary_at(0.0)
    assert "FFHQ" in summary_at(2.5)
    assert "studio portraits" in summary_at(2.5, template="studio")
    assert "zoomed" in summary_at(2.5, "zoomed")
    assert "borders" in summary_at(2.5, "trimmed")
    sentences = {
        summary_at(-2.0),
        summary_at(0.0),
        *(summary_at(2.0, t) for t in ("untouched", "zoomed", "trimmed")),
    }
    assert len(sentences) == 5


def test_the_check_is_named_after_its_module() -> None:
    assert measure.__module__ == f"app.checks.{CHECK.name}"
    assert CHECK.measure is measure
