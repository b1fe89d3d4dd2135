"""What every check promises, over every picture that ships: a new check is held to it unasked."""

import math
from collections.abc import Callable, Iterator

import cv2
import numpy as np
import pytest

import app.checks
from app.arrays import RgbArray
from app.checks import CHECKS
from app.evidence import Check, Reading, Unmeasurable
from app.face.face import Face
from app.face.landmarks import FaceFinder
from app.face.portrait import Portrait
from app.image.picture import Picture
from app.networks.onnx import OnnxNetworks
from tests.conftest import FACES
from tests.synthetic_faces import perturbed_face, place_face, symmetric_face, transform_face

PICTURES = sorted(p.name for p in FACES.iterdir() if p.suffix in (".jpg", ".png"))
WITH_FACE = [name for name in PICTURES if name.startswith(("astronaut", "camera", "cartoon"))]
# By how much a reading may move, in the check's unit, where eyes lie 24 px apart or more. For the
# alignment, landmark noise: a hundredth of the frame is four hundredths of an eye distance. For
# the network's log odds, which run from -8 to 8: it never saw a mirrored face as the same face, and
# at half the size it sees half as much. For the stamp, correlations of what is no stamp.
MIRRORED_WITHIN = {
    "eye_alignment": 2.5,
    "hairline": 2.0,
    "teeth": 2.0,
    "background_blur": 2.0,
    "irises": 4.0,
    "texture": 2.0,
    "fine_texture": 2.0,
    "stamp": 0.3,
}
HALVED_WITHIN = {
    "eye_alignment": 1.0,
    "hairline": 4.0,
    "teeth": 4.0,
    "background_blur": 4.0,
    "irises": 4.0,
    "texture": 4.0,
    "fine_texture": 4.0,
    "stamp": 0.3,
}
MIN_MEASURED = {
    "eye_alignment": 10,
    "hairline": 8,
    "teeth": 4,
    "background_blur": 4,
    "irises": 8,
    "texture": 8,
    "fine_texture": 8,
    "stamp": 8,
}
"""Of how many of the pictures each check has something to say, at the least."""

each_check = pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.name)
LoadFixture = Callable[[str], Picture]


def make_portraits(picture: Picture, finder: FaceFinder, networks: OnnxNetworks) -> list[Portrait]:
    detected = finder.find_faces(picture)
    return [
        Portrait(picture, face, len(detected), finder.remeasure(picture, face), networks)
        for face in detected
    ]


def make_picture(rgb: object) -> Picture:
    array = np.ascontiguousarray(rgb, dtype=np.uint8)
    array.setflags(write=False)
    return Picture(array, "PNG", "")


def assert_sound(measurement: Reading | Unmeasurable, picture: Picture) -> None:
    """A finite value and marks inside the picture, or a reason."""
    if isinstance(measurement, Unmeasurable):
        assert measurement.reason
        return
    assert math.isfinite(measurement.value)
    for mark in measurement.marks:
        assert np.isfinite(mark.points).all()
        assert (mark.points >= 0.0).all()
        assert (mark.points <= picture.size).all()
        assert mark.label


@each_check
def test_a_check_introduces_itself(check: Check) -> None:
    assert check.measure.__module__ == f"app.checks.{check.name}"
    assert check.version >= 1
    assert check.unit
    assert check.reference
    module = getattr(app.checks, check.name)
    for part in ("What it sees:", "How it is measured:", "When it cannot be:", "Reference:"):
        assert part in module.__doc__


def test_no_two_checks_share_a_name() -> None:
    assert len({c.name for c in CHECKS}) == len(CHECKS)
    tables = (MIRRORED_WITHIN, HALVED_WITHIN, MIN_MEASURED)
    assert all({c.name for c in CHECKS} == set(table) for table in tables)


def test_the_pictures_that_should_have_a_face_do(
    finder: FaceFinder, networks: OnnxNetworks, faces: LoadFixture
) -> None:
    """Or everything below would hold of nothing."""
    assert len(WITH_FACE) >= 10
    assert all(make_portraits(faces(name), finder, networks) for name in WITH_FACE)


@each_check
def test_a_check_has_something_to_say(
    check: Check, finder: FaceFinder, networks: OnnxNetworks, faces: LoadFixture
) -> None:
    """Or what is promised of its readings would hold of none."""
    values = [value_of(check, faces(name), finder, networks) for name in WITH_FACE]
    assert sum(value is not None for value in values) >= MIN_MEASURED[check.name]


@each_check
@pytest.mark.parametrize("name", PICTURES)
def test_finite_deterministic_and_the_portrait_untouched(
    check: Check, name: str, finder: FaceFinder, networks: OnnxNetworks, faces: LoadFixture
) -> None:
    picture = faces(name)
    pixels = picture.rgb.copy()
    for portrait in make_portraits(picture, finder, networks):
        points = portrait.face.landmarks.copy()
        first, again = check.measure(portrait), check.measure(portrait)
        anew = check.measure(
            Portrait(picture, portrait.face, portrait.face_count, portrait.repeats, networks)
        )
        assert_sound(first, picture)
        for other in (again, anew):
            assert type(other) is type(first)
            if isinstance(first, Reading) and isinstance(other, Reading):
                assert other.value == first.value
                assert other.measures == first.measures
                for mark, same in zip(first.marks, other.marks, strict=True):
                    np.testing.assert_array_equal(mark.points, same.points)
        np.testing.assert_array_equal(portrait.face.landmarks, points)
    np.testing.assert_array_equal(picture.rgb, pixels)


def value_of(
    check: Check, picture: Picture, finder: FaceFinder, networks: OnnxNetworks
) -> float | None:
    """The value of the picture's largest face, if it has one that can be measured."""
    portraits_found = make_portraits(picture, finder, networks)
    largest = max(portraits_found, key=lambda p: p.face.eye_distance_px, default=None)
    measurement = check.measure(largest) if largest else None
    return measurement.value if isinstance(measurement, Reading) else None


LARGE = [n for n in WITH_FACE if "48px" not in n and not n.startswith("camera")]


@each_check
@pytest.mark.parametrize("name", LARGE)
def test_mirrored_reads_the_same(
    check: Check, name: str, finder: FaceFinder, networks: OnnxNetworks, faces: LoadFixture
) -> None:
    picture = faces(name)
    here = value_of(check, picture, finder, networks)
    there = value_of(check, make_picture(picture.rgb[:, ::-1]), finder, networks)
    if here is None or there is None:  # a mouth that is hardly open may close when mirrored
        pytest.skip(f"{check.name} has nothing to say of {name}")
    assert there == pytest.approx(here, abs=MIRRORED_WITHIN[check.name])


@each_check
@pytest.mark.parametrize("name", LARGE)
def test_half_the_size_reads_the_same(
    check: Check, name: str, finder: FaceFinder, networks: OnnxNetworks, faces: LoadFixture
) -> None:
    picture = faces(name)
    width, height = picture.size
    half = cv2.resize(picture.rgb, (width // 2, height // 2), interpolation=cv2.INTER_AREA)
    here, there = (value_of(check, p, finder, networks) for p in (picture, make_picture(half)))
    if here is None or there is None:  # half the size is too small for most
        pytest.skip(f"{check.name} has nothing to say of {name} at one of the sizes")
    assert there == pytest.approx(here, abs=HALVED_WITHIN[check.name])


def hostile_pixels(side: int) -> Iterator[RgbArray]:
    """Flat, grey, noisy, a gradient and a checkerboard."""
    rng = np.random.default_rng(side)
    for level in (0, 128, 255):
        yield np.full((side, side, 3), level, dtype=np.uint8)
    yield rng.integers(0, 256, (side, side, 3), dtype=np.uint8)
    yield np.repeat(rng.integers(0, 256, (side, side, 1), dtype=np.uint8), 3, axis=2)
    yield np.repeat(np.linspace(0, 255, side).astype(np.uint8)[None, :, None], side, 0).repeat(3, 2)
    yield (np.indices((side, side)).sum(axis=0) % 2 * 255).astype(np.uint8)[:, :, None].repeat(3, 2)


def hostile_faces(side: int) -> Iterator[Face]:
    """In the frame, tiny, outside the picture, upside down, and in one point."""
    yield transform_face(place_face((0.5, 0.5, 0.0, 0.0), face=perturbed_face()), side)
    yield transform_face(symmetric_face(), 0.01, by=(side / 2, side / 2))
    yield transform_face(perturbed_face(1), 3.0 * side, 170.0, by=(-5.0 * side, 2.0 * side))
    yield transform_face(symmetric_face(), side / 4, 180.0, by=(side / 2, side / 2))
    yield Face(np.full((478, 2), side / 2))


@each_check
@pytest.mark.parametrize("side", [1, 2, 8, 31, 200])
def test_no_picture_and_no_face_is_too_nasty(
    check: Check, side: int, networks: OnnxNetworks
) -> None:
    for rgb in hostile_pixels(side):
        picture = make_picture(rgb)
        for face in hostile_faces(side):
            assert_sound(check.measure(Portrait(picture, face, network=networks)), picture)


@each_check
def test_stripes_of_a_picture_are_measured_too(check: Check, networks: OnnxNetworks) -> None:
    for size in ((400, 1), (1, 400), (300, 20)):
        picture = make_picture(np.random.default_rng(1).integers(0, 256, (*size, 3)))
        for face in hostile_faces(20):
            assert_sound(check.measure(Portrait(picture, face, network=networks)), picture)
