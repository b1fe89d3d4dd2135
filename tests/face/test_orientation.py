"""Faces are found whichever way up the picture is, and results are in the picture as given."""

from collections.abc import Callable
from typing import get_args

import cv2
import numpy as np
import pytest

from app.arrays import FloatArray
from app.face.face import Face
from app.face.landmarks import FaceFinder
from app.face.mesh_fit import default_mesh_fit
from app.face.orientation import (
    TILTED_ROLL_DEG,
    OrientedFaces,
    Turn,
    find_oriented_faces,
    is_tilted,
    turn_picture,
    turn_points_back,
)
from app.face.turn_mosaic import TurnScores
from app.image.picture import Picture

LoadFixture = Callable[[str], Picture]
TURNS: tuple[Turn, ...] = get_args(Turn)
BACK: dict[Turn, Turn] = {0: 0, 90: 270, 180: 180, 270: 90}


class FakeDetector:
    """Finds ``faces`` in every picture; in parts of it, nothing. ``scores``: of the four turns."""

    def __init__(self, *faces: Face, scores: TurnScores = (0.5, 0.5, 0.5, 0.5)) -> None:
        self.faces = faces
        self.scores = scores
        self.calls = 0

    def detect(self, picture: Picture) -> tuple[Face, ...]:
        self.calls += 1
        return self.faces

    def detect_hidden(self, picture: Picture) -> tuple[Face, ...]:
        self.calls += 1
        return ()

    def score_turns(self, picture: Picture) -> TurnScores:
        return self.scores


@pytest.fixture
def frame(faces: LoadFixture) -> Picture:
    return faces("astronaut_ffhq_frame.jpg")


def find(picture: Picture, finder: FaceFinder) -> OrientedFaces:
    return find_oriented_faces(picture, finder, default_mesh_fit())


@pytest.mark.parametrize("turn", TURNS)
def test_a_turned_face_is_turned_back(frame: Picture, finder: FaceFinder, turn: Turn) -> None:
    (upright,) = finder.find_faces(frame)
    found = find(turn_picture(frame, turn), finder)
    assert (found.turn, found.is_certain) == (BACK[turn], True)
    np.testing.assert_allclose(found.faces[0].eyes, upright.eyes, atol=1.0)
    np.testing.assert_array_equal(found.picture.rgb, frame.rgb)


def test_mirrored_top_to_bottom_counts_as_turned(frame: Picture, finder: FaceFinder) -> None:
    flipped = Picture(np.ascontiguousarray(frame.rgb[::-1]), "PNG", "")
    found = find(flipped, finder)
    (upright,) = finder.find_faces(frame)
    assert (found.turn, found.is_certain) == (180, True)
    expected = upright.mirrored(frame.size[0]).eyes
    np.testing.assert_allclose(found.faces[0].eyes, expected, atol=1.5)


def test_an_upright_face_costs_one_detection(frame: Picture, finder: FaceFinder) -> None:
    detector = FakeDetector(*finder.find_faces(frame))
    found = find_oriented_faces(frame, detector, default_mesh_fit())
    assert (found.turn, found.is_certain, detector.calls) == (0, True, 1)


def test_a_mesh_that_fits_nowhere_is_not_certain(frame: Picture, finder: FaceFinder) -> None:
    """A distorted mesh on a plain picture, whichever way it is turned."""
    plain = Picture(np.full((400, 400, 3), 128, dtype=np.uint8), "PNG", "")
    (face,) = finder.find_faces(frame)
    distortion = np.random.default_rng(3).normal(0.0, 4.0, face.landmarks.shape)
    detector = FakeDetector(Face(face.landmarks + distortion))
    found = find_oriented_faces(plain, detector, default_mesh_fit())
    assert found.faces
    assert (found.turn, found.is_certain) == (0, False)


@pytest.mark.parametrize(
    ("scores", "tried"),
    [
        ((0.9, 0.8, 0.7, 0.6), 0),
        ((0.6, 0.9, 0.6, 0.0), 2),
        ((0.0, 0.0, 0.0, 0.0), 0),
        ((0.0, 0.4, 0.5, 0.3), 3),
    ],
)
def test_only_turns_that_look_no_less_like_a_face_are_tried(scores: TurnScores, tried: int) -> None:
    detector = FakeDetector(scores=scores)
    plain = Picture(np.full((40, 40, 3), 128, dtype=np.uint8), "PNG", "")
    find_oriented_faces(plain, detector, default_mesh_fit())
    assert detector.calls == 2 + tried  # as it is, and its parts


def test_no_face_in_any_orientation(finder: FaceFinder) -> None:
    blank = Picture(np.full((120, 90, 3), 200, dtype=np.uint8), "PNG", "")
    found = find(blank, finder)
    assert (found.faces, found.turn, found.is_certain) == ((), 0, True)
    assert found.picture is blank


@pytest.mark.parametrize("degrees", [20.0, -30.0])
def test_tilted_faces_are_told(frame: Picture, finder: FaceFinder, degrees: float) -> None:
    width, height = frame.size
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    turned = cv2.warpAffine(frame.rgb, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    found = find(Picture(np.asarray(turned, dtype=np.uint8), "PNG", ""), finder)
    assert found.turn == 0
    assert is_tilted(found.faces[0])
    assert not is_tilted(finder.find_faces(frame)[0])
    assert abs(found.faces[0].roll_deg) == pytest.approx(abs(degrees), abs=4.0)
    assert abs(degrees) > TILTED_ROLL_DEG


@pytest.mark.parametrize("turn", TURNS)
def test_points_are_turned_back(turn: Turn) -> None:
    """One bright pixel of a picture that is not square is where its mapped position says."""
    rgb = np.zeros((40, 60, 3), dtype=np.uint8)
    rgb[10, 25] = 255
    turned = turn_picture(Picture(rgb, "PNG", "", declared_size=(120, 80)), turn)
    row, column = np.argwhere(turned.rgb[:, :, 0])[0]
    centre: FloatArray = np.array([[column + 0.5, row + 0.5]])
    np.testing.assert_allclose(turn_points_back(centre, (60, 40), turn), [[25.5, 10.5]])
    assert turned.size == ((60, 40) if turn in (0, 180) else (40, 60))
    assert turned.declared_size == ((120, 80) if turn in (0, 180) else (80, 120))
