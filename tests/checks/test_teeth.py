import math
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.arrays import FloatArray, RgbArray
from app.checks.teeth import (
    CHECK,
    MIN_SIDE_PX,
    dental_midline,
    evenness,
    lag,
    ln_gap_depth,
    measure,
    summarize,
)
from app.evidence import Reading, Reason, Unmeasurable
from app.face.face import CHEEK_LEFT, CHEEK_RIGHT, NOSE_TIP, Face
from app.face.landmarks import FaceFinder
from app.face.mouth import INCISOR_WIDTH, TeethRow, find_mouth_opening, find_teeth_row
from app.face.portrait import Portrait
from app.image.picture import Picture
from tests.synthetic_faces import (
    RegionNetwork,
    perturbed_face,
    place_face,
    symmetric_face,
    transform_face,
)

MEASURES = {"witness", "ln_side", "lag", "ln_gap_depth", "evenness"}
SKIN, LIPS, TEETH, DARK, TONGUE = (
    (200, 160, 140),
    (150, 60, 60),
    (230, 225, 215),
    (40, 15, 15),
    (170, 70, 75),
)
DRAWN_PX = 800
CORNERS = (0.40, 0.60)
MOUTH_Y = 0.72
UPPER = (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308)
LOWER = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308)
OUTER = {0: 13, 37: 82, 267: 312, 39: 81, 269: 311, 17: 14, 84: 87, 314: 317, 181: 178, 405: 402}
LIP_THICKNESS = 0.03


class UniformNetwork(RegionNetwork):
    """A network that says the same of everything."""

    def score_map(self, rgb: RgbArray) -> FloatArray:
        return np.full((5, 3, 4), 0.75)

    def person_mask(self, rgb: RgbArray) -> FloatArray:
        return np.ones((8, 8))


def lip_bow(x: FloatArray, height: float) -> FloatArray:
    """Both lips bow by half of ``height`` in the middle and meet in the corners."""
    centre, half = sum(CORNERS) / 2, (CORNERS[1] - CORNERS[0]) / 2
    out: FloatArray = height / 2 * np.clip(1.0 - ((x - centre) / half) ** 2, 0.0, None)
    return out


def smiling_face(height: float, yaw_deg: float = 0.0) -> Face:
    """Unit coordinates of a frame that is its own crop square; lips open by ``height``."""
    points = place_face((0.5, 0.5, 0.0, 0.0), face=symmetric_face()).landmarks.copy()
    x = np.linspace(*CORNERS, len(UPPER))
    points[list(UPPER)] = np.stack([x, MOUTH_Y - lip_bow(x, height)], axis=1)
    points[list(LOWER)] = np.stack([x, MOUTH_Y + lip_bow(x, height)], axis=1)
    for outer, inner in OUTER.items():
        side = -1.0 if points[inner, 1] < MOUTH_Y else 1.0
        points[outer] = points[inner] + [0.0, side * LIP_THICKNESS]
    points[2] = (0.5, 0.62)
    points[[CHEEK_LEFT, CHEEK_RIGHT]] = [(0.25, 0.55), (0.75, 0.55)]
    points[NOSE_TIP] = (0.5 + 0.25 * math.sin(math.radians(yaw_deg)), 0.57)
    return Face(points)


def draw_mouth(
    height: float = 0.05,
    middle: float = 0.0,
    gaps: dict[int, float] | None = None,
    depth: float = 0.5,
    filling: tuple[int, int, int] = TEETH,
) -> RgbArray:
    """A mouth at 800 px: teeth with gaps at ``centre`` (incisor widths) and every width from it.

    ``gaps`` gives single gaps (0 the middle one) another depth, as a share of the brightness.
    """
    axis = (np.arange(DRAWN_PX) + 0.5) / DRAWN_PX
    x, y = np.meshgrid(axis, axis)
    rgb = np.full((DRAWN_PX, DRAWN_PX, 3), SKIN, dtype=np.float64)
    on_mouth = (x > CORNERS[0] - 0.01) & (x < CORNERS[1] + 0.01)
    opening = lip_bow(x, height)
    rgb[on_mouth & (np.abs(y - MOUTH_Y) < opening + LIP_THICKNESS)] = LIPS
    level = np.ones(DRAWN_PX)
    for k in range(-4, 5):
        gap_x = 0.5 + (middle + k) * INCISOR_WIDTH
        level -= (gaps or {}).get(k, depth) * np.exp(-(((axis - gap_x) / 0.004) ** 2))
    inside = np.abs(y - MOUTH_Y) < opening
    rgb[inside] = (np.array(filling) * level[None, :, None] * np.ones((DRAWN_PX, 1, 1)))[inside]
    return rgb.round().astype(np.uint8)


def resize_to_picture(rgb: RgbArray, side: int) -> Picture:
    array = np.asarray(cv2.resize(rgb, (side, side), interpolation=cv2.INTER_AREA), dtype=np.uint8)
    array.setflags(write=False)
    return Picture(array, "PNG", "")


def make_portrait(
    height: float = 0.05, side: int = 400, yaw_deg: float = 0.0, **how: object
) -> Portrait:
    rgb = draw_mouth(height, **how)  # type: ignore[arg-type]
    return Portrait(
        resize_to_picture(rgb, side),
        transform_face(smiling_face(height, yaw_deg), side),
        network=UniformNetwork(),
    )


def read_portrait(portrait: Portrait) -> Reading:
    measurement = measure(portrait)
    assert isinstance(measurement, Reading)
    return measurement


def find_row(portrait: Portrait) -> TeethRow:
    crop = portrait.crop
    assert crop is not None
    opening = find_mouth_opening(crop.landmarks)
    assert opening is not None
    row = find_teeth_row(crop, opening)
    assert row is not None
    return row


def mirror_portrait(portrait: Portrait) -> Portrait:
    rgb = np.ascontiguousarray(portrait.picture.rgb[:, ::-1])
    rgb.setflags(write=False)
    face = portrait.face.mirrored(portrait.picture.size[0])
    return Portrait(Picture(rgb, "PNG", ""), face, network=UniformNetwork())


def test_the_value_is_what_the_network_says_and_the_names_are_fixed() -> None:
    reading = read_portrait(make_portrait())
    assert reading.value == reading.measures["witness"] == pytest.approx(0.75)
    assert set(reading.measures) == MEASURES
    assert reading.measures["ln_side"] == pytest.approx(math.log(2.0), abs=0.01)


@pytest.mark.parametrize("side", [400, 200])
@pytest.mark.parametrize("middle", [-0.35, -0.2, 0.0, 0.1, 0.25])
def test_the_midline_moves_with_the_drawn_one(middle: float, side: int) -> None:
    assert dental_midline(find_row(make_portrait(middle=middle, side=side))) == pytest.approx(
        middle, abs=0.08
    )


def test_a_midline_that_stays_behind_the_head_lags() -> None:
    """The head turns to the right; the teeth lie to the left of its midline."""
    behind, level, ahead = (
        read_portrait(make_portrait(yaw_deg=20.0, middle=middle)).measures["lag"]
        for middle in (-0.3, 0.0, 0.3)
    )
    assert behind > 0.2 > abs(level)
    assert ahead < -0.2
    assert read_portrait(make_portrait(yaw_deg=-20.0, middle=-0.3)).measures[
        "lag"
    ] == pytest.approx(-behind, abs=0.05)


@given(st.floats(-0.75, 0.75), st.floats(-60.0, 60.0))
def test_lag_has_no_handedness_and_a_frontal_head_no_lag(middle: float, yaw_deg: float) -> None:
    assert lag(middle, yaw_deg) == pytest.approx(lag(-middle, -yaw_deg))
    assert lag(middle, 0.0) == 0.0
    assert abs(lag(middle, yaw_deg)) <= abs(middle)


def test_closing_the_mouth_leaves_nothing_to_measure() -> None:
    assert isinstance(measure(make_portrait(0.03)), Reading)
    for height in (0.0, 0.005, 0.01):
        assert measure(make_portrait(height)) == Unmeasurable(Reason.MOUTH_CLOSED)


@pytest.mark.parametrize("filling", [DARK, TONGUE, LIPS])
def test_an_open_mouth_without_teeth_counts_as_closed(filling: tuple[int, int, int]) -> None:
    assert measure(make_portrait(0.08, filling=filling)) == Unmeasurable(Reason.MOUTH_CLOSED)


def test_a_small_crop_is_not_measured() -> None:
    assert measure(make_portrait(side=MIN_SIDE_PX - 2)) == Unmeasurable(Reason.TOO_SMALL)
    assert isinstance(measure(make_portrait(side=MIN_SIDE_PX + 2)), Reading)


def test_without_a_network_nothing_is_said() -> None:
    there = make_portrait()
    assert measure(Portrait(there.picture, there.face)) == Unmeasurable(Reason.NOT_LOOKED_AT)


def test_a_mouth_beyond_the_picture_is_not_looked_at() -> None:
    there = make_portrait()
    rgb = np.ascontiguousarray(there.picture.rgb[:270])
    rgb.setflags(write=False)
    measured = measure(Portrait(Picture(rgb, "PNG", ""), there.face, network=UniformNetwork()))
    assert isinstance(measured, Unmeasurable)


def test_deeper_gaps_read_deeper() -> None:
    depths = [
        read_portrait(make_portrait(depth=d)).measures["ln_gap_depth"] for d in (0.0, 0.1, 0.3, 0.6)
    ]
    assert depths == sorted(depths)
    assert depths[3] - depths[1] > 1.0


def test_one_gap_that_outdoes_the_others_is_uneven() -> None:
    even = evenness(find_row(make_portrait()))
    odd = evenness(find_row(make_portrait(depth=0.05, gaps={1: 0.8})))
    assert odd < even - 0.1


def test_a_row_without_gaps_reads_the_neutral_values() -> None:
    flat = TeethRow(np.zeros(80), np.linspace(-2.5, 2.5, 80))
    assert ln_gap_depth(flat) == pytest.approx(math.log(2e-3))
    assert evenness(flat) == pytest.approx(math.sqrt(2.0 / math.pi), abs=0.01)
    assert abs(dental_midline(flat)) <= 0.75


@given(st.integers(0, 9999))
def test_measures_stay_in_their_ranges(seed: int) -> None:
    rng = np.random.default_rng(seed)
    row = TeethRow(rng.normal(0.0, rng.uniform(0.0, 0.5), 70), np.linspace(-3.0, 2.0, 70))
    assert 0.0 <= evenness(row) <= 1.0
    assert math.isfinite(ln_gap_depth(row))


@pytest.mark.parametrize("middle", [-0.3, 0.15])
def test_mirrored_reads_the_same(middle: float) -> None:
    there = make_portrait(middle=middle, yaw_deg=15.0, gaps={2: 0.7})
    here, back = read_portrait(there).measures, read_portrait(mirror_portrait(there)).measures
    for name in MEASURES:
        assert back[name] == pytest.approx(here[name], abs=0.06), name


def test_half_the_size_reads_about_the_same() -> None:
    there, half = (
        read_portrait(make_portrait(side=s, yaw_deg=15.0, middle=-0.2)).measures for s in (400, 200)
    )
    assert half["lag"] == pytest.approx(there["lag"], abs=0.06)
    assert half["evenness"] == pytest.approx(there["evenness"], abs=0.05)
    assert half["ln_gap_depth"] == pytest.approx(there["ln_gap_depth"], abs=0.7)  # gaps blur


def test_the_marks_are_two_midlines() -> None:
    dental, face = read_portrait(make_portrait(middle=0.25)).marks
    assert (dental.label, face.label) == ("dental midline", "face midline")
    assert dental.shape == face.shape == "line"
    np.testing.assert_allclose(face.points[:, 0], 200.0, atol=1.0)
    np.testing.assert_allclose(dental.points[:, 0], 400 * (0.5 + 0.25 * INCISOR_WIDTH), atol=1.5)
    assert face.points[0, 1] < dental.points[0, 1] < dental.points[1, 1] < face.points[1, 1]


def test_a_face_in_one_point_or_with_a_vast_mouth_has_no_opening() -> None:
    assert find_mouth_opening(np.full((478, 2), 0.5)) is None
    assert find_mouth_opening(smiling_face(0.05).landmarks * 20.0) is None


@pytest.mark.parametrize("side", [8, 130, 300])
def test_nothing_is_too_nasty(side: int) -> None:
    rng = np.random.default_rng(side)
    flats = [np.full((side, side, 3), level) for level in (0, 128, 255)]
    for rgb in (*flats, rng.integers(0, 256, (side, side, 3))):
        array = rgb.astype(np.uint8)
        array.setflags(write=False)
        for face in (
            transform_face(smiling_face(0.06), side),
            transform_face(smiling_face(0.06), side, 25.0, by=(0.3 * side, -0.2 * side)),
            transform_face(place_face((0.5, 0.5, 0.0, 0.0), face=perturbed_face()), side),
            transform_face(perturbed_face(1), 3.0 * side, 170.0, by=(-5.0 * side, 2.0 * side)),
        ):
            measured = measure(Portrait(Picture(array, "PNG", ""), face, network=UniformNetwork()))
            if isinstance(measured, Reading):
                assert all(math.isfinite(v) for v in measured.measures.values())
                assert set(measured.measures) == MEASURES
                for mark in measured.marks:
                    assert (mark.points >= 0.0).all()
                    assert (mark.points <= side).all()


def test_a_photographed_smile_is_measured(
    finder: FaceFinder, faces: Callable[[str], Picture]
) -> None:
    """And a mirrored one alike; small copies are not measured."""
    measured_names = []
    for name in ("astronaut_ffhq_frame.jpg", "astronaut_ffhq_mirrored.jpg"):
        picture = faces(name)
        (face, *_) = finder.find_faces(picture)
        measured_names.append(read_portrait(Portrait(picture, face, network=UniformNetwork())))
    one, other = (reading.measures for reading in measured_names)
    assert abs(one["lag"]) < 0.75
    assert one["lag"] == pytest.approx(other["lag"], abs=0.15)
    assert one["evenness"] == pytest.approx(other["evenness"], abs=0.05)
    assert one["ln_gap_depth"] == pytest.approx(other["ln_gap_depth"], abs=0.3)


def test_a_moderator_is_told_what_the_teeth_say() -> None:
    sentences = [summarize(llr, None) for llr in (2.0, 0.5, 0.0, -1.0)]
    assert len(set(sentences)) == 4
    assert "drawn" in sentences[0]
    assert "much the same" in sentences[2]
    assert "photograph" in sentences[3]


def test_the_check_is_named_after_its_module() -> None:
    assert measure.__module__ == f"app.checks.{CHECK.name}"
    assert CHECK.measure is measure
