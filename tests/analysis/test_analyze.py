from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.analysis import analyze as analysis
from app.analysis.analyze import Hearing, analyze, hear, outcome_of, portray, ranking
from app.calibration.calibration import Calibration
from app.calibration.fusion import bent
from app.calibration.scale import Weighed
from app.checks import CHECKS
from app.checks.eye_alignment import CHECK as EYE_ALIGNMENT
from app.checks.stamp import CHECK as STAMP
from app.checks.texture import CHECK as TEXTURE
from app.evidence import Analysis, Evidence, Outcome, Reading, Reason, Unmeasurable, Verdict
from app.face.alignment import Box
from app.face.face import CHEEK_LEFT, CHEEK_RIGHT, LANDMARK_COUNT, NOSE_TIP, Face
from app.face.landmarks import FaceFinder
from app.face.portrait import Network
from app.image.picture import Picture
from app.networks.onnx import Networks
from tests.sitters import (
    TEMPLATE_MEAN,
    Blind,
    Steady,
    entry,
    eyes_alone,
    flat_picture,
    lively_face,
    measures_entry,
    moved,
    placed,
    portrait_at,
    small_calibration,
    stamp_entry,
    symmetric_face,
)

SMALL = small_calibration()
"""Knows the eyes alone: nothing may look at a pixel."""
LOOKING = small_calibration(
    (EYE_ALIGNMENT, TEXTURE),
    checks={
        EYE_ALIGNMENT.name: entry(),
        TEXTURE.name: measures_entry(("witness", "spread", "ln_side"), version=TEXTURE.version),
    },
    fusion=eyes_alone(aligned_share=0.02, weights={TEXTURE.name: 1.0}),
)
"""Knows the eyes, and the face as a network sees it."""
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
    return analyze(picture or flat_picture(), finder_of(*faces), Blind(), SMALL)


def looked_at(network: Network, *faces: Face) -> Analysis:
    return analyze(flat_picture(), finder_of(*faces), network, LOOKING)


def eyes_of(said: Analysis) -> Evidence:
    """What the eyes said of the face that answers."""
    return next(e for e in said.evidence if e.check is EYE_ALIGNMENT)


def confetti() -> Picture:
    """Many colours and no face."""
    rgb = np.random.default_rng(5).integers(0, 256, (60, 60, 3), dtype=np.uint8)
    return Picture(rgb, "PNG", "ef" * 32)


# What becomes of a picture


def test_a_face_in_the_frame_is_scored() -> None:
    said = said_of(IN_FRAME)
    assert (said.outcome, said.verdict) == (Outcome.SCORED, Verdict.LIKELY_GENERATED)
    assert eyes_of(said).llr == 3.0
    assert said.llr == bent(3.0, SMALL.bounds)
    assert said.llr_interval[0] <= said.llr <= said.llr_interval[1]
    assert said.alignment is not None
    assert said.alignment.vector() == pytest.approx(TEMPLATE_MEAN, abs=1e-9)
    assert said.match is not None
    assert said.match.transform == "untouched"
    assert [e.check for e in said.evidence] == [EYE_ALIGNMENT]
    assert said.warnings == ()


def test_a_face_elsewhere_is_scored_against_a_generator() -> None:
    said = said_of(ELSEWHERE)
    assert (said.outcome, said.verdict) == (Outcome.SCORED, Verdict.UNLIKELY_GENERATED)
    assert said.llr < -0.9


def test_pixels_are_looked_at_and_weighed_beside_the_eyes() -> None:
    said = looked_at(Steady(1.5), IN_FRAME)
    eyes, texture = said.evidence
    assert (eyes.check, texture.check) == (EYE_ALIGNMENT, TEXTURE)
    assert isinstance(texture.measured, Reading)
    assert texture.measured.value == pytest.approx(1.5)
    assert texture.llr == pytest.approx(1.5 / np.log(10.0))
    assert said.llr == LOOKING.fusion({e.check.name: w for e, w in weighed(said)}, (-3.0, 3.0))[0]
    assert said.alignment is not None
    assert said.match == eyes.match


def weighed(said: Analysis) -> list[tuple[Evidence, Weighed]]:
    return [LOOKING.weigh(e.check, e.measured) for e in said.evidence]


def test_pixels_can_clear_a_face_in_the_frame_and_raise_one_elsewhere() -> None:
    """Eyes in the frame weigh no more than one over the share that sits there by chance."""
    made, taken = looked_at(Steady(4.0), IN_FRAME), looked_at(Steady(-4.6), IN_FRAME)
    assert made.verdict is Verdict.LIKELY_GENERATED
    assert taken.verdict is not Verdict.LIKELY_GENERATED
    assert taken.llr < 0.0 < eyes_of(taken).llr
    assert looked_at(Steady(4.0), ELSEWHERE).llr > looked_at(Steady(-4.0), ELSEWHERE).llr + 1.0


def test_a_face_that_only_pixels_can_speak_of_is_scored_by_them() -> None:
    calibration = small_calibration(
        (TEXTURE,),
        checks={
            TEXTURE.name: measures_entry(("witness", "spread", "ln_side"), version=TEXTURE.version)
        },
        fusion=eyes_alone(weights={TEXTURE.name: 1.0}),
    )
    said = analyze(flat_picture(), finder_of(IN_FRAME), Steady(-4.0), calibration)
    assert (said.outcome, said.verdict) == (Outcome.SCORED, Verdict.UNLIKELY_GENERATED)
    assert (said.alignment, said.match) == (None, None)


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


READING = small_calibration(
    (EYE_ALIGNMENT, STAMP),
    checks={EYE_ALIGNMENT.name: entry(), STAMP.name: stamp_entry(version=STAMP.version)},
)
"""Knows the eyes and the stamp, which is looked for in the picture, whatever its faces are like."""


@pytest.mark.parametrize("face", [TINY, COLLAPSED], ids=["tiny", "collapsed"])
def test_a_corner_without_a_stamp_measures_no_face(face: Face) -> None:
    said = analyze(flat_picture(), finder_of(face), Blind(), READING)
    assert isinstance(said.evidence[1].measured, Reading)
    assert said.outcome is Outcome.TOO_SMALL
    assert unscored(said)


def test_a_corner_without_a_stamp_lets_no_face_hide_another() -> None:
    said = analyze(flat_picture(), finder_of(TINY, ELSEWHERE), Blind(), READING)
    assert said.face is ELSEWHERE
    assert said.verdict is Verdict.UNLIKELY_GENERATED


def heard(llr: float, *, measured: bool = True) -> Hearing:
    found = Reading(1.0) if measured else Unmeasurable(Reason.TOO_SMALL)
    return Hearing((Evidence(EYE_ALIGNMENT, found, llr, ""),), llr, (llr, llr), None)


@given(st.lists(st.builds(heard, st.floats(-3, 3), measured=st.booleans()), max_size=6))
def test_ranking_orders_every_face_once(hearings: list[Hearing]) -> None:
    order = ranking(hearings)
    assert sorted(order) == list(range(len(hearings)))
    keys = [(hearings[i].measured, hearings[i].llr) for i in order]
    assert keys == sorted(keys, reverse=True)


def test_of_reasons_too_small_is_the_one_that_is_told() -> None:
    small, odd = (
        Evidence(EYE_ALIGNMENT, Unmeasurable(reason), 0.0, "")
        for reason in (Reason.TOO_SMALL, Reason.DEGENERATE)
    )
    assert outcome_of(Hearing((odd, small), 0.0, (0.0, 0.0), None)) is Outcome.TOO_SMALL
    assert outcome_of(Hearing((odd,), 0.0, (0.0, 0.0), None)) is Outcome.NO_FACE
    assert outcome_of(heard(0.0)) is Outcome.SCORED


# The steps


def test_only_a_face_near_the_frame_is_looked_at_twice() -> None:
    told = Told(IN_FRAME, ELSEWHERE)
    network = Blind()
    portraits = portray(flat_picture(), cast("FaceFinder", told), network)
    assert told.asked == [IN_FRAME]
    assert [len(p.repeats) for p in portraits] == [1, 0]
    assert [p.face_count for p in portraits] == [2, 2]
    assert [p.face for p in portraits] == [IN_FRAME, ELSEWHERE]
    assert all(p.network is network for p in portraits)


def test_what_cannot_be_measured_weighs_nothing() -> None:
    nothing = Unmeasurable(Reason.TOO_SMALL)
    calibration = replace(LOOKING, fusion=replace(LOOKING.fusion, offset=1.5))
    hearing = hear(((EYE_ALIGNMENT, nothing), (TEXTURE, nothing)), calibration)
    assert (hearing.llr, hearing.interval, hearing.measured) == (0.0, (0.0, 0.0), False)
    assert [e.llr for e in hearing.evidence] == [0.0, 0.0]


def test_what_cannot_be_measured_takes_nothing_from_what_can() -> None:
    sightings = portrait_at().sightings
    eyes = (EYE_ALIGNMENT, Reading(1.0, (), sightings))
    beside = hear((eyes, (TEXTURE, Unmeasurable(Reason.OUT_OF_PICTURE))), LOOKING)
    alone = hear((eyes,), LOOKING)
    assert (beside.llr, beside.interval) == (alone.llr, alone.interval)
    assert beside.square == alone.square
    assert beside.measured


def test_a_testimony_has_every_check_in_order() -> None:
    for network in (None, Steady()):
        testimony = analysis.testify(portrait_at(network=network))
        assert [check for check, _ in testimony] == list(CHECKS)
    assert analysis.testify(portrait_at(), ()) == ()
    assert [c for c, _ in analysis.testify(portrait_at(), (TEXTURE,))] == [TEXTURE]


def test_only_the_checks_of_the_calibration_are_asked() -> None:
    """One that it does not know could not be weighed."""
    assert [e.check for e in said_of(IN_FRAME).evidence] == list(SMALL.checks)
    assert [e.check for e in looked_at(Steady(), IN_FRAME).evidence] == list(LOOKING.checks)


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

    analyze(flat_picture(), finder_of(IN_FRAME), Blind(), SMALL, step)
    assert stages == ["landmarks begins", "landmarks ends", "checks begins", "checks ends"]


# The whole line, with the real finder and what ships


FRAMED = (
    "astronaut_ffhq_frame.jpg",
    "astronaut_ffhq_mirrored.jpg",
    "astronaut_ffhq_gray.jpg",
    "astronaut_ffhq_circle.png",
    "astronaut_ffhq_two_faces.jpg",
)


class Line:
    """Everything that ships, from the picture on."""

    def __init__(self, finder: FaceFinder, networks: Networks, shipped: Calibration) -> None:
        self.finder, self.networks, self.shipped = finder, networks, shipped

    def __call__(self, picture: Picture) -> Analysis:
        return analyze(picture, self.finder, self.networks, self.shipped)


@pytest.fixture(scope="module")
def line(finder: FaceFinder, networks: Networks, shipped: Calibration) -> Line:
    return Line(finder, networks, shipped)


def test_every_check_that_there_is_speaks(line: Line, faces: Fixture) -> None:
    assert [e.check for e in line(faces(FRAMED[0])).evidence] == list(CHECKS)


def test_the_frame_is_recognised_however_it_was_changed(line: Line, faces: Fixture) -> None:
    """A real photograph cut into the frame of a generator: by its eyes alone it looks like one."""
    for name in FRAMED:
        said = line(faces(name))
        assert said.outcome is Outcome.SCORED
        assert eyes_of(said).llr > 1.0, name
        assert said.match is not None
        assert said.match.transform == "untouched"
        assert said.match.distance < 5.0
    for name in ("astronaut_ffhq_zoom110.jpg", "astronaut_ffhq_border.png"):
        assert eyes_of(line(faces(name))).llr > 0.0, name


@pytest.mark.parametrize("name", FRAMED)
def test_a_photograph_is_not_accused_because_it_sits_in_the_frame(
    line: Line, faces: Fixture, name: str
) -> None:
    """What it was all for: the pixels of a real person speak against where the eyes lie."""
    said = line(faces(name))
    assert said.llr < eyes_of(said).llr - 1.0
    if "gray" not in name:  # without colour less of a photograph is left, and it stands on the edge
        assert said.verdict is not Verdict.LIKELY_GENERATED


@pytest.mark.parametrize(
    ("name", "transform", "width"),
    [
        ("astronaut_ffhq_zoom110.jpg", "zoomed", 440.0),
        ("astronaut_ffhq_border.png", "trimmed", 256.0),
    ],
)
def test_what_was_done_to_the_frame_is_told(
    line: Line, faces: Fixture, name: str, transform: str, width: float
) -> None:
    match = line(faces(name)).match
    assert match is not None
    assert match.transform == transform
    assert match.frame.width == pytest.approx(width, rel=0.03)


@pytest.mark.parametrize("name", ["astronaut.jpg", "camera.jpg", "cartoon.png"])
def test_a_face_where_people_have_theirs_is_not_a_generators(
    line: Line, faces: Fixture, name: str
) -> None:
    said = line(faces(name))
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
    line: Line, faces: Fixture, name: str, outcome: Outcome
) -> None:
    said = line(faces(name))
    assert said.outcome is outcome
    assert unscored(said)


def test_the_same_picture_is_judged_the_same_twice(line: Line, faces: Fixture) -> None:
    first, second = (line(faces("astronaut_ffhq_frame.jpg")) for _ in range(2))
    assert first.llr == second.llr
    assert first.llr_interval == second.llr_interval
    assert first.match == second.match
    assert [e.llr for e in first.evidence] == [e.llr for e in second.evidence]


@pytest.mark.parametrize("name", FRAMED)
def test_mirrored_pictures_are_judged_alike(line: Line, faces: Fixture, name: str) -> None:
    picture = faces(name)
    mirrored = Picture(np.ascontiguousarray(picture.rgb[:, ::-1]), picture.format, picture.sha256)
    here, there = line(picture), line(mirrored)
    assert here.outcome == there.outcome
    assert here.llr == pytest.approx(there.llr, abs=1.0)


def test_unusual_faces_do_not_break_the_line() -> None:
    for seed in range(20):
        face = moved(lively_face(seed, 1.0), 90.0, 17.0 * seed, by=(200.0, 180.0))
        said = said_of(face)
        assert -3.0 <= said.llr_interval[0] <= said.llr <= said.llr_interval[1] <= 3.0
