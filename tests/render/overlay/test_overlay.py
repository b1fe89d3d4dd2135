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
from app.render.overlay.overlay import draw_overlay, plan_overlay

Pixels = NDArray[np.int64]
Say = Callable[..., Analysis]
Draw = Callable[..., Pixels]

FFHQ_EYES = np.array([[0.381, 0.477], [0.615, 0.477]])


def flat(size: tuple[int, int] = (400, 400)) -> Picture:
    return Picture(np.full((size[1], size[0], 3), 128, dtype=np.uint8), "PNG", "ab" * 32)


def near_colour(shown: Pixels, colour: style.Colour) -> NDArray[np.bool_]:
    near: NDArray[np.bool_] = np.abs(shown - np.array(colour)).max(axis=-1) < 24
    return near


def at(shown: Pixels, point: NDArray[np.float64]) -> Pixels:
    """The pixel in which ``point``, px of the canvas, lies."""
    x, y = np.floor(point).astype(int)
    found: Pixels = shown[y, x]
    return found


def dot_centre(shown: Pixels, around: NDArray[np.float64], reach: int = 12) -> NDArray[np.float64]:
    """Middle of the sky-blue pixels near ``around``, px of the canvas."""
    x, y = np.floor(around).astype(int)
    window = shown[y - reach : y + reach, x - reach : x + reach]
    rows, columns = np.nonzero(near_colour(window, style.IRIS))
    assert len(rows) > 20
    return np.array([columns.mean() + x - reach + 0.5, rows.mean() + y - reach + 0.5])


def stage_only(shown: Pixels, analysis: Analysis) -> Pixels:
    area = plan_overlay(analysis).stage.area
    return shown[:944, : int(area.right)]


class TestPicture:
    def test_it_is_a_png_with_the_avatar_800_px_long(self, said_of: Say, drawn: Draw) -> None:
        for size in ((400, 400), (48, 48), (1200, 900), (300, 700)):
            analysis = said_of(size, faces=())
            plan = plan_overlay(analysis)
            shown = drawn(analysis)
            assert shown.shape == (plan.size[1], plan.size[0], 3)
            avatar = plan.stage.avatar
            assert max(avatar.width, avatar.height) == 800
            assert avatar.width / avatar.height == pytest.approx(size[0] / size[1], rel=0.01)

    def test_same_input_same_bytes_and_input_untouched(
        self, said_of: Say, matched: Callable[..., Match]
    ) -> None:
        picture, analysis = flat(), said_of(match=matched((400, 400)))
        before = picture.rgb.copy()
        assert draw_overlay(picture, analysis) == draw_overlay(picture, analysis)
        assert (picture.rgb == before).all()

    def test_the_avatar_is_drawn_as_it_is(self, without_face: Say) -> None:
        ramp = np.repeat(np.arange(0, 200, dtype=np.uint8)[None, :, None], 200, axis=0)
        rgb = np.repeat(ramp, 3, axis=2)
        analysis = without_face(size=(200, 200))
        png = draw_overlay(Picture(rgb, "PNG", ""), analysis)
        shown = np.asarray(Image.open(io.BytesIO(png))).astype(np.int64)
        place = plan_overlay(analysis).stage.place
        for x in (10.5, 77.5, 150.5):
            assert abs(at(shown, place(np.array([[x, 100.0]]))[0])[0] - int(x)) <= 1

    def test_an_analysis_of_another_picture_is_refused(self, said_of: Say) -> None:
        with pytest.raises(ValueError, match=r"\(400, 400\)"):
            draw_overlay(flat((100, 100)), said_of())

    def test_a_picture_twice_the_size_is_drawn_alike(
        self, said_of: Say, ordinary: Face, drawn: Draw
    ) -> None:
        small, large = (
            said_of(),
            said_of((800, 800), faces=(Face(ordinary.landmarks * 2.0),), match=None),
        )
        one = stage_only(drawn(small), small)
        other = stage_only(drawn(large), large)
        assert np.abs(one - other).max() <= 2

    def test_a_mirrored_picture_is_drawn_mirrored(
        self, said_of: Say, ordinary: Face, drawn: Draw
    ) -> None:
        analysis, mirrored = said_of(), said_of(faces=(ordinary.mirrored(400.0),))
        one = stage_only(drawn(analysis), analysis)
        other = stage_only(drawn(mirrored), mirrored)
        # Anti-aliased edges round differently; nothing may lie elsewhere.
        assert (np.abs(one[:, ::-1] - other).max(axis=-1) > 120).mean() < 2e-4


class TestSymbols:
    @pytest.mark.parametrize("colour", [(0, 0, 0), (255, 255, 255), (128, 128, 128), (200, 60, 40)])
    def test_irises_are_marked_where_they_were_measured(
        self, colour: style.Colour, said_of: Say, ordinary: Face, drawn: Draw
    ) -> None:
        analysis = said_of()
        shown = drawn(analysis, colour)
        for eye in plan_overlay(analysis).stage.place(ordinary.eyes):
            assert np.hypot(*(dot_centre(shown, eye) - eye)) < 1.0

    def test_a_marker_follows_its_iris(
        self, said_of: Say, face_at: Callable[..., Face], drawn: Draw
    ) -> None:
        moved = face_at((181.0, 150.0), (241.0, 156.0))
        before, after = said_of(), said_of(faces=(moved,))
        centres = [
            dot_centre(drawn(a), plan_overlay(a).stage.place(a.faces[0].eyes)[0])
            for a in (before, after)
        ]
        assert centres[1] - centres[0] == pytest.approx([22.0, 0.0], abs=1.0)

    @pytest.mark.parametrize(
        "frame", [None, Box(-40.0, -40.0, 440.0, 440.0), Box(100.0, 200.0, 290.0, 390.0)]
    )
    def test_template_eyes_are_open_rings_in_the_matched_frame(
        self, frame: Box | None, said_of: Say, matched: Callable[..., Match], drawn: Draw
    ) -> None:
        analysis = said_of(match=matched((400, 400), frame))
        shown = drawn(analysis)
        box = frame or Box(0.0, 0.0, 400.0, 400.0)
        eyes = FFHQ_EYES * [box.width, box.height] + [box.left, box.top]
        for eye in plan_overlay(analysis).stage.place(eyes):
            assert at(shown, eye) == pytest.approx([128, 128, 128])
            for way in ((0.7, 0.7), (-0.7, 0.7), (0.7, -0.7), (-0.7, -0.7)):
                ring = at(shown, eye + np.array(way) / np.hypot(*way) * overlay_image.RING_PX)
                assert near_colour(ring, style.VERMILLION)

    def test_where_no_template_fits_it_is_shown_in_the_pictures_own_frame(
        self, said_of: Say, matched: Callable[..., Match], drawn: Draw
    ) -> None:
        box = Box(-60.0, -60.0, 460.0, 460.0)
        far = said_of(match=matched((400, 400), box, distance=60.0))
        own = said_of(match=matched((400, 400), None, distance=60.0))
        assert (drawn(far) == drawn(own)).all()

    def test_the_crop_square_is_solid_and_the_frame_is_dashed(
        self, said_of: Say, ordinary: Face, drawn: Draw
    ) -> None:
        analysis = said_of()
        shown, place = drawn(analysis), plan_overlay(analysis).stage.place
        square = overlay_image.square_asked(analysis)
        assert square is not None
        for start, end in itertools.pairwise([*square, square[0]]):
            along = start + np.linspace(0.02, 0.98, 60)[:, None] * (end - start)
            assert all(near_colour(at(shown, p), style.SKY_BLUE) for p in place(along))
        along = np.column_stack([np.linspace(20.0, 380.0, 300), np.zeros(300)])
        lit = [bool(near_colour(at(shown, p), style.WHITE)) for p in place(along)]
        assert 0.2 < np.mean(lit) < 0.8

    def test_every_stroke_shows_on_a_background_of_its_own_colour(
        self, said_of: Say, without_face: Say, matched: Callable[..., Match], drawn: Draw
    ) -> None:
        for colour in (style.SKY_BLUE, style.VERMILLION, style.WHITE, style.BLACK):
            bare = drawn(without_face(), colour).sum(axis=-1)[:944, :944]
            marked = drawn(said_of(match=matched((400, 400))), colour)
            marked = marked.sum(axis=-1)[:944, :944]
            # The rings alone are some 500 px; black or white lies beside every colour.
            assert (np.abs(marked - bare) > 250).sum() > 2000

    def test_without_a_face_nothing_is_marked(self, without_face: Say, drawn: Draw) -> None:
        shown = drawn(without_face())[:944, :944]
        for colour in (style.SKY_BLUE, style.VERMILLION):
            assert not near_colour(shown, colour).any()

    def test_other_faces_are_outlined_and_numbered(
        self, said_of: Say, face_at: Callable[..., Face], ordinary: Face, drawn: Draw
    ) -> None:
        other = face_at((60.0, 280.0), (100.0, 280.0))
        alone, both = said_of(), said_of(faces=(ordinary, other))
        changed = (drawn(alone) != drawn(both)).any(axis=-1)
        oval = plan_overlay(both).stage.place(other.oval)
        assert all(changed[int(y), int(x)] for x, y in oval)
        x, y = oval[0].astype(int)
        assert changed[y - 28 : y - 8, x - 8 : x + 8].any()

    def test_a_line_points_to_a_crop_square_out_of_sight(
        self, said_of: Say, face_at: Callable[..., Face], drawn: Draw
    ) -> None:
        huge = said_of(faces=(face_at((-300.0, 150.0), (700.0, 150.0)),))
        shown, area = drawn(huge), plan_overlay(huge).stage.area
        middle = int(area.right / 2)
        assert near_colour(shown[6:20, middle - 40 : middle + 40], style.SKY_BLUE).any()


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
    said_of: Say,
    matched: Callable[..., Match],
    testimony: Callable[..., Evidence],
    face_at: Callable[..., Face],
    ordinary: Face,
    drawn: Draw,
) -> None:
    size = (width, height)
    face = face_at(eyes[:2], eyes[2:])
    match = matched(size, Box(left, -left, left + side, side - left))
    mark = Mark(face.oval, "outline", "oval")
    analysis = replace(
        said_of(size, (ordinary,), match, (testimony("check", mark),)), faces=(face, ordinary)
    )
    shown = drawn(analysis)
    assert shown.shape[1] <= 800 + 2 * overlay_image.MAX_MARGIN_PX + 600
    # Nothing spills into the panel's own margin.
    right = int(plan_overlay(analysis).stage.area.right)
    assert (shown[:, right : right + 20] == 255).all()
