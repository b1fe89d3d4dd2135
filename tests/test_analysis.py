from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import analysis
from app.alignment import Box
from app.analysis import Hearing, analyze, hear, outcome_of, portray, ranking
from app.calibration import Calibration
from app.checks import CHECKS
from app.evidence import Analysis, Evidence, Outcome, Reading, Reason, Unmeasurable, Verdict
from app.face import CHEEK_LEFT, CHEEK_RIGHT, LANDMARK_COUNT, NOSE_TIP, Face
from app.landmarks import FaceFinder
from app.picture import Picture
from tests.sitters import (
    TEMPLATE_MEAN,
    flat_picture,
    lively_face,
    moved,
    placed,
    portrait_at,
    small_calibration,
    symmetric_face,
)

SMALL = small_calibration()
FRAME = Box(0.0, 0.0, 400.0, 400.0)
IN_FRAME = placed(TEMPLATE_MEAN, FRAME)
ELSEWHERE = placed((0.42, 0.4, -0.6, 0.05), FRAME)
TINY = moved(symmetric_face(), 3.0, by=(50.0, 50.0))
COLLAPSED = Face(np.full((LANDMARK_COUNT, 2), 90.0))
Fixture = Callable[[str], Picture]


class Told:
    """Stands in for a finder: sees the faces that it was told of, and counts its second looks."""

    def __init__(self, *faces: Face) -> None:
        self.faces = faces
        self.asked: list[Face] = []

    def find_faces(self, _picture: Picture) -> tuple[Face, ...]:
        return self.faces

    def repeats(self, _picture: Picture, face: Face) -> tuple[Face, ...]:
        self.asked.append(face)
        return (face,)


def finder_of(*faces: Face) -> FaceFinder:
    return cast("FaceFinder", Told(*faces))


def said_of(*faces: Face, picture: Picture | None = None) -> Analysis:
    return analyze(picture or flat_picture(), finder_of(*faces), SMALL)


def confetti() -> Picture:
    """Many colours and no face."""
    rgb = np.random.default_rng(5).integers(0, 256, (60, 60, 3), dtype=np.uint8)
    return Picture(rgb, "PNG", "ef" * 32)


# What becomes of a picture


def test_a_face_in_the_frame_is_scored() -> None:
    said = said_of(IN_FRAME)
    assert (said.outcome, said.verdict) == (Outcome.SCORED, Verdict.LIKELY_GENERATED)
    assert said.llr == 3.0
    assert said.llr_interval[0] <= said.llr <= said.llr_interval[1]
    assert said.alignment is not None
    assert said.alignment.vector() == pytest.approx(TEMPLATE_MEAN, abs=1e-9)
    assert said.match is not None
    assert said.match.transform == "untouched"
    assert [e.check for e in said.evidence] == list(CHECKS)
    assert said.warnings == ()


def test_a_face_elsewhere_is_scored_against_a_generator() -> None:
    said = said_of(ELSEWHERE)
    assert (said.outcome, said.verdict) == (Outcome.SCORED, Verdict.UNLIKELY_GENERATED)
    assert said.llr < -1.0


def unscored(said: Analysis) -> bool:
    """Says nothing about a generator, in any of its fields."""
    return (
        said.llr == 0.0
        and said.llr_interval == (0.0, 0.0)
        and said.verdict is Verdict.NOT_APPLICABLE
        and said.alignment is None
        and said.match is None
        and said.likelihood(0.3) == pytest.approx(0.3)
    )


def test_no_face_is_an_outcome() -> None:
    said = said_of(picture=confetti())
    assert said.outcome is Outcome.NO_FACE
    assert unscored(said)
    assert (said.faces, said.evidence, said.warnings) == ((), (), ())


def test_no_face_on_few_colours_is_no_photograph() -> None:
    said = said_of(picture=flat_picture())
    assert said.outcome is Outcome.NOT_A_PHOTO
    assert unscored(said)


def test_a_face_too_small_to_place_is_an_outcome() -> None:
    said = said_of(TINY)
    assert said.outcome is Outcome.TOO_SMALL
    assert unscored(said)
    assert said.faces == (TINY,)
    assert said.evidence[0].measured == Unmeasurable(Reason.TOO_SMALL)


def test_a_face_too_odd_to_place_is_no_face() -> None:
    points = COLLAPSED.landmarks.copy()
    points[[468, 473]] = [(100.0, 100.0), (200.0, 100.0)]
    points[[61, 291]] = (150.0, 0.0)
    said = said_of(Face(points))
    assert said.evidence[0].measured == Unmeasurable(Reason.DEGENERATE)
    assert said.outcome is Outcome.NO_FACE
    assert unscored(said)


def test_what_was_read_from_the_file_is_passed_on() -> None:
    picture = replace(confetti(), animated=True)
    said = said_of(IN_FRAME, picture=picture)
    assert (said.sha256, said.format, said.size) == (picture.sha256, "PNG", (60, 60))
    assert said.perceptual_hash == picture.perceptual_hash
    assert said.calibration_id == SMALL.id
    assert said.animated
    assert said.warnings == ("animated",)


# Several faces


@given(st.permutations([IN_FRAME, ELSEWHERE, TINY, COLLAPSED]))
def test_the_strongest_answers_whatever_the_order(faces: Sequence[Face]) -> None:
    said = said_of(*faces)
    assert said.face is IN_FRAME
    assert said.llr == said_of(IN_FRAME).llr
    assert said.alignment == said_of(IN_FRAME).alignment
    assert set(map(id, said.faces)) == set(map(id, faces))
    assert said.warnings == ("several_faces",)


places = st.tuples(
    st.floats(0.2, 0.8), st.floats(0.2, 0.8), st.floats(-1.5, 0.3), st.floats(-0.3, 0.3)
)


@given(places, places)
def test_a_second_face_never_lowers_the_score(
    one: tuple[float, float, float, float], other: tuple[float, float, float, float]
) -> None:
    first, second = placed(one, FRAME), placed(other, FRAME)
    both = said_of(first, second).llr
    assert both == max(said_of(first).llr, said_of(second).llr)


def test_a_face_that_cannot_be_measured_hides_none_that_can() -> None:
    said = said_of(TINY, ELSEWHERE)
    assert said.outcome is Outcome.SCORED
    assert said.face is ELSEWHERE
    assert said.llr < 0.0


def heard(llr: float, *, measured: bool = True) -> Hearing:
    found = Reading(1.0) if measured else Unmeasurable(Reason.TOO_SMALL)
    return Hearing((Evidence(CHECKS[0], found, llr, ""),), llr, (llr, llr), None)


@given(st.lists(st.builds(heard, st.floats(-3, 3), measured=st.booleans()), max_size=6))
def test_ranking_orders_every_face_once(hearings: list[Hearing]) -> None:
    order = ranking(hearings)
    assert sorted(order) == list(range(len(hearings)))
    keys = [(hearings[i].measured, hearings[i].llr) for i in order]
    assert keys == sorted(keys, reverse=True)


def test_of_reasons_too_small_is_the_one_that_is_told() -> None:
    small, odd = (
        Evidence(CHECKS[0], Unmeasurable(reason), 0.0, "")
        for reason in (Reason.TOO_SMALL, Reason.DEGENERATE)
    )
    assert outcome_of(Hearing((odd, small), 0.0, (0.0, 0.0), None)) is Outcome.TOO_SMALL
    assert outcome_of(Hearing((odd,), 0.0, (0.0, 0.0), None)) is Outcome.NO_FACE
    assert outcome_of(heard(0.0)) is Outcome.SCORED


# The steps


def test_only_a_face_near_the_frame_is_looked_at_twice() -> None:
    told = Told(IN_FRAME, ELSEWHERE)
    portraits = portray(flat_picture(), cast("FaceFinder", told))
    assert told.asked == [IN_FRAME]
    assert [len(p.repeats) for p in portraits] == [1, 0]
    assert [p.face_count for p in portraits] == [2, 2]


def test_what_cannot_be_measured_weighs_nothing() -> None:
    testimony = ((CHECKS[0], Unmeasurable(Reason.TOO_SMALL)),)
    hearing = hear(testimony, small_calibration(offset=1.5))
    assert (hearing.llr, hearing.interval, hearing.measured) == (0.0, (0.0, 0.0), False)


def test_a_testimony_has_every_check_in_order() -> None:
    testimony = analysis.testify(portrait_at())
    assert [check for check, _ in testimony] == list(CHECKS)
    assert analysis.testify(portrait_at(), ()) == ()


def test_a_turned_head_is_warned_of() -> None:
    points = IN_FRAME.landmarks.copy()
    width = points[CHEEK_RIGHT] - points[CHEEK_LEFT]
    points[NOSE_TIP] = points[CHEEK_LEFT] + 0.95 * width
    assert said_of(Face(points)).warnings == ("turned_away",)


def test_both_stages_are_entered_once_and_in_order() -> None:
    stages = []

    @contextmanager
    def step(stage: str) -> Iterator[None]:
        stages.append(f"{stage} begins")
        yield
        stages.append(f"{stage} ends")

    analyze(flat_picture(), finder_of(IN_FRAME), SMALL, step)
    assert stages == ["landmarks begins", "landmarks ends", "checks begins", "checks ends"]


# The whole line, with the real finder and what ships


FRAMED = (
    "astronaut_ffhq_frame.jpg",
    "astronaut_ffhq_mirrored.jpg",
    "astronaut_ffhq_gray.jpg",
    "astronaut_ffhq_circle.png",
    "astronaut_ffhq_two_faces.jpg",
)


def test_the_frame_is_recognised_however_it_was_changed(
    finder: FaceFinder, faces: Fixture, shipped: Calibration
) -> None:
    """A real photograph cut into the frame of a generator: by its eyes alone it looks like one."""
    for name in FRAMED:
        said = analyze(faces(name), finder, shipped)
        assert said.llr > 1.0, name
        assert said.verdict is not Verdict.UNLIKELY_GENERATED
        assert said.match is not None
        assert said.match.transform == "untouched"
        assert said.match.distance < 5.0
    for name in ("astronaut_ffhq_zoom110.jpg", "astronaut_ffhq_border.png"):
        assert analyze(faces(name), finder, shipped).llr > 0.0, name


@pytest.mark.parametrize(
    ("name", "transform", "width"),
    [
        ("astronaut_ffhq_zoom110.jpg", "zoomed", 440.0),
        ("astronaut_ffhq_border.png", "trimmed", 256.0),
    ],
)
def test_what_was_done_to_the_frame_is_told(
    finder: FaceFinder,
    faces: Fixture,
    shipped: Calibration,
    name: str,
    transform: str,
    width: float,
) -> None:
    match = analyze(faces(name), finder, shipped).match
    assert match is not None
    assert match.transform == transform
    assert match.frame.width == pytest.approx(width, rel=0.03)


@pytest.mark.parametrize("name", ["astronaut.jpg", "camera.jpg", "cartoon.png"])
def test_a_face_where_people_have_theirs_is_not_a_generators(
    finder: FaceFinder, faces: Fixture, shipped: Calibration, name: str
) -> None:
    said = analyze(faces(name), finder, shipped)
    assert said.outcome is Outcome.SCORED
    assert said.verdict is Verdict.UNLIKELY_GENERATED
    assert said.llr < 0.0


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("blank.png", Outcome.NOT_A_PHOTO),
        ("coffee.jpg", Outcome.NO_FACE),
        ("chelsea.jpg", Outcome.NO_FACE),
        ("noise.png", Outcome.NO_FACE),
    ],
)
def test_a_picture_without_a_face_is_not_judged(
    finder: FaceFinder, faces: Fixture, shipped: Calibration, name: str, outcome: Outcome
) -> None:
    said = analyze(faces(name), finder, shipped)
    assert said.outcome is outcome
    assert unscored(said)


def test_the_same_picture_is_judged_the_same_twice(
    finder: FaceFinder, faces: Fixture, shipped: Calibration
) -> None:
    first, second = (analyze(faces("astronaut_ffhq_frame.jpg"), finder, shipped) for _ in range(2))
    assert first.llr == second.llr
    assert first.llr_interval == second.llr_interval
    assert first.match == second.match


@pytest.mark.parametrize("name", FRAMED)
def test_mirrored_pictures_are_judged_alike(
    finder: FaceFinder, faces: Fixture, shipped: Calibration, name: str
) -> None:
    picture = faces(name)
    mirrored = Picture(np.ascontiguousarray(picture.rgb[:, ::-1]), picture.format, picture.sha256)
    here, there = (analyze(p, finder, shipped) for p in (picture, mirrored))
    assert here.outcome == there.outcome
    assert here.llr == pytest.approx(there.llr, abs=1.0)


def test_unusual_faces_do_not_break_the_line() -> None:
    for seed in range(20):
        face = moved(lively_face(seed, 1.0), 90.0, 17.0 * seed, by=(200.0, 180.0))
        said = said_of(face)
        assert -3.0 <= said.llr_interval[0] <= said.llr <= said.llr_interval[1] <= 3.0
