import math
from collections.abc import Callable

import cv2
import numpy as np
import pytest

from app.arrays import BoolArray, FloatArray, RgbArray
from app.checks.hairline import (
    CHECK,
    MIN_SIDE_PX,
    USUAL_PEAKS,
    USUAL_VARIETY,
    HairMaps,
    measure,
    peaks,
    segment_hair,
    softest_stretch,
    summarize,
)
from app.evidence import Reading, Reason, Unmeasurable
from app.face.face import FACE_OVAL, Face
from app.face.landmarks import FaceFinder
from app.face.portrait import Portrait
from app.image.picture import Picture
from tests.synthetic_faces import RegionNetwork, place_face, symmetric_face, transform_face

SIDE = 400
MEASURES = {"witness", "ln_side", "peaks", "variety", "fading"}
HEAD = ((0.5, 0.6), (0.32, 0.52))
FACE = ((0.5, 0.6), (0.20, 0.30))
Ellipse = tuple[tuple[float, float], tuple[float, float]]


def pixel_grid(n: int) -> tuple[FloatArray, FloatArray]:
    """x and y of every pixel's middle, unit."""
    y, x = (np.mgrid[:n, :n] + 0.5) / n
    return x, y


def ellipse_radius(ellipse: Ellipse, n: int) -> FloatArray:
    """How large the ellipse would have to be to reach each place; 1 on its edge."""
    (x0, y0), (a, b) = ellipse
    x, y = pixel_grid(n)
    out: FloatArray = np.hypot((x - x0) / a, (y - y0) / b)
    return out


class HeadEllipseNetwork(RegionNetwork):
    """A network that sees an ellipse for a person and one place hotter than the rest."""

    def __init__(self, head: Ellipse = HEAD, hot: tuple[int, int] = (1, 4)) -> None:
        self.head, self.hot = head, hot

    def score_map(self, rgb: RgbArray) -> FloatArray:
        scores = np.full((5, 4, 8), 0.75)
        scores[(slice(None), *self.hot)] = 2.0
        return scores

    def person_mask(self, rgb: RgbArray) -> FloatArray:
        return (ellipse_radius(self.head, 128) < 1.0).astype(np.float64)


def unit_face() -> Face:
    """A face in its crop square, unit, whose oval is ``FACE``."""
    points = place_face((0.5, 0.5, 0.0, 0.0), face=symmetric_face()).landmarks.copy()
    turn = np.arange(len(FACE_OVAL)) / len(FACE_OVAL) * 2.0 * math.pi
    (x0, y0), (a, b) = FACE
    points[list(FACE_OVAL)] = np.stack([x0 + a * np.sin(turn), y0 - b * np.cos(turn)], axis=1)
    return Face(points)


def hair_texture(seed: int = 0) -> FloatArray:
    """Evenly strong hair, two pixels fine at half the size."""
    noise = np.random.default_rng(seed).normal(0.0, 1.0, (SIDE // 4, SIDE // 4))
    return np.asarray(cv2.resize(noise, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC))


def crisp_pattern(seed: int = 1) -> FloatArray:
    """Where hair is crisp (3) and where quiet (0.3)."""
    coarse = np.random.default_rng(seed).random((8, 8)) < 0.3
    wide = cv2.resize(coarse.astype(np.float64), (SIDE, SIDE), interpolation=cv2.INTER_NEAREST)
    return np.where(np.asarray(wide) > 0.5, 3.0, 0.3)


def draw_head(strength: FloatArray | float = 1.0, soft: BoolArray | None = None) -> RgbArray:
    """A head of hair on grey; ``strength`` of its strands, blurred where ``soft`` is true."""
    hair = 60.0 + 15.0 * hair_texture() * strength
    if soft is not None:
        hair = np.where(soft, cv2.GaussianBlur(hair, (0, 0), 4.0), hair)
    grey = np.where(ellipse_radius(HEAD, SIDE) < 1.0, hair, 170.0)
    grey = np.where(ellipse_radius(FACE, SIDE) < 1.0, 140.0, grey)
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8)[:, :, None].repeat(3, axis=2)


def make_portrait(
    rgb: RgbArray, network: HeadEllipseNetwork | None = None, face: Face | None = None
) -> Portrait:
    pixels = np.ascontiguousarray(rgb)
    pixels.setflags(write=False)
    placed_face = face or transform_face(unit_face(), pixels.shape[0])
    return Portrait(
        Picture(pixels, "PNG", ""), placed_face, network=network or HeadEllipseNetwork()
    )


def read_portrait(portrait: Portrait) -> Reading:
    measurement = measure(portrait)
    assert isinstance(measurement, Reading)
    return measurement


def measures_of(rgb: RgbArray) -> dict[str, float]:
    return dict(read_portrait(make_portrait(rgb)).measures)


def outer_ring(upto: float = 0.92) -> BoolArray:
    return np.asarray(ellipse_radius(HEAD, SIDE) > upto)


def segment_picture(rgb: RgbArray) -> HairMaps:
    portrait = make_portrait(rgb)
    assert portrait.crop is not None
    assert portrait.person_mask is not None
    return segment_hair(portrait.crop, portrait.person_mask)


def test_the_value_is_the_networks_and_the_measures_have_their_names() -> None:
    reading = read_portrait(make_portrait(draw_head()))
    assert set(reading.measures) == MEASURES
    assert reading.value == reading.measures["witness"] == pytest.approx(0.75 + 1.25 / 32)
    assert reading.measures["ln_side"] == pytest.approx(math.log(2.0), abs=0.01)


def test_even_hair_has_fewer_peaks_than_hair_in_tufts() -> None:
    even, uneven = measures_of(draw_head()), measures_of(draw_head(crisp_pattern()))
    assert uneven["peaks"] > even["peaks"] + 0.3
    assert uneven["variety"] > even["variety"] + 0.3


def test_the_less_even_the_more_peaks() -> None:
    values = [
        measures_of(draw_head(crisp_pattern() ** power))["peaks"] for power in (0.0, 0.25, 0.5, 1.0)
    ]
    assert values == sorted(values)


def test_the_softer_the_outline_the_more_it_fades() -> None:
    values = [
        measures_of(draw_head(soft=outer_ring(upto)))["fading"] for upto in (1.0, 0.95, 0.91, 0.88)
    ]
    assert values == sorted(values, reverse=True)
    assert values[0] - values[-1] > 0.5


def test_a_soft_middle_is_the_opposite_of_a_soft_outline() -> None:
    assert (
        measures_of(draw_head(soft=~outer_ring(0.88)))["fading"]
        > measures_of(draw_head())["fading"] + 0.3
    )


def test_white_noise_has_the_peaks_of_white_noise() -> None:
    """The mean square of half-normal values over their squared mean is pi / 2."""
    detail = np.abs(np.random.default_rng(0).normal(0.0, 50.0, (128, 128))).astype(np.float32)
    everywhere = np.ones((128, 128), dtype=np.bool_)
    hair = HairMaps(detail, detail, detail, everywhere, everywhere)
    assert peaks(hair) == pytest.approx(math.log(math.pi / 2.0), abs=0.02)


def test_flat_hair_reads_what_hair_usually_reads() -> None:
    flat = measures_of(np.full((SIDE, SIDE, 3), 90, dtype=np.uint8))
    assert flat["peaks"] == pytest.approx(USUAL_PEAKS)
    assert flat["variety"] == pytest.approx(USUAL_VARIETY)


@pytest.mark.parametrize(
    "rgb", [draw_head(), draw_head(crisp_pattern()), draw_head(crisp_pattern(), outer_ring())]
)
def test_mirrored_reads_the_same(rgb: RgbArray) -> None:
    here, there = measures_of(rgb), measures_of(rgb[:, ::-1])
    assert there == pytest.approx(here, abs=0.03)


@pytest.mark.parametrize(
    "rgb", [draw_head(), draw_head(crisp_pattern()), draw_head(crisp_pattern(), outer_ring())]
)
def test_darker_reads_about_the_same(rgb: RgbArray) -> None:
    darker = np.rint(rgb * 0.7).astype(np.uint8)
    assert measures_of(darker) == pytest.approx(measures_of(rgb), abs=0.1)


@pytest.mark.parametrize(
    "rgb", [draw_head(), draw_head(crisp_pattern()), draw_head(crisp_pattern(), outer_ring())]
)
def test_half_the_size_reads_about_the_same(rgb: RgbArray) -> None:
    half = cv2.resize(rgb, (SIDE // 2, SIDE // 2), interpolation=cv2.INTER_AREA)
    here, there = measures_of(rgb), measures_of(np.asarray(half, dtype=np.uint8))
    assert there.pop("ln_side") == pytest.approx(here.pop("ln_side") - math.log(2.0), abs=0.02)
    assert there == pytest.approx(here, abs=0.15)


def test_what_lies_below_the_brows_does_not_matter() -> None:
    rgb = draw_head(crisp_pattern())
    other = rgb.copy()
    other[SIDE // 2 :] = np.random.default_rng(3).integers(0, 256, other[SIDE // 2 :].shape)
    assert measures_of(other) == pytest.approx(measures_of(rgb), abs=0.02)


@pytest.mark.parametrize("right", [False, True])
def test_the_soft_stretch_of_the_outline_is_marked(right: bool) -> None:
    x, _ = pixel_grid(SIDE)
    soft = outer_ring() & ((x > 0.65) if right else (x < 0.35))
    stretch = softest_stretch(segment_picture(draw_head(soft=soft)))
    assert stretch is not None
    assert len(stretch) >= 4
    assert ((stretch[:, 0] > 0.5) == right).all()
    assert (
        np.abs(ellipse_radius(HEAD, 128)[tuple((stretch[:, ::-1] * 128).astype(int).T)] - 1).max()
        < 0.1
    )


def test_marks_lie_in_the_picture() -> None:
    reading = read_portrait(make_portrait(draw_head(crisp_pattern())))
    assert [m.shape for m in reading.marks] == ["outline", "line"]
    for mark in reading.marks:
        assert (mark.points >= 0.0).all()
        assert (mark.points <= SIDE).all()


def test_the_hottest_place_is_not_shown_where_it_is_no_hair() -> None:
    forehead = make_portrait(draw_head(), HeadEllipseNetwork(head=HEAD, hot=(3, 4)))
    backdrop = make_portrait(draw_head(), HeadEllipseNetwork(head=HEAD, hot=(0, 0)))
    for portrait in (forehead, backdrop):
        assert [m.shape for m in read_portrait(portrait).marks] == ["line"]


def test_a_small_face_cannot_be_measured() -> None:
    def at(side: int) -> Reading | Unmeasurable:
        return measure(
            make_portrait(draw_head(), face=transform_face(unit_face(), side, by=(50.0, 50.0)))
        )

    assert at(MIN_SIDE_PX - 2) == Unmeasurable(Reason.TOO_SMALL)
    assert isinstance(at(MIN_SIDE_PX + 2), Reading)
    assert at(5) == Unmeasurable(Reason.TOO_SMALL)


def test_without_a_network_nothing_is_said() -> None:
    portrait = make_portrait(draw_head())
    blind = Portrait(portrait.picture, portrait.face)
    assert measure(blind) == Unmeasurable(Reason.NOT_LOOKED_AT)


def test_hair_off_the_picture_cannot_be_measured() -> None:
    high = transform_face(unit_face(), SIDE, by=(0.0, -0.25 * SIDE))
    assert measure(make_portrait(draw_head(), face=high)) == Unmeasurable(Reason.OUT_OF_PICTURE)


def test_a_person_that_ends_at_the_forehead_shows_no_hair() -> None:
    assert measure(make_portrait(draw_head(), HeadEllipseNetwork(head=FACE))) == Unmeasurable(
        Reason.NO_HAIR
    )


@pytest.mark.parametrize("head", [((0.5, 0.5), (9.0, 9.0)), ((0.5, 0.5), (1e-9, 1e-9))])
def test_everybody_and_nobody_do_no_harm(head: Ellipse) -> None:
    measurement = measure(make_portrait(draw_head(), HeadEllipseNetwork(head=head)))
    if isinstance(measurement, Reading):
        assert all(math.isfinite(v) for v in measurement.measures.values())


def test_a_real_face_mirrored_and_darkened_reads_the_same(
    finder: FaceFinder, faces: Callable[[str], Picture]
) -> None:
    rgb = faces("astronaut_ffhq_frame.jpg").rgb
    face = finder.find_faces(faces("astronaut_ffhq_frame.jpg"))[0]
    here = dict(read_portrait(make_portrait(rgb, face=face)).measures)
    mirrored = read_portrait(make_portrait(rgb[:, ::-1], face=face.mirrored(rgb.shape[1])))
    darker = read_portrait(make_portrait(np.rint(rgb * 0.7).astype(np.uint8), face=face))
    assert dict(mirrored.measures) == pytest.approx(here, abs=0.05)
    assert dict(darker.measures) == pytest.approx(here, abs=0.1)


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
