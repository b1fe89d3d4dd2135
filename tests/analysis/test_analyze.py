from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import cast

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.analysis.analyze import analyze, build_portraits, outcome_with_face
from app.analysis.face_result import FaceResult, order_faces
from app.calibration.calibration import Calibration
from app.calibration.fusion import soft_clip
from app.calibration.scale import LlrEstimate
from app.checks import CHECKS
from app.checks.eye_alignment import CHECK as EYE_ALIGNMENT
from app.checks.stamp import CHECK as STAMP
from app.checks.texture import CHECK as TEXTURE
from app.evidence import (
    NO_RATIOS,
    Analysis,
    Evidence,
    Outcome,
    Reading,
    Reason,
    Unmeasurable,
    Verdict,
)
from app.face.alignment import Box
from app.face.face import CHEEK_LEFT, CHEEK_RIGHT, LANDMARK_COUNT, NOSE_TIP, Face
from app.face.landmarks import FaceFinder
from app.face.mesh_fit import MeshFit, default_mesh_fit
from app.face.portrait import PixelNetwork
from app.face.turn_mosaic import TurnScores
from app.image.picture import Picture
from app.networks.onnx import OnnxNetworks
from tests.likelihood_ratios import make_ratios
from tests.synthetic_faces import (
    TEMPLATE_MEAN,
    ConstantNetwork,
    ForbiddenNetwork,
    flat_picture,
    make_alignment_entry,
    make_eyes_only_fusion,
    make_logistic_entry,
    make_stamp_entry,
    perturbed_face,
    place_face,
    small_calibration,
    symmetric_face,
    transform_face,
)

EYES_ONLY = small_calibration()
"""Knows the eyes alone: nothing may look at a pixel."""
EYES_AND_TEXTURE = small_calibration(
    (EYE_ALIGNMENT, TEXTURE),
    checks={
        EYE_ALIGNMENT.name: make_alignment_entry(),
        TEXTURE.name: make_logistic_entry(
            ("witness", "spread", "ln_side"), version=TEXTURE.version
        ),
    },
    fusion=make_eyes_only_fusion(framed_share=0.02, weights={TEXTURE.name: 1.0}),
)
"""Knows the eyes, and the face as a network sees it."""
FRAME = Box(0.0, 0.0, 400.0, 400.0)
IN_FRAME = place_face(TEMPLATE_MEAN, FRAME)
ELSEWHERE = place_face((0.42, 0.4, -0.6, 0.05), FRAME)
TINY = transform_face(symmetric_face(), 3.0, by=(50.0, 50.0))
COLLAPSED = Face(np.full((LANDMARK_COUNT, 2), 90.0))
LoadFixture = Callable[[str], Picture]


class StandingMeshFit(MeshFit):
    """Every mesh fits: flat pictures show nothing that one could stand on."""

    def __init__(self) -> None:
        self.entry = default_mesh_fit().entry

    def __call__(self, picture: Picture, face: Face) -> float:
        return self.entry.certain


@pytest.fixture(autouse=True)
def every_mesh_fits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.analysis.analyze.default_mesh_fit", StandingMeshFit)


class StubFinder:
    """Finds the given faces in every picture, and records which are measured again."""

    def __init__(self, *faces: Face) -> None:
        self.faces = faces
        self.remeasured: list[Face] = []

    def detect(self, _picture: Picture) -> tuple[Face, ...]:
        return self.faces

    def detect_hidden(self, _picture: Picture) -> tuple[Face, ...]:
        return self.faces

    def score_turns(self, _picture: Picture) -> TurnScores:
        return (1.0, 0.0, 0.0, 0.0)

    def remeasure(self, _picture: Picture, face: Face) -> tuple[Face, ...]:
        self.remeasured.append(face)
        return (face,)


def make_finder(*faces: Face) -> FaceFinder:
    return cast("FaceFinder", StubFinder(*faces))


def analyze_faces(*faces: Face, picture: Picture | None = None) -> Analysis:
    return analyze(picture or flat_picture(), make_finder(*faces), ForbiddenNetwork(), EYES_ONLY)


def analyze_with_texture(network: PixelNetwork, *faces: Face) -> Analysis:
    return analyze(flat_picture(), make_finder(*faces), network, EYES_AND_TEXTURE)


def eye_evidence(result: Analysis) -> Evidence:
    """What the eyes said of the face that answers."""
    return next(e for e in result.evidence if e.check is EYE_ALIGNMENT)


def noise_picture() -> Picture:
    """Many colours and no face."""
    rgb = np.random.default_rng(5).integers(0, 256, (60, 60, 3), dtype=np.uint8)
    return Picture(rgb, "PNG", "ef" * 32)


# What becomes of a picture


def test_a_face_in_the_frame_is_scored() -> None:
    result = analyze_faces(IN_FRAME)
    assert (result.outcome, result.verdict) == (Outcome.SCORED, Verdict.LIKELY_STYLEGAN)
    assert eye_evidence(result).llr == 3.0
    assert result.llr == soft_clip(3.0, EYES_ONLY.bounds)
    assert result.llr_interval[0] <= result.llr <= result.llr_interval[1]
    assert result.alignment is not None
    assert result.alignment.vector() == pytest.approx(TEMPLATE_MEAN, abs=1e-9)
    assert result.match is not None
    assert result.match.transform == "untouched"
    assert [e.check for e in result.evidence] == [EYE_ALIGNMENT]
    assert result.warnings == ("geometry_only",)


def test_a_face_elsewhere_is_scored_against_a_generator() -> None:
    result = analyze_faces(ELSEWHERE)
    assert (result.outcome, result.verdict) == (Outcome.SCORED, Verdict.UNLIKELY_STYLEGAN)
    assert result.llr < -0.9


def test_pixels_are_looked_at_and_weighed_beside_the_eyes() -> None:
    result = analyze_with_texture(ConstantNetwork(1.5), IN_FRAME)
    eyes, texture = result.evidence
    assert (eyes.check, texture.check) == (EYE_ALIGNMENT, TEXTURE)
    assert isinstance(texture.measurement, Reading)
    assert texture.measurement.value == pytest.approx(1.5)
    assert texture.llr == pytest.approx(1.5 / np.log(10.0))
    assert (
        result.llr
        == EYES_AND_TEXTURE.fusion(
            {e.check.name: w for e, w in weigh_again(result)}, (-3.0, 3.0)
        ).total.llr
    )
    assert result.alignment is not None
    assert result.match == eyes.match


def weigh_again(result: Analysis) -> list[tuple[Evidence, LlrEstimate]]:
    return [EYES_AND_TEXTURE.weigh(e.check, e.measurement) for e in result.evidence]


def test_pixels_can_clear_a_face_in_the_frame_and_raise_one_elsewhere() -> None:
    """Eyes in the frame weigh no more than one over the share that sits there by chance."""
    generated, photographed = (
        analyze_with_texture(ConstantNetwork(4.0), IN_FRAME),
        analyze_with_texture(ConstantNetwork(-4.6), IN_FRAME),
    )
    assert generated.verdict is Verdict.LIKELY_STYLEGAN
    assert photographed.verdict is not Verdict.LIKELY_STYLEGAN
    assert photographed.llr < 0.0 < eye_evidence(photographed).llr
    assert (
        analyze_with_texture(ConstantNetwork(4.0), ELSEWHERE).llr
        > analyze_with_texture(ConstantNetwork(-4.0), ELSEWHERE).llr + 1.0
    )


def test_a_face_that_only_pixels_can_speak_of_is_scored_by_them() -> None:
    calibration = small_calibration(
        (TEXTURE,),
        checks={
            TEXTURE.name: make_logistic_entry(
                ("witness", "spread", "ln_side"), version=TEXTURE.version
            )
        },
        fusion=make_eyes_only_fusion(weights={TEXTURE.name: 1.0}),
    )
    result = analyze(flat_picture(), make_finder(IN_FRAME), ConstantNetwork(-4.0), calibration)
    assert (result.outcome, result.verdict) == (Outcome.SCORED, Verdict.UNLIKELY_STYLEGAN)
    assert (result.alignment, result.match) == (None, None)


def is_unscored(result: Analysis) -> bool:
    """Says nothing about a generator, in any of its fields."""
    return (
        result.llr == 0.0
        and result.llr_interval == (0.0, 0.0)
        and result.verdict is Verdict.NOT_APPLICABLE
        and result.alignment is None
        and result.match is None
        and result.posterior(0.3) == pytest.approx(0.3)
    )


def test_no_face_is_an_outcome() -> None:
    result = analyze_faces(picture=noise_picture())
    assert result.outcome is Outcome.NO_FACE
    assert is_unscored(result)
    assert (result.faces, result.evidence, result.warnings) == ((), (), ())


def test_no_face_on_few_colours_is_no_photograph() -> None:
    result = analyze_faces(picture=flat_picture())
    assert result.outcome is Outcome.NOT_A_PHOTO
    assert is_unscored(result)


def test_a_face_too_small_to_place_is_an_outcome() -> None:
    result = analyze_faces(TINY)
    assert result.outcome is Outcome.TOO_SMALL
    assert is_unscored(result)
    assert result.faces == (TINY,)
    assert result.evidence[0].measurement == Unmeasurable(Reason.TOO_SMALL)


def test_a_face_too_odd_to_place_is_no_face() -> None:
    points = COLLAPSED.landmarks.copy()
    points[[468, 473]] = [(100.0, 100.0), (200.0, 100.0)]
    points[[61, 291]] = (150.0, 0.0)
    result = analyze_faces(Face(points))
    assert result.evidence[0].measurement == Unmeasurable(Reason.DEGENERATE)
    assert result.outcome is Outcome.NO_FACE
    assert is_unscored(result)


def test_what_was_read_from_the_file_is_passed_on() -> None:
    picture = replace(noise_picture(), animated=True)
    result = analyze_faces(IN_FRAME, picture=picture)
    assert (result.sha256, result.format, result.size) == (picture.sha256, "PNG", (60, 60))
    assert (result.pdq, result.pdq_quality) == picture.pdq
    assert result.calibration_id == EYES_ONLY.id
    assert result.animated
    assert result.warnings == ("animated", "geometry_only")


# Several faces


@given(st.permutations([IN_FRAME, ELSEWHERE, TINY, COLLAPSED]))
def test_the_strongest_answers_whatever_the_order(faces: Sequence[Face]) -> None:
    result = analyze_faces(*faces)
    assert result.face is IN_FRAME
    assert result.llr == analyze_faces(IN_FRAME).llr
    assert result.alignment == analyze_faces(IN_FRAME).alignment
    assert set(map(id, result.faces)) == set(map(id, faces))
    assert result.warnings == ("several_faces", "geometry_only")


squares = st.tuples(
    st.floats(0.2, 0.8), st.floats(0.2, 0.8), st.floats(-1.5, 0.3), st.floats(-0.3, 0.3)
)


@given(squares, squares)
def test_a_second_face_never_lowers_the_score(
    one: tuple[float, float, float, float], other: tuple[float, float, float, float]
) -> None:
    first, second = place_face(one, FRAME), place_face(other, FRAME)
    both = analyze_faces(first, second).llr
    assert both == max(analyze_faces(first).llr, analyze_faces(second).llr)


def test_a_face_that_cannot_be_measured_hides_none_that_can() -> None:
    result = analyze_faces(TINY, ELSEWHERE)
    assert result.outcome is Outcome.SCORED
    assert result.face is ELSEWHERE
    assert result.llr < 0.0


EYES_AND_STAMP = small_calibration(
    (EYE_ALIGNMENT, STAMP),
    checks={
        EYE_ALIGNMENT.name: make_alignment_entry(),
        STAMP.name: make_stamp_entry(version=STAMP.version),
    },
)
"""Knows the eyes and the stamp, which is looked for in the picture, whatever its faces are like."""


@pytest.mark.parametrize("face", [TINY, COLLAPSED], ids=["tiny", "collapsed"])
def test_a_corner_without_a_stamp_measures_no_face(face: Face) -> None:
    result = analyze(flat_picture(), make_finder(face), ForbiddenNetwork(), EYES_AND_STAMP)
    assert isinstance(result.evidence[1].measurement, Reading)
    assert result.outcome is Outcome.TOO_SMALL
    assert is_unscored(result)


def test_a_corner_without_a_stamp_lets_no_face_hide_another() -> None:
    result = analyze(
        flat_picture(), make_finder(TINY, ELSEWHERE), ForbiddenNetwork(), EYES_AND_STAMP
    )
    assert result.face is ELSEWHERE
    assert result.verdict is Verdict.UNLIKELY_STYLEGAN


def make_face_result(llr: float, *, measured: bool = True) -> FaceResult:
    measurement = Reading(1.0) if measured else Unmeasurable(Reason.TOO_SMALL)
    return FaceResult((Evidence(EYE_ALIGNMENT, measurement, llr, ""),), make_ratios(llr), None)


@given(st.lists(st.builds(make_face_result, st.floats(-3, 3), measured=st.booleans()), max_size=6))
def test_order_faces_keeps_every_face_once(results: list[FaceResult]) -> None:
    order = order_faces(results)
    assert sorted(order) == list(range(len(results)))
    keys = [(results[i].is_measured, results[i].llr) for i in order]
    assert keys == sorted(keys, reverse=True)


def test_of_reasons_too_small_is_the_one_that_is_told() -> None:
    small, odd = (
        Evidence(EYE_ALIGNMENT, Unmeasurable(reason), 0.0, "")
        for reason in (Reason.TOO_SMALL, Reason.DEGENERATE)
    )
    assert outcome_with_face(FaceResult((odd, small), NO_RATIOS, None)) is Outcome.TOO_SMALL
    assert outcome_with_face(FaceResult((odd,), NO_RATIOS, None)) is Outcome.NO_FACE
    assert outcome_with_face(make_face_result(0.0)) is Outcome.SCORED


# The steps


def test_only_a_face_near_the_frame_is_looked_at_twice() -> None:
    finder = StubFinder(IN_FRAME, ELSEWHERE)
    network = ForbiddenNetwork()
    portraits = build_portraits(flat_picture(), cast("FaceFinder", finder), network)
    assert finder.remeasured == [IN_FRAME]
    assert [len(p.repeats) for p in portraits] == [1, 0]
    assert [p.face_count for p in portraits] == [2, 2]
    assert [p.face for p in portraits] == [IN_FRAME, ELSEWHERE]
    assert all(p.network is network for p in portraits)


def test_only_the_checks_of_the_calibration_are_asked() -> None:
    """One that it does not know could not be weighed."""
    assert [e.check for e in analyze_faces(IN_FRAME).evidence] == list(EYES_ONLY.checks)
    assert [e.check for e in analyze_with_texture(ConstantNetwork(), IN_FRAME).evidence] == list(
        EYES_AND_TEXTURE.checks
    )


def test_a_turned_head_is_warned_of() -> None:
    points = IN_FRAME.landmarks.copy()
    width = points[CHEEK_RIGHT] - points[CHEEK_LEFT]
    points[NOSE_TIP] = points[CHEEK_LEFT] + 0.95 * width
    assert analyze_faces(Face(points)).warnings == ("turned_away", "geometry_only")


def test_both_stages_are_entered_once_and_in_order() -> None:
    stages = []

    @contextmanager
    def time_stage(stage: str) -> Iterator[None]:
        stages.append(f"{stage} begins")
        yield
        stages.append(f"{stage} ends")

    analyze(flat_picture(), make_finder(IN_FRAME), ForbiddenNetwork(), EYES_ONLY, time_stage)
    assert stages == ["landmarks begins", "landmarks ends", "checks begins", "checks ends"]


# The whole line, with the real finder and what ships


FRAMED = (
    "astronaut_ffhq_frame.jpg",
    "astronaut_ffhq_mirrored.jpg",
    "astronaut_ffhq_gray.jpg",
    "astronaut_ffhq_circle.png",
    "astronaut_ffhq_two_faces.jpg",
)


class Pipeline:
    """Everything that ships, from the picture on."""

    def __init__(self, finder: FaceFinder, networks: OnnxNetworks, shipped: Calibration) -> None:
        self.finder, self.networks, self.shipped = finder, networks, shipped

    def __call__(self, picture: Picture) -> Analysis:
        return analyze(picture, self.finder, self.networks, self.shipped)


@pytest.fixture(scope="module")
def line(finder: FaceFinder, networks: OnnxNetworks, shipped: Calibration) -> Pipeline:
    return Pipeline(finder, networks, shipped)


def test_every_check_that_there_is_speaks(line: Pipeline, faces: LoadFixture) -> None:
    assert [e.check for e in line(faces(FRAMED[0])).evidence] == list(CHECKS)


def test_the_frame_is_recognised_however_it_was_changed(line: Pipeline, faces: LoadFixture) -> None:
    """A real photograph cut into the frame of a generator: by its eyes alone it looks like one."""
    for name in FRAMED:
        result = line(faces(name))
        assert result.outcome is Outcome.SCORED
        assert eye_evidence(result).llr > 1.0, name
        assert result.match is not None
        assert result.match.transform == "untouched"
        assert result.match.distance < 5.0
    for name in ("astronaut_ffhq_zoom110.jpg", "astronaut_ffhq_border.png"):
        assert eye_evidence(line(faces(name))).llr > 0.0, name


@pytest.mark.parametrize("name", FRAMED)
def test_a_photograph_is_not_accused_because_it_sits_in_the_frame(
    line: Pipeline, faces: LoadFixture, name: str
) -> None:
    """What it was all for: the pixels of a real person speak against where the eyes lie."""
    result = line(faces(name))
    assert result.llr < eye_evidence(result).llr - 1.0
    if "gray" not in name:  # without colour less of a photograph is left, and it stands on the edge
        assert result.verdict is not Verdict.LIKELY_STYLEGAN


@pytest.mark.parametrize(
    ("name", "transform", "width"),
    [
        ("astronaut_ffhq_zoom110.jpg", "zoomed", 440.0),
        ("astronaut_ffhq_border.png", "trimmed", 256.0),
    ],
)
def test_what_was_done_to_the_frame_is_told(
    line: Pipeline, faces: LoadFixture, name: str, transform: str, width: float
) -> None:
    match = line(faces(name)).match
    assert match is not None
    assert match.transform == transform
    assert match.frame.width == pytest.approx(width, rel=0.03)


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("astronaut.jpg", Verdict.UNLIKELY_STYLEGAN),
        ("camera.jpg", Verdict.UNLIKELY_STYLEGAN),  # its irises are 13 px apart: just enough
        ("cartoon.png", Verdict.UNLIKELY_STYLEGAN),
    ],
)
def test_a_face_where_people_have_theirs_is_not_a_generators(
    line: Pipeline, faces: LoadFixture, name: str, verdict: Verdict
) -> None:
    result = line(faces(name))
    assert result.outcome is Outcome.SCORED
    assert result.verdict is verdict
    assert "too_small_to_clear" not in result.warnings
    assert result.llr < -1.0


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
    line: Pipeline, faces: LoadFixture, name: str, outcome: Outcome
) -> None:
    result = line(faces(name))
    assert result.outcome is outcome
    assert is_unscored(result)


def test_the_same_picture_is_judged_the_same_twice(line: Pipeline, faces: LoadFixture) -> None:
    first, second = (line(faces("astronaut_ffhq_frame.jpg")) for _ in range(2))
    assert first.llr == second.llr
    assert first.llr_interval == second.llr_interval
    assert first.match == second.match
    assert [e.llr for e in first.evidence] == [e.llr for e in second.evidence]


@pytest.mark.parametrize("name", FRAMED)
def test_mirrored_pictures_are_judged_alike(line: Pipeline, faces: LoadFixture, name: str) -> None:
    picture = faces(name)
    mirrored = Picture(np.ascontiguousarray(picture.rgb[:, ::-1]), picture.format, picture.sha256)
    here, there = line(picture), line(mirrored)
    assert here.outcome == there.outcome
    assert here.llr == pytest.approx(there.llr, abs=1.0)


def test_unusual_faces_do_not_break_the_line() -> None:
    for seed in range(20):
        face = transform_face(perturbed_face(seed, 1.0), 90.0, 17.0 * seed, by=(200.0, 180.0))
        result = analyze_faces(face)
        assert -3.0 <= result.llr_interval[0] <= result.llr <= result.llr_interval[1] <= 3.0


def test_a_photograph_known_by_its_frame_alone_is_warned_of_and_gets_no_verdict(
    line: Pipeline, faces: LoadFixture
) -> None:
    tiny = cv2.resize(faces("astronaut_ffhq_48px.jpg").rgb, (36, 36), interpolation=cv2.INTER_AREA)
    result = line(Picture(np.asarray(tiny, dtype=np.uint8), "PNG", "ab" * 32))
    assert {"geometry_only", "too_small_to_clear"} <= set(result.warnings)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.against.framed == (0.0, (0.0, 0.0))
    assert not result.against.is_framed_measured


def test_pixels_speak_of_an_avatar_of_48_px(line: Pipeline, faces: LoadFixture) -> None:
    """A real photograph in the frame: they say so, and the face is too small for a verdict."""
    result = line(faces("astronaut_ffhq_48px.jpg"))
    assert "geometry_only" not in result.warnings
    assert "too_small_to_clear" in result.warnings
    assert result.against.is_framed_measured
    assert result.against.framed.llr < 0.0
    assert result.verdict is Verdict.INCONCLUSIVE
