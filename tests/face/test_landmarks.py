import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import cv2
import mediapipe as mp
import numpy as np
import pytest

from app.arrays import RgbArray
from app.face.face import Face
from app.face.landmarks import (
    LANDMARK_MODEL_FILE,
    MAX_FACES,
    FaceFinder,
    LandmarkModelError,
    ThreadFaceFinders,
    detect_landmarks,
    load_landmark_model,
)
from app.face.views import full_view
from app.image.picture import Picture
from tests.conftest import ROOT

LoadFixture = Callable[[str], Picture]


def make_picture(rgb: RgbArray | cv2.typing.MatLike) -> Picture:
    return Picture(np.ascontiguousarray(rgb, dtype=np.uint8), "PNG", "")


def iris_offset(actual: Face, expected: Face) -> float:
    """How far apart the irises lie, share of the eye distance."""
    return float(np.abs(actual.eyes - expected.eyes).max() / expected.eye_distance_px)


def transformed_face(face: Face, scale: float, x: float, y: float) -> Face:
    """``face`` in a picture scaled and then moved by (x, y) px."""
    return Face(face.landmarks * scale + [x, y])


@pytest.fixture(scope="module")
def frame(faces: LoadFixture) -> Picture:
    return faces("astronaut_ffhq_frame.jpg")


@pytest.fixture(scope="module")
def face(finder: FaceFinder, frame: Picture) -> Face:
    (detected,) = finder.find_faces(frame)
    return detected


def test_eyes_lie_on_the_eyes(face: Face, frame: Picture) -> None:
    """Pupils are dark and the whites beside them are not: read in the pixels, not from a record."""
    iris = face.eye_distance_px * 0.09
    for x, y in face.eyes:
        here = frame.gray[round(y) - 1 : round(y) + 2, round(x) - 1 : round(x) + 2].mean()
        beside = [frame.gray[round(y), round(x + d * 1.6 * iris)] for d in (-1, 1)]
        assert here + 25 < np.mean(beside)


@pytest.mark.parametrize("pad", [40, 120])
@pytest.mark.parametrize("how", [cv2.BORDER_CONSTANT, cv2.BORDER_REPLICATE])
def test_the_same_face_in_a_padded_picture(
    finder: FaceFinder, frame: Picture, face: Face, pad: int, how: int
) -> None:
    padded = cv2.copyMakeBorder(frame.rgb, pad, pad, 2 * pad, pad, how, value=(90, 90, 90))
    (detected,) = finder.find_faces(make_picture(padded))
    assert iris_offset(detected, transformed_face(face, 1.0, 2 * pad, pad)) < 0.02


@pytest.mark.parametrize("scale", [0.5, 0.7, 1.5, 3.0])
def test_the_same_face_in_a_picture_of_another_size(
    finder: FaceFinder, frame: Picture, face: Face, scale: float
) -> None:
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    (detected,) = finder.find_faces(
        make_picture(cv2.resize(frame.rgb, None, fx=scale, fy=scale, interpolation=interpolation))
    )
    assert iris_offset(detected, transformed_face(face, scale, 0, 0)) < 0.02


def test_a_face_larger_than_the_picture_is_found_at_the_second_look(
    finder: FaceFinder, frame: Picture, face: Face
) -> None:
    cut = 124
    crop = frame.rgb[cut:-cut, cut:-cut]
    assert finder._detect(full_view(crop)) == ()
    (detected,) = finder.find_faces(make_picture(crop))
    assert iris_offset(detected, transformed_face(face, 1.0, -cut, -cut)) < 0.03


@pytest.mark.parametrize("corner", [(0, 0), (250, 200), (493, 493)])
def test_a_face_far_away_is_found_at_the_second_look(
    finder: FaceFinder, faces: LoadFixture, corner: tuple[int, int]
) -> None:
    portrait = faces("astronaut.jpg")
    (near,) = finder.find_faces(portrait)
    x, y = corner
    wall = np.full((800, 800, 3), (90, 120, 160), dtype=np.uint8)
    wall[y : y + 307, x : x + 307] = cv2.resize(
        portrait.rgb, (307, 307), interpolation=cv2.INTER_AREA
    )
    assert finder._detect(full_view(wall)) == ()
    (detected,) = finder.find_faces(make_picture(wall))
    assert iris_offset(detected, transformed_face(near, 307 / 512, x, y)) < 0.05


@pytest.mark.parametrize(
    "name", ["blank.png", "noise.png", "landscape.jpg", "coffee.jpg", "chelsea.jpg"]
)
def test_no_face_is_seen_where_there_is_none(
    finder: FaceFinder, faces: LoadFixture, name: str
) -> None:
    assert finder.find_faces(faces(name)) == ()


@pytest.mark.parametrize("size", [(1, 1), (1, 60), (9, 7), (3, 1600)])
def test_the_smallest_pictures_are_looked_at_without_complaint(
    finder: FaceFinder, size: tuple[int, int]
) -> None:
    assert finder.find_faces(make_picture(np.full((*size, 3), 200, dtype=np.uint8))) == ()


def test_every_face_is_found_and_at_most_five(finder: FaceFinder, frame: Picture) -> None:
    one = cv2.resize(frame.rgb, (250, 250), interpolation=cv2.INTER_AREA)
    assert len(finder.find_faces(make_picture(np.hstack([one, one])))) == 2
    crowd = np.vstack([np.hstack([one] * 3)] * 2)
    assert len(finder.find_faces(make_picture(crowd))) == MAX_FACES


def test_a_repeat_is_the_same_face_measured_anew(
    finder: FaceFinder, frame: Picture, face: Face
) -> None:
    (repeat,) = finder.remeasure(frame, face)
    distances = np.linalg.norm(repeat.landmarks - face.landmarks, axis=1) / face.eye_distance_px
    assert 0.0 < np.median(distances) < 0.02
    # Left is left although the view was mirrored: no landmark has changed sides.
    assert distances.max() < 0.1


def test_another_face_is_never_taken_for_a_repeat(
    finder: FaceFinder, frame: Picture, face: Face
) -> None:
    assert finder.remeasure(frame, transformed_face(face, 1.0, face.eye_distance_px, 0)) == ()
    assert finder.remeasure(make_picture(np.zeros_like(frame.rgb)), face) == ()


def test_finding_is_deterministic_and_leaves_the_picture_alone(
    finder: FaceFinder, frame: Picture, face: Face
) -> None:
    before = frame.rgb.copy()
    (second,) = finder.find_faces(frame)
    np.testing.assert_array_equal(second.landmarks, face.landmarks)
    np.testing.assert_array_equal(frame.rgb, before)


def test_two_threads_with_their_own_finders_see_the_same(
    model: bytes, frame: Picture, face: Face
) -> None:
    finders = ThreadFaceFinders(model)
    used: dict[int, list[FaceFinder]] = {}
    detected: list[Face] = []

    def look(number: int) -> None:
        used[number] = [finders.for_current_thread(), finders.for_current_thread()]
        for _ in range(3):
            detected.extend(finders.for_current_thread().find_faces(frame))

    threads = [threading.Thread(target=look, args=(n,)) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    finders.close()
    assert used[0][0] is used[0][1]
    assert used[0][0] is not used[1][0]
    assert len(detected) == 6
    for face_in_thread in detected:
        np.testing.assert_array_equal(face_in_thread.landmarks, face.landmarks)


def test_closing_twice_is_closing_once(model: bytes) -> None:
    finder = FaceFinder(model)
    finder.close()
    finder.close()
    finders = ThreadFaceFinders(model)
    finders.for_current_thread()
    finders.close()
    finders.close()


def test_a_closed_finder_says_so_and_not_that_there_is_no_face(
    model: bytes, frame: Picture
) -> None:
    with FaceFinder(model) as finder:
        assert finder.find_faces(frame)
    with pytest.raises(RuntimeError, match="closed"):
        finder.find_faces(frame)


def test_after_close_a_thread_gets_a_new_finder(model: bytes, frame: Picture) -> None:
    finders = ThreadFaceFinders(model)
    first = finders.for_current_thread()
    finders.close()
    second = finders.for_current_thread()
    assert second is not first
    assert len(second.find_faces(frame)) == 1
    finders.close()


def test_the_model_must_be_the_one_that_was_validated(tmp_path: Path) -> None:
    with pytest.raises(LandmarkModelError, match="missing"):
        load_landmark_model(tmp_path)
    shutil.copy(ROOT / "models" / LANDMARK_MODEL_FILE, tmp_path)
    data = bytearray((tmp_path / LANDMARK_MODEL_FILE).read_bytes())
    assert load_landmark_model(tmp_path) == bytes(data)
    data[len(data) // 2] ^= 1
    (tmp_path / LANDMARK_MODEL_FILE).write_bytes(data)
    with pytest.raises(LandmarkModelError, match="sha256"):
        load_landmark_model(tmp_path)


def test_the_direct_reading_is_what_the_library_says(
    model: bytes, faces: Callable[[str], Picture]
) -> None:
    """`detect` reads the library's C result itself: the same points, to the last bit."""
    options = mp.tasks.vision.FaceLandmarkerOptions(
        base_options=mp.tasks.BaseOptions(model_asset_buffer=model), num_faces=5
    )
    with mp.tasks.vision.FaceLandmarker.create_from_options(options) as landmarker:
        for name in ("astronaut_ffhq_frame.jpg", "astronaut_ffhq_two_faces.jpg", "coffee.jpg"):
            image = mp.Image(
                image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(faces(name).rgb)
            )
            expected = landmarker.detect(image).face_landmarks
            actual = detect_landmarks(landmarker, image)
            assert len(actual) == len(expected)
            for points, face in zip(actual, expected, strict=True):
                assert (points == np.array([(p.x, p.y) for p in face])).all()
