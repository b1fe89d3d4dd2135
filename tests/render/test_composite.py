"""Composite: sharp where tiles agree, mist where they do not, honest where there are few."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image

from app.records import AVERAGE_TILE_PX
from app.render import style
from app.render.composite import (
    ALL,
    LIKELY,
    MIN_AVERAGED,
    REST,
    TileSum,
    caveat_text,
    draw_composite,
    mean_picture,
)
from app.render.eye_template import EyeTemplate

Pixels = NDArray[np.int64]
Averages = dict[str, tuple[int, NDArray[np.uint64]]]

SHAPE = (AVERAGE_TILE_PX, AVERAGE_TILE_PX, 3)
TEMPLATE = EyeTemplate("ffhq", ((0.375, 0.471), (0.625, 0.471)))
LEFT, TOP, SIDE, RIGHT = 40, 110, 560, 648
"""Where the averages begin, roughly; how large they are drawn."""


def draw_face(across: int = 0, down: int = 0) -> NDArray[np.uint8]:
    """A flat face with two dark eyes, moved by so many px."""
    pixels = np.full(SHAPE, 180, dtype=np.uint8)
    for eye in (72, 120):
        pixels[84 + down : 96 + down, eye - 6 + across : eye + 6 + across] = 20
    return pixels


def sum_tiles(tiles: list[NDArray[np.uint8]]) -> tuple[int, NDArray[np.uint64]]:
    return len(tiles), np.sum([t.astype(np.uint64) for t in tiles], axis=0, dtype=np.uint64)


def both_groups() -> Averages:
    shifts = np.random.default_rng(1).integers(-60, 60, (60, 2))
    return {
        LIKELY: sum_tiles([draw_face()] * 20),
        REST: sum_tiles([draw_face(int(x), int(y)) for x, y in shifts]),
    }


def draw_pixels(
    averages: Averages, group: str | None = None, template: EyeTemplate | None = None
) -> Pixels:
    image = Image.open(io.BytesIO(draw_composite(averages, group=group, template=template)))
    assert (image.format, image.mode) == ("PNG", "RGB")
    return np.asarray(image).astype(np.int64)


def contrast(pixels: Pixels) -> float:
    return float(np.ptp(pixels))


def test_eyes_stay_sharp_where_pictures_share_them() -> None:
    pixels = draw_pixels(both_groups())
    middle = slice(TOP + 100, TOP + 500)
    sharp = pixels[middle, LEFT : LEFT + SIDE]
    mist = pixels[middle, RIGHT : RIGHT + SIDE]
    assert contrast(sharp) > 150
    assert contrast(mist) < 60


def test_the_eyes_are_shown_enlarged_below() -> None:
    pixels = draw_pixels(both_groups(), group=LIKELY)
    dark = (pixels[:, LEFT : LEFT + SIDE] < 60).all(axis=-1)
    # One pair in the average; the same twice as large below, before the words begin.
    per_row = dark.sum(axis=1)
    below = TOP + SIDE + 30
    square, strip = per_row[TOP : below - 30].max(), per_row[below : below + 190].max()
    assert strip == pytest.approx(2 * square, rel=0.1)


def test_a_group_alone_is_as_wide_as_one_average() -> None:
    both = both_groups()
    assert draw_pixels(both, group=REST).shape[1] < 0.6 * draw_pixels(both).shape[1]


def test_all_is_the_average_of_both_groups() -> None:
    both = both_groups()
    count = both[LIKELY][0] + both[REST][0]
    together = {REST: (count, both[LIKELY][1] + both[REST][1])}
    one, other = draw_pixels(both, group=ALL), draw_pixels(together, group=ALL)
    assert (one == other).all()


@pytest.mark.parametrize("kind", [np.uint32, np.uint64, np.float64])
def test_any_kind_of_sum_will_do(kind: type[np.generic]) -> None:
    both = both_groups()
    cast: dict[str, tuple[int, TileSum]] = {
        name: (count, total.astype(kind)) for name, (count, total) in both.items()
    }
    assert draw_composite(cast) == draw_composite(both)


def test_the_order_of_pictures_does_not_matter() -> None:
    tiles = [draw_face(n % 7, n % 5) for n in range(12)]
    assert draw_composite({REST: sum_tiles(tiles)}) == draw_composite(
        {REST: sum_tiles(tiles[::-1])}
    )


def test_an_empty_group_is_shown_as_empty() -> None:
    nothing = np.zeros(SHAPE, dtype=np.uint64)
    for averages in ({}, {LIKELY: (0, nothing)}):
        pixels = draw_pixels(averages, group=LIKELY)
        inner = pixels[TOP + 100 : TOP + 400, LEFT : LEFT + SIDE]
        assert (inner == style.RULE).all()


def test_few_pictures_are_not_passed_off_as_an_average() -> None:
    caveats = [caveat_text(REST, count) for count in (0, 1, MIN_AVERAGED - 1, MIN_AVERAGED)]
    assert len(set(caveats)) == 4
    assert "no average" in caveats[0]
    assert "not an average" in caveats[1]
    pixels = [draw_composite({REST: (n, n * draw_face().astype(np.uint64))}) for n in (1, 5, 50)]
    assert len(set(pixels)) == 3


def test_lines_are_drawn_only_where_asked_for_and_leave_the_eyes() -> None:
    both = both_groups()
    with_lines = draw_pixels(both, template=TEMPLATE)
    changed = (np.abs(with_lines - draw_pixels(both)) > 40).any(axis=-1)
    rows, columns = np.nonzero(changed)
    assert changed.sum() > 500
    top = rows.min()
    for x, y in TEMPLATE.eyes:
        assert np.abs(columns - (LEFT + x * SIDE)).min() < 2
        row, column = int(top + y * SIDE), int(LEFT + x * SIDE)
        assert not changed[row - 38 : row + 38, column - 38 : column + 38].any()
    assert np.ptp(rows) == SIDE - 1


def test_an_unknown_group_is_refused() -> None:
    with pytest.raises(ValueError, match="everyone"):
        draw_composite({}, group="everyone")


def test_a_sum_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        draw_composite({REST: (2, np.zeros((64, 64, 3)))})


@given(st.integers(1, 10**7), arrays(np.uint8, (3,)))
@settings(max_examples=30)
def test_the_mean_is_what_was_added(count: int, colour: NDArray[np.uint8]) -> None:
    total = np.broadcast_to(colour.astype(np.uint64) * count, SHAPE)
    assert (mean_picture(count, total) == colour).all()
