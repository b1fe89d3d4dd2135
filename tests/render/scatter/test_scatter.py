"""Scatter: eyes in their places, regions where the template has them, any number of faces."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from app.evidence import Verdict
from app.render import style
from app.render.eye_template import REGION_SDS, EyeTemplate
from app.render.scatter.eye_histogram import MAX_POINTS, EyePositions, count_eyes
from app.render.scatter.scatter import ScatterLayout, draw_scatter, lay_out_scatter
from app.render.scatter.scatter_panel import ScatterPanel

Pixels = NDArray[np.int64]
Faces = list[tuple[EyePositions, str]]

TEMPLATE = EyeTemplate("ffhq", ((0.375, 0.471), (0.625, 0.471)))
LIKELY, REST = str(Verdict.LIKELY_STYLEGAN), str(Verdict.UNLIKELY_STYLEGAN)
ON_TEMPLATE = (0.375, 0.471, 0.625, 0.471)


def draw_pixels(faces: Faces) -> tuple[Pixels, ScatterLayout]:
    image = Image.open(io.BytesIO(draw_scatter(faces, TEMPLATE)))
    assert (image.format, image.mode) == ("PNG", "RGB")
    layout = lay_out_scatter(count_eyes(faces, TEMPLATE), TEMPLATE, "Where the eyes are", ())
    return np.asarray(image).astype(np.int64), layout


def pixels_around(
    pixels: Pixels, panel: ScatterPanel, eye: tuple[float, float], reach: int = 2
) -> Pixels:
    x, y = panel.to_canvas(np.array([eye]))[0]
    row, column = round(float(y)), round(float(x))
    return pixels[row - reach : row + reach, column - reach : column + reach]


def has_colour(pixels: Pixels, colour: tuple[int, int, int], tolerance: int = 30) -> bool:
    return bool((np.abs(pixels - colour).max(axis=-1) <= tolerance).any())


def random_faces(count: int) -> Faces:
    rng = np.random.default_rng(2)
    eyes = rng.normal((0.4, 0.4, 0.6, 0.4), 0.08, (count, 4))
    return [(tuple(e), REST) for e in eyes.tolist()]


def test_eyes_are_drawn_where_they_lie_in_the_colour_of_their_group() -> None:
    pixels, layout = draw_pixels([((0.2, 0.3, 0.8, 0.35), REST), ((0.15, 0.7, 0.85, 0.9), LIKELY)])
    for eye in ((0.2, 0.3), (0.8, 0.35)):
        assert has_colour(pixels_around(pixels, layout.frame, eye), style.SKY_BLUE)
    for eye in ((0.15, 0.7), (0.85, 0.9)):
        assert has_colour(pixels_around(pixels, layout.frame, eye), style.VERMILLION)


def test_the_groups_differ_in_shape_as_well() -> None:
    shapes = []
    for verdict, colour in ((REST, style.SKY_BLUE), (LIKELY, style.VERMILLION)):
        pixels, layout = draw_pixels([((0.2, 0.25, 0.8, 0.75), verdict)])
        spot = pixels_around(pixels, layout.frame, (0.2, 0.25), 6)
        shapes.append(np.abs(spot - colour).max(axis=-1) <= 70)
    assert (shapes[0] != shapes[1]).sum() >= 6


@pytest.mark.parametrize("eye", [0, 1])
def test_each_inset_shows_its_own_eye_enlarged(eye: int) -> None:
    x, y = TEMPLATE.eyes[eye]
    pixels, layout = draw_pixels([((0.395, 0.491, 0.645, 0.491), REST)])
    inset = layout.insets[eye]
    assert has_colour(pixels_around(pixels, inset, (x + 0.02, y + 0.02)), style.SKY_BLUE)
    assert inset.box.width / inset.side > 4 * layout.frame.box.width


def test_the_other_eye_is_not_in_an_inset() -> None:
    left_only = (0.625, 0.471, 0.9, 0.9)  # a left eye where the template has the right one
    pixels, layout = draw_pixels([(left_only, REST)])
    assert not has_colour(
        pixels_around(pixels, layout.insets[1], (0.625, 0.471), 8), style.SKY_BLUE
    )


def test_regions_are_open_ellipses_around_the_template() -> None:
    pixels, layout = draw_pixels([])
    for eye, panel in enumerate(layout.insets):
        x, y = TEMPLATE.eyes[eye]
        across, down = (REGION_SDS * sd for sd in TEMPLATE.sd)
        for edge in ((x + across, y), (x - across, y), (x, y + down), (x, y - down)):
            assert has_colour(pixels_around(pixels, panel, edge, 3), style.VERMILLION)
        assert not has_colour(pixels_around(pixels, panel, (x, y), 20), style.VERMILLION, 60)


def test_axes_are_the_pictures_own_coordinates() -> None:
    layout = draw_pixels([])[1]
    assert layout.frame.ticks(0) == pytest.approx(np.linspace(0.0, 1.0, 11))
    for panel in layout.insets:
        for axis in (0, 1):
            ticks = panel.ticks(axis)
            assert len(ticks) == 5
            least = panel.corner[axis]
            assert all(least - 1e-9 <= t <= least + panel.side + 1e-9 for t in ticks)


def test_more_than_can_be_told_apart_become_a_density() -> None:
    faces = random_faces(MAX_POINTS + 1)
    pixels, layout = draw_pixels(faces)
    dense = pixels_around(pixels, layout.frame, (0.4, 0.4), 6).mean(axis=(0, 1))
    thin = pixels_around(pixels, layout.frame, (0.4, 0.15), 6).mean(axis=(0, 1))
    # Darker where more eyes lie; white where none do.
    assert dense.sum() < thin.sum() - 60
    corner = pixels_around(pixels, layout.frame, (0.95, 0.95), 6)
    assert (corner == 255).all()


def test_a_likely_one_shows_through_any_density() -> None:
    eyes = (0.4, 0.4, 0.6, 0.4)
    pixels, layout = draw_pixels([*random_faces(MAX_POINTS + 1), (eyes, LIKELY)])
    assert has_colour(pixels_around(pixels, layout.frame, (0.4, 0.4)), style.VERMILLION)


def test_same_input_same_bytes_and_a_stream_is_as_good_as_a_list() -> None:
    faces = [*random_faces(500), (ON_TEMPLATE, LIKELY)]
    assert draw_scatter(faces, TEMPLATE) == draw_scatter(iter(faces), TEMPLATE)


def test_notes_stand_in_the_heading() -> None:
    bare = lay_out_scatter(count_eyes([], TEMPLATE), TEMPLATE, "t", ())
    noted = lay_out_scatter(
        count_eyes([], TEMPLATE), TEMPLATE, "t", ("21 faces lie in the template.",)
    )
    assert noted.frame.box.top > bare.frame.box.top
    assert any("21 faces" in line for row in noted.rows for line in row.lines)


@given(
    st.lists(
        st.tuples(st.tuples(*[st.floats(-1e6, 1e6)] * 4), st.sampled_from([LIKELY, REST])),
        max_size=12,
    )
)
@settings(max_examples=20, deadline=None)
def test_nothing_is_drawn_beyond_the_panels(seen: Faces) -> None:
    pixels, layout = draw_pixels(seen)
    for panel in (layout.frame, *layout.insets):
        left, right = round(panel.box.left), round(panel.box.right)
        top, bottom = round(panel.box.top), round(panel.box.bottom)
        for colour in (style.SKY_BLUE, style.VERMILLION):
            assert not has_colour(pixels[top:bottom, right + 1 : right + 12], colour)
            assert not has_colour(pixels[top + 30 : bottom, left - 4 : left - 1], colour)
            assert not has_colour(pixels[bottom + 1 : bottom + 5, left:right], colour)
