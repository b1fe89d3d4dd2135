import math
from collections.abc import Callable

import cv2
import numpy as np
import pytest

from app.arrays import FloatArray, RgbArray
from app.checks.background_blur import (
    CHECK,
    MIN_SIDE_PX,
    USUAL_DEPTHS,
    USUAL_PEAKS,
    BackgroundMaps,
    measure,
    segment_background,
    softest_place,
    summarize,
)
from app.evidence import Reading, Reason, Unmeasurable
from app.face.face import FACE_OVAL, Face
from app.face.landmarks import FaceFinder
from app.face.portrait import Portrait
from app.image.picture import Picture
from tests.synthetic_faces import RegionNetwork, place_face, symmetric_face, transform_face

SIDE = 400
MEASURES = {"witness", "ln_side", "peaks", "depths", "boldness"}
RADII = (0.26, 0.45)


def person_ellipse(n: int, radii: tuple[float, float] = RADII) -> FloatArray:
    """An ellipse about (0.5, 0.6): 1 inside, 0 outside."""
    y, x = (np.mgrid[:n, :n] + 0.5) / n
    inside = np.hypot((x - 0.5) / radii[0], (y - 0.6) / radii[1]) < 1.0
    return np.asarray(inside, dtype=np.float64)


class EllipseNetwork(RegionNetwork):
    """A network that sees an ellipse for a person and one place hotter than the rest."""

    def __init__(self, radii: tuple[float, float] = RADII, hot: tuple[int, int] = (1, 0)) -> None:
        self.radii, self.hot = radii, hot

    def score_map(self, rgb: RgbArray) -> FloatArray:
        scores = np.full((5, 8, 2), 0.75)
        scores[(slice(None), *self.hot)] = 2.0
        return scores

    def person_mask(self, rgb: RgbArray) -> FloatArray:
        return person_ellipse(128, self.radii)


def unit_face() -> Face:
    """A face in its crop square, unit."""
    points = place_face((0.5, 0.5, 0.0, 0.0), face=symmetric_face()).landmarks.copy()
    turn = np.arange(len(FACE_OVAL)) / len(FACE_OVAL) * 2.0 * math.pi
    points[list(FACE_OVAL)] = np.stack(
        [0.5 + 0.2 * np.sin(turn), 0.6 - 0.24 * np.cos(turn)], axis=1
    )
    return Face(points)


def fine_texture(seed: int) -> FloatArray:
    """Evenly strong texture, two pixels fine at half the size."""
    noise = np.random.default_rng(seed).normal(0.0, 1.0, (SIDE // 4, SIDE // 4))
    return np.asarray(cv2.resize(noise, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC))


def blurred(texture: FloatArray, sigma: float) -> FloatArray:
    return np.asarray(cv2.GaussianBlur(texture, (0, 0), sigma)) if sigma else texture


def right_half(left: FloatArray, right: FloatArray) -> FloatArray:
    return np.where(np.arange(SIDE) < SIDE // 2, left, right)


def busy_pattern(seed: int = 1) -> FloatArray:
    """Where the background is busy (3) and where bare (0.1)."""
    coarse = np.random.default_rng(seed).random((10, 10)) < 0.3
    wide = cv2.resize(coarse.astype(np.float64), (SIDE, SIDE), interpolation=cv2.INTER_NEAREST)
    return np.where(np.asarray(wide) > 0.5, 3.0, 0.1)


def draw_scene(backdrop: FloatArray, person: FloatArray | None = None) -> RgbArray:
    """``backdrop`` behind a textured person; both in units of 15 grey levels about the middle."""
    front = fine_texture(9) if person is None else person
    grey = 128.0 + 15.0 * np.where(person_ellipse(SIDE) > 0.5, front, backdrop)
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8)[:, :, None].repeat(3, axis=2)


def make_portrait(
    rgb: RgbArray, network: EllipseNetwork | None = None, face: Face | None = None
) -> Portrait:
    pixels = np.ascontiguousarray(rgb)
    pixels.setflags(write=False)
    placed_face = face or transform_face(unit_face(), pixels.shape[0])
    return Portrait(Picture(pixels, "PNG", ""), placed_face, network=network or EllipseNetwork())


def read_portrait(portrait: Portrait) -> Reading:
    measurement = measure(portrait)
    assert isinstance(measurement, Reading)
    return measurement


def measures_of(rgb: RgbArray) -> dict[str, float]:
    return dict(read_portrait(make_portrait(rgb)).measures)


def segment_picture(rgb: RgbArray) -> BackgroundMaps:
    portrait = make_portrait(rgb)
    assert portrait.crop is not None
    assert portrait.person_mask is not None
    return segment_background(portrait.crop, portrait.person_mask)


EVEN = draw_scene(fine_texture(0))
PATCHY = draw_scene(fine_texture(0) * busy_pattern())
SOFT = draw_scene(2.0 * blurred(fine_texture(0), 5.0))
HALF_SOFT = draw_scene(right_half(fine_texture(0), 3.0 * blurred(fine_texture(0), 6.0)))
any_of_them = pytest.mark.parametrize("rgb", [EVEN, PATCHY, SOFT, HALF_SOFT])


def test_the_value_is_the_networks_and_the_measures_have_their_names() -> None:
    reading = read_portrait(make_portrait(EVEN))
    assert set(reading.measures) == MEASURES
    assert reading.value == reading.measures["witness"] == pytest.approx(0.75 + 1.25 / 16)
    assert reading.measures["ln_side"] == pytest.approx(math.log(2.0), abs=0.01)


def test_more_blur_of_the_background_reads_blurrier() -> None:
    values = [
        measures_of(draw_scene(blurred(fine_texture(0), s)))["boldness"]
        for s in (0.0, 4.0, 8.0, 16.0)
    ]
    assert values == sorted(values, reverse=True)
    assert values[0] - values[-1] > 1.0


def test_a_sharper_face_makes_the_same_background_blurrier() -> None:
    faces = [
        measures_of(draw_scene(fine_texture(0), k * fine_texture(9)))["boldness"]
        for k in (0.5, 1.0, 2.0)
    ]
    assert faces == sorted(faces, reverse=True)


def test_an_even_background_has_fewer_peaks_than_a_patchy_one() -> None:
    assert measures_of(PATCHY)["peaks"] > measures_of(EVEN)["peaks"] + 0.2


def test_the_less_even_the_more_peaks() -> None:
    values = [
        measures_of(draw_scene(fine_texture(0) * busy_pattern() ** k))["peaks"]
        for k in (0.0, 0.25, 0.5, 1.0)
    ]
    assert values == sorted(values)


def test_one_blur_everywhere_has_less_depth_than_two() -> None:
    assert measures_of(HALF_SOFT)["depths"] > measures_of(EVEN)["depths"] + 0.5
    assert measures_of(HALF_SOFT)["depths"] > measures_of(SOFT)["depths"] + 0.2


def test_the_person_matters_to_boldness_alone() -> None:
    here, there = (
        measures_of(PATCHY),
        measures_of(draw_scene(fine_texture(0) * busy_pattern(), 3.0 * fine_texture(4))),
    )
    assert there.pop("boldness") < here.pop("boldness")
    assert there == pytest.approx(here, abs=0.03)


def test_a_bare_wall_reads_what_backgrounds_usually_read() -> None:
    wall = read_portrait(make_portrait(draw_scene(np.full((SIDE, SIDE), 2.0))))
    assert wall.measures["peaks"] == pytest.approx(USUAL_PEAKS, abs=0.01)
    assert wall.measures["depths"] == pytest.approx(USUAL_DEPTHS, abs=0.01)
    assert all(math.isfinite(v) for v in wall.measures.values())
    assert [m.label for m in wall.marks] == ["background most like a generator's"]


@any_of_them
def test_mirrored_reads_the_same(rgb: RgbArray) -> None:
    assert measures_of(rgb[:, ::-1]) == pytest.approx(measures_of(rgb), abs=0.05)


@any_of_them
def test_darker_reads_about_the_same(rgb: RgbArray) -> None:
    darker = np.rint(rgb * 0.7).astype(np.uint8)
    assert measures_of(darker) == pytest.approx(measures_of(rgb), abs=0.2)


@any_of_them
def test_half_the_size_reads_about_the_same(rgb: RgbArray) -> None:
    half = cv2.resize(rgb, (SIDE // 2, SIDE // 2), interpolation=cv2.INTER_AREA)
    here, there = measures_of(rgb), measures_of(np.asarray(half, dtype=np.uint8))
    assert there.pop("ln_side") == pytest.approx(here.pop("ln_side") - math.log(2.0), abs=0.02)
    assert there == pytest.approx(here, abs=0.25)


@pytest.mark.parametrize("mirrored", [False, True])
def test_the_soft_place_is_marked(mirrored: bool) -> None:
    rgb = HALF_SOFT[:, ::-1] if mirrored else HALF_SOFT
    corners = softest_place(segment_picture(rgb))
    assert corners is not None
    assert (corners[:, 0].mean() < 0.5) == mirrored
    assert corners.min() >= 0.0
    assert corners.max() <= 1.0


def test_marks_lie_in_the_picture() -> None:
    reading = read_portrait(make_portrait(PATCHY))
    assert len(reading.marks) == 2
    for mark in reading.marks:
        assert (mark.points >= 0.0).all()
        assert (mark.points <= SIDE).all()


def test_the_hottest_place_is_not_shown_where_it_is_the_person() -> None:
    wide = EllipseNetwork(radii=(0.47, 0.45), hot=(7, 1))
    labels = [m.label for m in read_portrait(make_portrait(PATCHY, wide)).marks]
    assert "background most like a generator's" not in labels


def test_a_small_face_cannot_be_measured() -> None:
    def at(side: int) -> Reading | Unmeasurable:
        return measure(make_portrait(EVEN, face=transform_face(unit_face(), side, by=(50.0, 50.0))))

    assert at(MIN_SIDE_PX - 2) == Unmeasurable(Reason.TOO_SMALL)
    assert isinstance(at(MIN_SIDE_PX + 2), Reading)
    assert at(5) == Unmeasurable(Reason.TOO_SMALL)


def test_without_a_network_nothing_is_said() -> None:
    portrait = make_portrait(EVEN)
    blind = Portrait(portrait.picture, portrait.face)
    assert measure(blind) == Unmeasurable(Reason.NOT_LOOKED_AT)


def test_a_person_that_fills_the_crop_leaves_no_background() -> None:
    measurement = measure(make_portrait(EVEN, EllipseNetwork(radii=(0.9, 0.9))))
    assert measurement == Unmeasurable(Reason.NO_BACKGROUND)


def test_where_nobody_is_seen_everything_is_background() -> None:
    reading = read_portrait(make_portrait(EVEN, EllipseNetwork(radii=(1e-9, 1e-9))))
    assert all(math.isfinite(v) for v in reading.measures.values())


def test_a_real_face_mirrored_and_darkened_reads_the_same(
    finder: FaceFinder, faces: Callable[[str], Picture]
) -> None:
    rgb = faces("astronaut_ffhq_frame.jpg").rgb
    face = finder.find_faces(faces("astronaut_ffhq_frame.jpg"))[0]
    here = dict(read_portrait(make_portrait(rgb, face=face)).measures)
    mirrored = read_portrait(make_portrait(rgb[:, ::-1], face=face.mirrored(rgb.shape[1])))
    darker = read_portrait(make_portrait(np.rint(rgb * 0.7).astype(np.uint8), face=face))
    assert dict(mirrored.measures) == pytest.approx(here, abs=0.1)
    assert dict(darker.measures) == pytest.approx(here, abs=0.15)


def test_a_real_background_blurred_reads_blurrier(
    finder: FaceFinder, faces: Callable[[str], Picture]
) -> None:
    rgb = faces("astronaut_ffhq_frame.jpg").rgb
    face = finder.find_faces(faces("astronaut_ffhq_frame.jpg"))[0]
    sides = rgb.shape[0]
    front = person_ellipse(sides)[:, :, None] > 0.5

    def boldness(sigma: float) -> float:
        behind = cv2.GaussianBlur(rgb, (0, 0), sigma) if sigma else rgb
        whole = np.where(front, rgb, np.asarray(behind)).astype(np.uint8)
        return read_portrait(make_portrait(whole, face=face)).measures["boldness"]

    values = [boldness(sigma) for sigma in (0.0, 4.0, 10.0)]
    assert values == sorted(values, reverse=True)


def test_a_moderator_is_told_what_to_look_for() -> None:
    sentences = [summarize(llr, None) for llr in (2.0, 0.5, 0.0, -0.5)]
    assert len(set(sentences)) == 4
    assert "drawn" in sentences[0]
    assert "nothing either way" in sentences[2]
    assert "photographed" in sentences[3]


def test_the_check_is_named_after_its_module() -> None:
    assert measure.__module__ == f"app.checks.{CHECK.name}"
    assert CHECK.measure is measure
    assert CHECK.summarize is summarize
