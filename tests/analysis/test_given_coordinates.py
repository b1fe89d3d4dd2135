"""A turned picture is answered like the upright one, in its own coordinates."""

from collections.abc import Callable

import numpy as np
import pytest

from app.analysis.analyze import analyze
from app.analysis.given_coordinates import match_as_given
from app.calibration.calibration import Calibration
from app.evidence import Analysis, Match, Outcome, Reading, Verdict
from app.face.alignment import Box
from app.face.face import Face
from app.face.landmarks import FaceFinder
from app.face.orientation import Turn, turn_picture, turn_points_back
from app.face.turn_mosaic import TurnScores
from app.image.picture import Picture
from app.networks.onnx import OnnxNetworks

LoadFixture = Callable[[str], Picture]


@pytest.fixture
def analyze_picture(
    finder: FaceFinder, networks: OnnxNetworks, shipped: Calibration
) -> Callable[[Picture], Analysis]:
    return lambda picture: analyze(picture, finder, networks, shipped)


@pytest.mark.parametrize(("turn", "back"), [(90, 270), (180, 180), (270, 90)])
def test_a_turned_picture_has_the_upright_ones_answer(
    faces: LoadFixture, analyze_picture: Callable[[Picture], Analysis], turn: Turn, back: Turn
) -> None:
    picture = faces("astronaut_ffhq_frame.jpg")
    turned = turn_picture(picture, turn)
    upright, analysis = analyze_picture(picture), analyze_picture(turned)
    assert analysis.orientation_deg == back
    assert analysis.warnings == ("rotated",)
    assert (upright.orientation_deg, upright.warnings) == (0, ())
    assert analysis.llr == pytest.approx(upright.llr, abs=0.05)
    assert analysis.verdict == upright.verdict
    assert analysis.size == turned.size
    assert analysis.face is not None
    assert upright.face is not None
    # Turning the given coordinates by the same angle must lead to the upright ones.
    eyes = turn_points_back(analysis.face.eyes, picture.size, turn)
    np.testing.assert_allclose(eyes, upright.face.eyes, atol=1.0)
    for mine, other in zip(analysis.evidence, upright.evidence, strict=True):
        if isinstance(mine.measurement, Reading) and isinstance(other.measurement, Reading):
            for mark, expected in zip(mine.measurement.marks, other.measurement.marks, strict=True):
                points = turn_points_back(mark.points, picture.size, turn)
                np.testing.assert_allclose(points, expected.points, atol=2.0)


class FixedFinder(FaceFinder):
    """Finds ``faces`` in every picture."""

    def __init__(self, faces: tuple[Face, ...]) -> None:
        self._faces = faces

    def detect(self, picture: Picture) -> tuple[Face, ...]:
        return self._faces

    def score_turns(self, picture: Picture) -> TurnScores:
        return (0.5, 0.5, 0.5, 0.5)

    def remeasure(self, picture: Picture, face: Face) -> tuple[Face, ...]:
        return ()


def test_a_face_in_no_certain_orientation_gets_no_verdict(
    faces: LoadFixture, finder: FaceFinder, networks: OnnxNetworks, shipped: Calibration
) -> None:
    """A distorted mesh on a plain picture: what it says against a generator counts for nothing."""
    plain = np.full((512, 512, 3), 128, dtype=np.uint8)
    (face,) = finder.find_faces(faces("astronaut.jpg"))
    distortion = np.random.default_rng(3).normal(0.0, 4.0, face.landmarks.shape)
    fixed_finder = FixedFinder((Face(face.landmarks + distortion),))
    analysis = analyze(Picture(plain, "PNG", ""), fixed_finder, networks, shipped)
    assert analysis.outcome is Outcome.SCORED
    assert analysis.verdict is Verdict.INCONCLUSIVE
    assert analysis.warnings == ("rotated",)
    assert analysis.llr >= 0.0
    assert analysis.llr_interval[0] <= analysis.llr <= analysis.llr_interval[1]


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_template_eyes_follow_the_frame(turn: Turn) -> None:
    size = (300, 200)
    turned_width = 300 if turn == 180 else 200
    frame = Box(10.0, 20.0, 10.0 + turned_width * 0.5, 120.0)
    match = Match("ffhq", "trimmed", 1.0, frame, ((0.4, 0.45), (0.6, 0.45)))
    given = match_as_given(match, size, turn)
    eyes = np.array(match.template_eyes) * [frame.width, frame.height] + [frame.left, frame.top]
    box = given.frame
    eyes_given = np.array(given.template_eyes) * [box.width, box.height] + [box.left, box.top]
    np.testing.assert_allclose(eyes_given, turn_points_back(eyes, size, turn), atol=1e-9)
    assert {round(box.width), round(box.height)} == {round(frame.width), round(frame.height)}
    assert min(box.width, box.height) > 0
