"""The overlay: what it must show, where, on any background, and for any geometry."""

import io
import itertools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from app.evidence import Analysis, Evidence, Mark, Match
from app.face.alignment import Box
from app.face.face import Face
from app.image.picture import Picture
from app.render import style
from app.render.overlay import overlay_image
from app.render.overlay.overlay import draw_overlay, lay_out_canvas

Pixels = NDArray[np.int64]
MakeAnalysis = Callable[..., Analysis]
DrawPixels = Callable[..., Pixels]

FFHQ_EYES = np.array([[0.381, 0.477], [0.615, 0.477]])


def flat_picture(size: tuple[int, int] = (400, 400)) -> Picture:
    return Picture(np.full((size[1], size[0], 3), 128, dtype=np.uint8), "PNG", "ab" * 32)


def is_near_colour(pixels: Pixels, colour: style.Colour) -> NDArray[np.bool_]:
    near: NDArray[np.bool_] = np.abs(pixels - np.array(colour)).max(axis=-1) < 24
    return near


def pixel_at(pixels: Pixels, point: NDArray[np.float64]) -> Pixels:
    """The pixel in which ``point``, px of the canvas, lies."""
    x, y = np.floor(point).astype(int)
    pixel: Pixels = pixels[y, x]
    return pixel


def dot_centre(pixels: Pixels, around: NDArray[np.float64], reach: int = 12) -> NDArray[np.float64]:
    """Middle of the sky-blue pixels near ``around``, px of the canvas."""
    x, y = np.floor(around).astype(int)
    window = pixels[y - reach : y + reach, x - reach : x + reach]
    rows, columns = np.nonzero(is_near_colour(window, style.IRIS_COLOUR))
    assert len(rows) > 20
    return np.array([columns.mean() + x - reach + 0.5, rows.mean() + y - reach + 0.5])


def crop_to_overlay(pixels: Pixels, analysis: Analysis) -> Pixels:
    area = lay_out_canvas(analysis).overlay.area
    return pixels[:944, : int(area.right)]


class TestPicture:
    def test_it_is_a_png_with_the_avatar_800_px_long(
        self, make_analysis: MakeAnalysis, draw_pixels: DrawPixels
    ) -> None:
        for size in ((400, 400), (48, 48), (1200, 900), (300, 700)):
            analysis = make_analysis(size, faces=())
            layout = lay_out_canvas(analysis)
            pixels = draw_pixels(analysis)
            assert pixels.shape == (layout.size[1], layout.size[0], 3)
            avatar = layout.overlay.avatar
            assert max(avatar.width, avatar.height) == 800
            assert avatar.width / avatar.height == pytest.approx(size[0] / size[1], rel=0.01)

    def test_same_input_same_bytes_and_input_untouched(
        self, make_analysis: MakeAnalysis, make_match: Callable[..., Match]
    ) -> None:
        picture, analysis = flat_picture(), make_analysis(match=make_match((400, 400)))
        before = picture.rgb.copy()
        assert draw_overlay(picture, analysis) == draw_overlay(picture, analysis)
        assert (picture.rgb == before).all()

    def test_the_avatar_is_drawn_as_it_is(self, make_faceless_analysis: MakeAnalysis) -> None:
        ramp = np.repeat(np.arange(0, 200, dtype=np.uint8)[None, :, None], 200, axis=0)
        rgb = np.repeat(ramp, 3, axis=2)
        analysis = make_faceless_analysis(size=(200, 200))
        png = draw_overlay(Picture(rgb, "PNG", ""), analysis)
        pixels = np.asarray(Image.open(io.BytesIO(png))).astype(np.int64)
        to_canvas = lay_out_canvas(analysis).overlay.to_canvas
        for x in (10.5, 77.5, 150.5):
            assert abs(pixel_at(pixels, to_canvas(np.array([[x, 100.0]]))[0])[0] - int(x)) <= 1

    def test_an_analysis_of_another_picture_is_refused(self, make_analysis: MakeAnalysis) -> None:
        with pytest.raises(ValueError, match=r"\(400, 400\)"):
            draw_overlay(flat_picture((100, 100)), make_analysis())

    def test_a_picture_twice_the_size_is_drawn_alike(
        self, make_analysis: MakeAnalysis, ordinary_face: Face, draw_pixels: DrawPixels
    ) -> None:
        small, large = (
            make_analysis(),
            make_analysis((800, 800), faces=(Face(ordinary_face.landmarks * 2.0),), match=None),
        )
        one = crop_to_overlay(draw_pixels(small), small)
        other = crop_to_overlay(draw_pixels(large), large)
        assert np.abs(one - other).max() <= 2

    def test_a_mirrored_picture_is_drawn_mirrored(
        self, make_analysis: MakeAnalysis, ordinary_face: Face, draw_pixels: DrawPixels
    ) -> None:
        analysis, mirrored = make_analysis(), make_analysis(faces=(ordinary_face.mirrored(400.0),))
        one = crop_to_overlay(draw_pixels(analysis), analysis)
        other = crop_to_overlay(draw_pixels(mirrored), mirrored)
        # Anti-aliased edges round differently; nothing may lie elsewhere.
        assert (np.abs(one[:, ::-1] - other).max(axis=-1) > 120).mean() < 2e-4


class TestSymbols:
    @pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (128, 128, 128), (200, 60, 40)])
    def test_irises_are_marked_where_they_were_measured(
        self,
        colour: style.Colour,
        make_analysis: MakeAnalysis,
        ordinary_face: Face,
        draw_pixels: DrawPixels,
    ) -> None:
        analysis = make_analysis()
        pixels = draw_pixels(analysis, colour)
        for eye in lay_out_canvas(analysis).overlay.to_canvas(ordinary_face.eyes):
            assert np.hypot(*(dot_centre(pixels, eye) - eye)) < 1.0

    def test_a_marker_follows_its_iris(
        self, make_analysis: MakeAnalysis, make_face: Callable[..., Face], draw_pixels: DrawPixels
    ) -> None:
        moved = make_face((181.0, 150.0), (241.0, 156.0))
        before, after = make_analysis(), make_analysis(faces=(moved,))
        centres = [
            dot_centre(draw_pixels(a), lay_out_canvas(a).overlay.to_canvas(a.faces[0].eyes)[0])
            for a in (before, after)
        ]
        assert centres[1] - centres[0] == pytest.approx([22.0, 0.0], abs=1.0)

    @pytest.mark.parametrize(
        "frame", [None, Box(-40.0, -40.0, 440.0, 440.0), Box(100.0, 200.0, 290.0, 390.0)]
    )
    def test_template_eyes_are_open_rings_in_the_matched_frame(
        self,
        frame: Box | None,
        make_analysis: MakeAnalysis,
        make_match: Callable[..., Match],
        draw_pixels: DrawPixels,
    ) -> None:
        analysis = make_analysis(match=make_match((400, 400), frame))
        pixels = draw_pixels(analysis)
        box = frame or Box(0.0, 0.0, 400.0, 400.0)
        eyes = FFHQ_EYES * [box.width, box.height] + [box.left, box.top]
        for eye in lay_out_canvas(analysis).overlay.to_canvas(eyes):
            assert pixel_at(pixels, eye) == pytest.approx([128, 128, 128])
            for way in ((0.7, 0.7), (-0.7, 0.7), (0.7, -0.7), (-0.7, -0.7)):
                ring = pixel_at(
                    pixels, eye + np.array(way) / np.hypot(*way) * overlay_image.RING_RADIUS_PX
                )
                assert is_near_colour(ring, style.VERMILLION)

    def test_where_no_template_fits_it_is_shown_in_the_pictures_own_frame(
        self, make_analysis: MakeAnalysis, make_match: Callable[..., Match], draw_pixels: DrawPixels
    ) -> None:
        box = Box(-60.0, -60.0, 460.0, 460.0)
        far = make_analysis(match=make_match((400, 400), box, distance=60.0))
        own = make_analysis(match=make_match((400, 400), None, distance=60.0))
        assert (draw_pixels(far) == draw_pixels(own)).all()

    def test_the_crop_square_is_solid_and_the_frame_is_dashed(
        self, make_analysis: MakeAnalysis, ordinary_face: Face, draw_pixels: DrawPixels
    ) -> None:
        analysis = make_analysis()
        pixels, to_canvas = draw_pixels(analysis), lay_out_canvas(analysis).overlay.to_canvas
        square = overlay_image.crop_square_px(analysis)
        assert square is not None
        for start, end in itertools.pairwise([*square, square[0]]):
            along = start + np.linspace(0.02, 0.98, 60)[:, None] * (end - start)
            assert all(
                is_near_colour(pixel_at(pixels, p), style.SKY_BLUE) for p in to_canvas(along)
            )
        along = np.column_stack([np.linspace(20.0, 380.0, 300), np.zeros(300)])
        lit = [bool(is_near_colour(pixel_at(pixels, p), style.WHITE)) for p in to_canvas(along)]
        assert 0.2 < np.mean(lit) < 0.8

    def test_every_stroke_shows_on_a_background_of_its_own_colour(
        self,
        make_analysis: MakeAnalysis,
        make_faceless_analysis: MakeAnalysis,
        make_match: Callable[..., Match],
        draw_pixels: DrawPixels,
    ) -> None:
        for colour in (style.SKY_BLUE, style.VERMILLION, style.WHITE, style.BLACK):
            bare = draw_pixels(make_faceless_analysis(), colour).sum(axis=-1)[:944, :944]
            marked = draw_pixels(make_analysis(match=make_match((400, 400))), colour)
            marked = marked.sum(axis=-1)[:944, :944]
            # The rings alone are some 500 px; black or white lies beside every colour.
            assert (np.abs(marked - bare) > 250).sum() > 2000

    def test_without_a_face_nothing_is_marked(
        self, make_faceless_analysis: MakeAnalysis, draw_pixels: DrawPixels
    ) -> None:
        pixels = draw_pixels(make_faceless_analysis())[:944, :944]
        for colour in (style.SKY_BLUE, style.VERMILLION):
            assert not is_near_colour(pixels, colour).any()

    def test_other_faces_are_outlined_and_numbered(
        self,
        make_analysis: MakeAnalysis,
        make_face: Callable[..., Face],
        ordinary_face: Face,
        draw_pixels: DrawPixels,
    ) -> None:
        other = make_face((60.0, 280.0), (100.0, 280.0))
        alone, both = make_analysis(), make_analysis(faces=(ordinary_face, other))
        changed = (draw_pixels(alone) != draw_pixels(both)).any(axis=-1)
        oval = lay_out_canvas(both).overlay.to_canvas(other.oval)
        assert all(changed[int(y), int(x)] for x, y in oval)
        x, y = oval[0].astype(int)
        assert changed[y - 28 : y - 8, x - 8 : x + 8].any()

    def test_a_line_points_to_a_crop_square_out_of_sight(
        self, make_analysis: MakeAnalysis, make_face: Callable[..., Face], draw_pixels: DrawPixels
    ) -> None:
        huge = make_analysis(faces=(make_face((-300.0, 150.0), (700.0, 150.0)),))
        pixels, area = draw_pixels(huge), lay_out_canvas(huge).overlay.area
        middle = int(area.right / 2)
        assert is_near_colour(pixels[6:20, middle - 40 : middle + 40], style.SKY_BLUE).any()


sides = st.integers(1, 2000)
coordinates = st.floats(-1e5, 1e5)
irises = st.tuples(coordinates, coordinates, coordinates, coordinates)


@given(
    width=sides,
    height=sides,
    eyes=irises,
    left=st.floats(-2000.0, 2000.0),
    side=st.floats(0.1, 1e4),
)
@settings(max_examples=25, deadline=None)
def test_any_crop_square_and_frame_is_drawn_within_bounds(
    width: int,
    height: int,
    eyes: tuple[float, float, float, float],
    left: float,
    side: float,
    make_analysis: MakeAnalysis,
    make_match: Callable[..., Match],
    make_evidence: Callable[..., Evidence],
    make_face: Callable[..., Face],
    ordinary_face: Face,
    draw_pixels: DrawPixels,
) -> None:
    size = (width, height)
    face = make_face(eyes[:2], eyes[2:])
    match = make_match(size, Box(left, -left, left + side, side - left))
    mark = Mark(face.oval, "outline", "oval")
    analysis = replace(
        make_analysis(size, (ordinary_face,), match, (make_evidence("check", mark),)),
        faces=(face, ordinary_face),
    )
    pixels = draw_pixels(analysis)
    assert pixels.shape[1] <= 800 + 2 * overlay_image.MAX_MARGIN_PX + 600
    # Nothing spills into the panel's own margin.
    layout = lay_out_canvas(analysis)
    right = int(layout.overlay.area.right)
    assert (pixels[: int(layout.overlay.area.bottom), right : right + 20] == 255).all()
