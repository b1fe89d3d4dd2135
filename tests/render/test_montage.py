"""Montage: tiles in their places, marks where they belong, pages of any list."""

import io
import itertools
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from app.evidence import Outcome, Verdict
from app.image.picture import Picture
from app.image.thumbnails import thumbnail_jpeg
from app.render import style
from app.render.eye_lines import GAP_SHARE
from app.render.eye_template import EyeTemplate
from app.render.montage import (
    MAX_TILES_PER_PAGE,
    MontageHeader,
    MontageLayout,
    draw_montage,
    lay_out_montage,
)
from app.render.montage_tile import CELL_PX, MONTAGE_TILE_PX, MontageTile

Pixels = NDArray[np.int64]

TEMPLATE = EyeTemplate("ffhq", ((0.375, 0.471), (0.625, 0.471)))
HEADER = MontageHeader(
    "Eye positions", 1, 1, 1, 3, "highest llr first", {Verdict.LIKELY_STYLEGAN: 1}, 2
)
ON_TEMPLATE = (0.375, 0.471, 0.625, 0.471)


def make_jpeg(
    width: int = 128, height: int = 128, colour: tuple[int, int, int] = (90, 140, 90)
) -> bytes:
    return thumbnail_jpeg(Picture(np.full((height, width, 3), colour, dtype=np.uint8), "PNG", ""))


def make_tile(seq: int = 0, **changes: object) -> MontageTile:
    default = MontageTile(
        seq,
        f"@account{seq}",
        Verdict.UNLIKELY_STYLEGAN,
        Outcome.SCORED,
        -1.5,
        make_jpeg(),
        (0.3, 0.3, 0.5, 0.3),
    )
    return replace(default, **changes)  # type: ignore[arg-type]  # a test's own changes


def draw_pixels(tiles: list[MontageTile], header: MontageHeader = HEADER) -> Pixels:
    image = Image.open(io.BytesIO(draw_montage(tiles, header, TEMPLATE)))
    assert (image.format, image.mode) == ("PNG", "RGB")
    return np.asarray(image).astype(np.int64)


def make_layout(count: int, header: MontageHeader = HEADER) -> MontageLayout:
    return lay_out_montage(count, header, TEMPLATE)


def tile_pixel(number: int, count: int, unit: tuple[float, float]) -> tuple[int, int]:
    """Row and column of a point of the tile at ``number`` among ``count``."""
    left, top = make_layout(count).cell(number)
    return int(top + unit[1] * MONTAGE_TILE_PX), int(left + unit[0] * MONTAGE_TILE_PX)


def is_near_colour(
    pixels: Pixels, colour: tuple[int, int, int], tolerance: int = 40
) -> NDArray[np.bool_]:
    close: NDArray[np.bool_] = np.abs(pixels - colour).max(axis=-1) <= tolerance
    return close


class TestTiles:
    def test_each_avatar_stands_in_its_own_place(self) -> None:
        colours = [(200, 30, 30), (30, 200, 30), (30, 30, 200), (200, 200, 30)]
        pixels = draw_pixels(
            [make_tile(i, thumbnail=make_jpeg(colour=c)) for i, c in enumerate(colours)]
        )
        for number, colour in enumerate(colours):
            for spot in ((0.1, 0.1), (0.9, 0.1), (0.1, 0.9), (0.9, 0.9)):
                assert is_near_colour(pixels[tile_pixel(number, 4, spot)], colour, 8)

    def test_rows_follow_when_a_row_is_full(self) -> None:
        plan_of = make_layout(25)
        assert plan_of.cell(plan_of.columns)[0] == plan_of.cell(0)[0]
        assert plan_of.cell(plan_of.columns)[1] == plan_of.cell(0)[1] + CELL_PX[1]

    def test_the_template_lies_in_the_same_place_of_every_tile(self) -> None:
        tiles = [
            make_tile(0),
            make_tile(1, outcome=Outcome.NO_FACE, eyes=None),
            make_tile(2, eyes=ON_TEMPLATE),
        ]
        pixels = draw_pixels(tiles)
        gap = int(GAP_SHARE * MONTAGE_TILE_PX)
        for number, eye in itertools.product(range(3), TEMPLATE.eyes):
            row, column = tile_pixel(number, 3, eye)
            reach = gap + 4
            beside = (row, column - reach), (row, column + reach)
            for y, x in (*beside, (row - reach, column), (row + reach, column)):
                around = pixels[y - 2 : y + 3, x - 2 : x + 3]
                assert is_near_colour(around, style.VERMILLION).any()

    def test_nothing_covers_the_eyes(self) -> None:
        """Even a page shrunk to a width of 600 px leaves an eye two px in every direction."""
        pixels = draw_pixels([make_tile(0, eyes=ON_TEMPLATE), make_tile(1)])
        shrunk = 600 / pixels.shape[1]
        reach = int(GAP_SHARE * MONTAGE_TILE_PX) - 2
        assert reach * shrunk >= 2.0
        for number, eye in itertools.product(range(2), TEMPLATE.eyes):
            row, column = tile_pixel(number, 2, eye)
            around = pixels[row - reach : row + reach + 1, column - reach : column + reach + 1]
            assert is_near_colour(around, (90, 140, 90), 8).all()

    def test_without_a_template_avatars_are_left_alone(self) -> None:
        bare = np.asarray(Image.open(io.BytesIO(draw_montage([make_tile()], HEADER, None))))
        left, top = lay_out_montage(1, HEADER, None).cell(0)
        inner = bare[top : top + MONTAGE_TILE_PX, left : left + MONTAGE_TILE_PX].astype(np.int64)
        assert is_near_colour(inner, (90, 140, 90), 8).all()

    def test_irises_are_marked_at_the_edges_where_they_were_measured(self) -> None:
        for eyes in ((0.3, 0.3, 0.5, 0.3), (0.2, 0.7, 0.8, 0.75), ON_TEMPLATE):
            pixels = draw_pixels([make_tile(eyes=eyes)])
            spots = [(x, edge) for x in eyes[::2] for edge in (0.03, 0.97)]
            spots += [(0.03, eyes[1]), (0.97, eyes[3])]
            for spot in spots:
                row, column = tile_pixel(0, 1, spot)
                assert is_near_colour(
                    pixels[row - 1 : row + 2, column - 1 : column + 2], style.IRIS_COLOUR
                ).any()

    def test_nothing_is_marked_where_no_face_was_found(self) -> None:
        pixels = draw_pixels(
            [make_tile(eyes=None, outcome=Outcome.NO_FACE, verdict=Verdict.NOT_APPLICABLE)]
        )
        row, column = tile_pixel(0, 1, (0.0, 0.0))
        assert not is_near_colour(
            pixels[row : row + MONTAGE_TILE_PX, column : column + MONTAGE_TILE_PX],
            style.IRIS_COLOUR,
        ).any()

    @pytest.mark.parametrize("size", [(128, 64), (64, 128), (128, 3), (40, 40)])
    def test_an_oblong_avatar_is_letterboxed_and_its_marks_go_with_it(
        self, size: tuple[int, int]
    ) -> None:
        pixels = draw_pixels([make_tile(thumbnail=make_jpeg(*size), eyes=(0.25, 0.5, 0.75, 0.5))])
        width, height = (max(1, round(side * MONTAGE_TILE_PX / max(size))) for side in size)
        row, column = tile_pixel(0, 1, (0.0, 0.0))
        inner = pixels[row : row + MONTAGE_TILE_PX, column : column + MONTAGE_TILE_PX]
        left, top = (MONTAGE_TILE_PX - width) // 2, (MONTAGE_TILE_PX - height) // 2
        between_the_lines = top + height // 5, left + int(0.45 * width)
        assert is_near_colour(inner[between_the_lines], (90, 140, 90), 8)
        if top > 4:
            assert is_near_colour(inner[: top - 20], style.SURROUND, 2).all()
        if left > 4:
            assert is_near_colour(inner[:, : left - 20], style.SURROUND, 2).all()
        if min(width, height) > 8:
            for unit in (0.25, 0.75):
                x, y = left + int(unit * width), top + 4
                assert is_near_colour(inner[y - 2 : y + 3, x - 2 : x + 3], style.IRIS_COLOUR).any()

    def test_the_flagged_have_a_thick_frame(self) -> None:
        tiles = [
            make_tile(0, verdict=Verdict.LIKELY_STYLEGAN, llr=3.0),
            make_tile(1),
            make_tile(2, verdict=Verdict.INCONCLUSIVE),
        ]
        pixels = draw_pixels(tiles)
        widths = []
        for number, one in enumerate(tiles):
            row, column = tile_pixel(number, 3, (0.0, 0.1))
            beside = pixels[row, column - 6 : column]
            widths.append(int(is_near_colour(beside, style.VERDICT_COLOUR[one.verdict], 4).sum()))
        assert widths == [4, 0, 2]

    def test_verdicts_differ_in_shape_as_well(self) -> None:
        assert len(set(style.VERDICT_DOT_SHAPE.values())) == len(Verdict)
        shapes = []
        for verdict in (Verdict.LIKELY_STYLEGAN, Verdict.UNLIKELY_STYLEGAN):
            pixels = draw_pixels([make_tile(verdict=verdict)])
            left, top = make_layout(1).cell(0)
            box = pixels[top + MONTAGE_TILE_PX + 30 : top + MONTAGE_TILE_PX + 44, left : left + 14]
            shapes.append(is_near_colour(box, style.VERDICT_COLOUR[verdict], 60))
        assert (shapes[0] != shapes[1]).sum() > 15

    def test_what_failed_is_shown_plainly(self) -> None:
        failed = MontageTile(7, "@gone", error="The picture could not be fetched")
        pixels = draw_pixels([failed])
        row, column = tile_pixel(0, 1, (0.0, 0.0))
        inner = pixels[row : row + MONTAGE_TILE_PX, column : column + MONTAGE_TILE_PX]
        assert is_near_colour(inner, style.SURROUND, 2).mean() > 0.8
        assert is_near_colour(inner, style.INK, 30).sum() > 60
        assert not is_near_colour(inner, style.VERMILLION).any()


class TestPages:
    def test_same_input_same_bytes(self) -> None:
        tiles = [make_tile(n) for n in range(5)]
        assert draw_montage(tiles, HEADER, TEMPLATE) == draw_montage(iter(tiles), HEADER, TEMPLATE)

    def test_an_empty_page_is_a_picture_all_the_same(self) -> None:
        assert draw_pixels([]).shape[1] > 1000

    def test_a_page_has_an_end_even_if_the_list_has_none(self) -> None:
        drawn_count = 0

        def endless() -> Iterator[MontageTile]:
            nonlocal drawn_count
            for drawn_count in itertools.count(1):
                yield make_tile(drawn_count)

        with pytest.raises(ValueError, match="300"):
            draw_montage(endless(), HEADER, TEMPLATE)
        assert drawn_count == MAX_TILES_PER_PAGE + 1

    def test_the_largest_page_is_of_a_size_that_can_be_looked_at(self) -> None:
        width, height = make_layout(MAX_TILES_PER_PAGE).size
        assert max(width, height) < 4500
        assert 0.7 < width / height < 1.4

    def test_three_thousand_in_pages_cost_one_page(self) -> None:
        """Thumbnails are unpacked one at a time: all of a page at once would be 180 MB."""
        large = make_tile(thumbnail=_large_jpeg())
        tracemalloc.start()
        for page in range(1, 3000 // 60 + 1, 25):
            tiles = (replace(large, seq=60 * page + n) for n in range(60))
            draw_montage(tiles, replace(HEADER, page=page, pages=50, total=3000), TEMPLATE)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 60_000_000

    def test_a_long_title_and_many_notes_push_the_tiles_down(self) -> None:
        long = replace(HEADER, title="word " * 60, notes=("a note " * 40,) * 2)
        assert make_layout(1, long).tiles_top > make_layout(1).tiles_top
        assert draw_pixels([make_tile()], long).shape[0] > draw_pixels([make_tile()]).shape[0]


def _large_jpeg() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (1000, 1000), (90, 140, 90)).save(buffer, "JPEG")
    return buffer.getvalue()


coordinates = st.floats(-50.0, 50.0)
any_tile = st.builds(
    MontageTile,
    seq=st.integers(0, 10**9),
    name=st.text(max_size=400),
    verdict=st.sampled_from(Verdict),
    outcome=st.sampled_from(Outcome),
    llr=st.floats(-9.0, 9.0),
    thumbnail=st.just(make_jpeg()),
    eyes=st.none() | st.tuples(coordinates, coordinates, coordinates, coordinates),
    error=st.text(max_size=80),
    note=st.text(max_size=30),
)


@given(any_tile)
@example(MontageTile(10**6, "\x1b", outcome=Outcome.SCORED))
@example(MontageTile(10**9, "W" * 400, outcome=Outcome.SCORED, llr=-9.0, note="W" * 90))
@settings(max_examples=12, deadline=None)
def test_nothing_spills_into_the_neighbours(strange: MontageTile) -> None:
    calm = [make_tile(0), make_tile(1), make_tile(2)]
    one = draw_pixels(calm)
    other = draw_pixels([calm[0], strange, calm[2]])
    left, top = make_layout(3).cell(1)
    # Caption and frame lie in the cell's own margin; the next avatar's begins behind it.
    one[top - 8 : top + CELL_PX[1] - 8, left - 8 : left + CELL_PX[0] - 8] = 0
    other[top - 8 : top + CELL_PX[1] - 8, left - 8 : left + CELL_PX[0] - 8] = 0
    assert (one == other).all()
