import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.arrays import FloatArray, RgbArray
from app.checks.irises import (
    CHECK,
    MIN_SIDE_PX,
    elongation,
    find_eyes,
    find_highlight,
    has_dark_glasses,
    likeness,
    ln_colour_difference,
    ln_ring,
    measure,
    summarize,
)
from app.evidence import Reading, Reason, Unmeasurable
from app.face.eyes import MIN_RADIUS_PX, Eye, quantile
from app.face.face import IRIS_LEFT, IRIS_RIGHT, MIRROR_INDEX, Face
from app.face.landmarks import FaceFinder
from app.face.portrait import Portrait
from app.image.picture import Picture
from tests.synthetic_faces import (
    RegionNetwork,
    perturbed_face,
    place_face,
    symmetric_face,
    transform_face,
)

MEASURES = {
    "witness",
    "ln_side",
    "ln_colour_difference",
    "likeness",
    "ln_elongation",
    "ln_ring",
}
LIDS = (33, 246, 161, 160, 159, 158, 157, 173, 133, 155, 154, 153, 145, 144, 163, 7)
CHEEKS = (50, 280, 205, 425)
SKIN, WHITE, BROWN, PUPIL, HIGHLIGHT = (
    (200, 160, 140),
    (225, 220, 215),
    (110, 75, 50),
    (25, 20, 20),
    (250, 250, 250),
)
Colour = tuple[int, int, int]
DRAWN_PX = 800
RADIUS = 0.022
LID_WIDTH, LID_HEIGHT = 0.055, 0.028


class FixedNetwork(RegionNetwork):
    """A network that says the same of everything."""

    def score_map(self, rgb: RgbArray) -> FloatArray:
        return np.full((5, 3, 4), -0.5)

    def person_mask(self, rgb: RgbArray) -> FloatArray:
        return np.ones((8, 8))


def staring_face(lid_height: float = LID_HEIGHT, radius: float = RADIUS) -> Face:
    """Unit coordinates of a frame that is its own crop square; oval lids around both irises."""
    points = place_face((0.5, 0.5, 0.0, 0.0), face=symmetric_face()).landmarks.copy()
    turn = np.arange(len(LIDS)) / len(LIDS) * 2.0 * math.pi
    lids = np.stack([-LID_WIDTH * np.cos(turn), -lid_height * np.sin(turn)], axis=1)
    ring = radius * np.array([[1.0, 0.0], [0.0, -1.0], [-1.0, 0.0], [0.0, 1.0]])
    for centre, outline, flip in (
        (IRIS_LEFT, list(LIDS), 1.0),
        (IRIS_RIGHT, MIRROR_INDEX[[*LIDS]], -1),
    ):
        points[outline] = points[centre] + lids * [flip, 1.0]
        points[centre + 1 : centre + 5] = points[centre] + ring * [flip, 1.0]
    points[list(CHEEKS)] = [(0.38, 0.58), (0.62, 0.58), (0.40, 0.62), (0.60, 0.62)]
    return Face(points)


def draw_eye(
    rgb: RgbArray,
    centre: FloatArray,
    *,
    iris: Colour = BROWN,
    shine: tuple[float, float] | None = (-0.3, -0.3),
    pupil: tuple[float, float] = (0.35, 0.35),
    white: Colour = WHITE,
) -> None:
    """``shine`` and the semi-axes of ``pupil`` in iris radii."""

    def draw_oval(at: FloatArray, half: tuple[float, float], colour: Colour) -> None:
        centre_px = np.round(at * DRAWN_PX * 16 - 8).astype(int)
        axes = tuple(round(h * DRAWN_PX * 16) for h in half)
        cv2.ellipse(rgb, centre_px.tolist(), axes, 0, 0, 360, colour, -1, cv2.LINE_AA, 4)

    draw_oval(centre, (LID_WIDTH, LID_HEIGHT), white)
    draw_oval(centre, (RADIUS, RADIUS), iris)
    draw_oval(centre, (pupil[0] * RADIUS, pupil[1] * RADIUS), PUPIL)
    if shine is not None:
        draw_oval(centre + RADIUS * np.array(shine), (0.15 * RADIUS, 0.15 * RADIUS), HIGHLIGHT)


def make_portrait(
    side: int = 400,
    left: Mapping[str, object] | None = None,
    right: Mapping[str, object] | None = None,
    face: Face | None = None,
    grain: float = 0.0,
) -> Portrait:
    """Both eyes brown with a highlight at the upper left, unless ``left`` or ``right`` differ."""
    face = face or staring_face()
    rgb = np.full((DRAWN_PX, DRAWN_PX, 3), SKIN, dtype=np.uint8)
    for eye, style in zip(face.eyes, (left or {}, right or {}), strict=True):
        draw_eye(rgb, eye, **style)  # type: ignore[arg-type]
    small = cv2.resize(rgb, (side, side), interpolation=cv2.INTER_AREA).astype(np.float64)
    small += np.random.default_rng(0).normal(0.0, grain, small.shape)
    return Portrait(
        make_picture(small.clip(0, 255)), transform_face(face, side), network=FixedNetwork()
    )


def make_picture(rgb: object) -> Picture:
    array = np.ascontiguousarray(rgb, dtype=np.uint8)
    array.setflags(write=False)
    return Picture(array, "PNG", "")


def read_portrait(portrait: Portrait) -> Reading:
    measurement = measure(portrait)
    assert isinstance(measurement, Reading)
    return measurement


def find_both_eyes(portrait: Portrait) -> tuple[Eye, Eye]:
    assert portrait.crop is not None
    eyes = find_eyes(portrait.crop)
    assert not isinstance(eyes, Unmeasurable)
    return eyes


def test_the_value_is_what_the_network_says_and_the_names_are_fixed() -> None:
    reading = read_portrait(make_portrait())
    assert reading.value == reading.measures["witness"] == pytest.approx(-0.5)
    assert set(reading.measures) == MEASURES
    assert reading.measures["ln_side"] == pytest.approx(math.log(2.0), abs=0.01)


def test_a_highlight_moved_in_one_eye_only_makes_them_less_alike() -> None:
    there = {"shine": (-0.3, -0.3)}
    both = likeness(*find_both_eyes(make_portrait(left=there, right=there)))
    moved_a_little = likeness(
        *find_both_eyes(make_portrait(left=there, right={"shine": (-0.1, -0.3)}))
    )
    moved_far = likeness(*find_both_eyes(make_portrait(left=there, right={"shine": (0.4, 0.4)})))
    gone = likeness(*find_both_eyes(make_portrait(left=there, right={"shine": None})))
    assert both > moved_a_little > moved_far
    assert both > gone
    together = {"shine": (0.4, 0.4)}
    assert likeness(*find_both_eyes(make_portrait(left=together, right=together))) > moved_far + 0.5


def test_the_further_the_colours_the_larger_their_difference() -> None:
    greener = [(110, 75, 50), (100, 82, 55), (80, 95, 70), (60, 110, 130)]
    read_ = [
        ln_colour_difference(*find_both_eyes(make_portrait(right={"iris": iris})))
        for iris in greener
    ]
    assert read_ == sorted(read_)
    assert read_[0] < 0.5 < 2.0 < read_[-1]


def test_colours_do_not_care_about_highlights() -> None:
    plain = ln_colour_difference(*find_both_eyes(make_portrait()))
    assert (
        ln_colour_difference(*find_both_eyes(make_portrait(right={"shine": (0.3, 0.2)})))
        < plain + 0.7
    )


@pytest.mark.parametrize("axes", [(0.45, 0.25), (0.25, 0.45)])
def test_a_long_pupil_reads_longer_than_a_round_one(axes: tuple[float, float]) -> None:
    style = {"shine": None}
    round_, _ = find_both_eyes(make_portrait(left=style, right=style))
    long, _ = find_both_eyes(make_portrait(left={"pupil": axes, "shine": None}, right=style))
    assert elongation(round_) < 0.1
    assert elongation(long) > 0.35


def test_texture_inside_lowers_the_ring_and_a_paler_iris_too() -> None:
    dull = {"shine": None}
    rings = [
        ln_ring(find_both_eyes(make_portrait(left=dull, grain=g))[0]) for g in (0.0, 15.0, 30.0)
    ]
    assert rings == sorted(rings, reverse=True)
    assert rings[2] < rings[0] - 0.3
    pale, _ = find_both_eyes(make_portrait(left={"iris": (190, 180, 170), "shine": None}))
    assert ln_ring(pale) < rings[0]


def test_closed_lids_leave_nothing_to_measure() -> None:
    assert isinstance(measure(make_portrait()), Reading)
    closed = make_portrait(face=staring_face(lid_height=0.003))
    assert measure(closed) == Unmeasurable(Reason.EYES_CLOSED)


def test_dark_glasses_hide_the_irises() -> None:
    dark: dict[str, object] = {
        "iris": (12, 12, 14),
        "white": (14, 14, 16),
        "shine": None,
    }
    assert measure(make_portrait(left=dark, right=dark)) == Unmeasurable(Reason.OCCLUDED)
    left, right = find_both_eyes(make_portrait(left=dark))
    assert not has_dark_glasses(left, right, 70.0)  # one eye in shade is no pair of glasses
    assert has_dark_glasses(left, left, 70.0)


def test_small_crops_and_small_irises_are_not_measured() -> None:
    assert measure(make_portrait(side=MIN_SIDE_PX - 2)) == Unmeasurable(Reason.TOO_SMALL)
    assert isinstance(measure(make_portrait(side=MIN_SIDE_PX + 2)), Reading)
    tiny = make_portrait(face=staring_face(radius=(MIN_RADIUS_PX - 0.1) / 400))
    assert measure(tiny) == Unmeasurable(Reason.TOO_SMALL)


def test_without_a_network_nothing_is_said() -> None:
    there = make_portrait()
    assert measure(Portrait(there.picture, there.face)) == Unmeasurable(Reason.NOT_LOOKED_AT)


def test_mirrored_reads_the_same() -> None:
    there = make_portrait(
        left={"pupil": (0.45, 0.3)}, right={"iris": (80, 95, 70), "shine": (0.1, 0.3)}
    )
    face = there.face.mirrored(400.0)
    back = Portrait(make_picture(there.picture.rgb[:, ::-1]), face, network=FixedNetwork())
    here, mirrored = read_portrait(there).measures, read_portrait(back).measures
    for name in MEASURES:
        assert mirrored[name] == pytest.approx(here[name], abs=0.08), name


def test_half_the_size_reads_about_the_same() -> None:
    style = {"iris": (80, 95, 70), "shine": (0.1, 0.3)}
    there, half = (read_portrait(make_portrait(side=s, right=style)).measures for s in (400, 200))
    for name in MEASURES - {"ln_side", "ln_ring"}:
        assert half[name] == pytest.approx(there[name], abs=0.35), name
    assert half["ln_ring"] == pytest.approx(there["ln_ring"], abs=0.9)  # edges blur into texture


def test_the_marks_are_both_irises_and_their_highlights() -> None:
    reading = read_portrait(
        make_portrait(left={"shine": (-0.3, -0.3)}, right={"shine": (0.4, 0.3)})
    )
    left, right, lights = reading.marks
    assert [m.label for m in reading.marks] == ["iris", "iris", "highlights"]
    assert [m.shape for m in reading.marks] == ["outline", "outline", "dots"]
    eyes = 400.0 * staring_face().eyes
    for mark, eye in zip((left, right), eyes, strict=True):
        np.testing.assert_allclose(mark.points.mean(axis=0), eye, atol=0.1)
        distances = np.linalg.norm(mark.points - eye, axis=1)
        np.testing.assert_allclose(distances, 400.0 * RADIUS, atol=0.1)
    expected = eyes + 400.0 * RADIUS * np.array([[-0.3, -0.3], [0.4, 0.3]])
    np.testing.assert_allclose(lights.points, expected, atol=1.5)


def test_without_highlights_there_are_no_dots() -> None:
    dull: dict[str, object] = {"shine": None}
    assert [m.label for m in read_portrait(make_portrait(left=dull, right=dull)).marks] == [
        "iris",
        "iris",
    ]
    assert find_highlight(find_both_eyes(make_portrait(left=dull))[0]) is None


def test_flat_eyes_read_the_neutral_values() -> None:
    eye, _ = find_both_eyes(make_portrait())
    flat = replace(eye, lab=np.full((40, 40, 3), 50.0))
    assert likeness(flat, flat) == 0.0
    assert elongation(flat) == pytest.approx(0.45)
    assert ln_ring(flat) == 0.0
    assert ln_colour_difference(flat, flat) == pytest.approx(math.log(0.7))


@pytest.mark.parametrize("side", [8, 130, 300])
def test_nothing_is_too_nasty(side: int) -> None:
    rng = np.random.default_rng(side)
    flats = [np.full((side, side, 3), level) for level in (0, 128, 255)]
    for rgb in (*flats, rng.integers(0, 256, (side, side, 3))):
        for face in (
            transform_face(staring_face(), side),
            transform_face(staring_face(), side, 25.0, by=(0.3 * side, -0.2 * side)),
            transform_face(place_face((0.5, 0.5, 0.0, 0.0), face=perturbed_face()), side),
            transform_face(perturbed_face(1), 3.0 * side, 170.0, by=(-5.0 * side, 2.0 * side)),
        ):
            measured = measure(Portrait(make_picture(rgb), face, network=FixedNetwork()))
            if isinstance(measured, Reading):
                assert all(math.isfinite(v) for v in measured.measures.values())
                assert set(measured.measures) == MEASURES
                for mark in measured.marks:
                    assert (mark.points >= 0.0).all()
                    assert (mark.points <= side).all()


def test_photographed_eyes_are_measured(
    finder: FaceFinder, faces: Callable[[str], Picture]
) -> None:
    measured_names = []
    for name in ("astronaut_ffhq_frame.jpg", "astronaut_ffhq_mirrored.jpg"):
        picture = faces(name)
        (face, *_) = finder.find_faces(picture)
        measured_names.append(read_portrait(Portrait(picture, face, network=FixedNetwork())))
    one, other = (reading.measures for reading in measured_names)
    for name in MEASURES:
        assert other[name] == pytest.approx(one[name], abs=0.4), name


def test_a_moderator_is_told_what_the_irises_say() -> None:
    sentences = [summarize(llr, None) for llr in (2.0, 0.5, 0.0, -1.0)]
    assert len(set(sentences)) == 4
    assert "drawn" in sentences[0]
    assert "much the same" in sentences[2]
    assert "photograph" in sentences[3]


def test_the_check_is_named_after_its_module() -> None:
    assert measure.__module__ == f"app.checks.{CHECK.name}"
    assert CHECK.measure is measure


@given(st.lists(st.floats(0.0, 100.0), min_size=1, max_size=50), st.floats(0.0, 1.0))
def test_a_quantile_is_numpys(values: list[float], share: float) -> None:
    expected = np.quantile(np.array(values), share)
    assert quantile(np.sort(np.array(values)), share) == pytest.approx(float(expected), abs=1e-9)
