"""Lines, dots and rings: clipped where they must be, dashed evenly, placed within a px."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.arrays import FloatArray
from app.face.alignment import Box
from app.render import shapes
from app.render.style import DotShape, Stroke

BOX = Box(10.0, 20.0, 110.0, 70.0)
numbers = st.floats(-1e7, 1e7)
points = st.tuples(numbers, numbers).map(np.array)
inner = st.tuples(st.floats(10.0, 110.0), st.floats(20.0, 70.0)).map(np.array)


@given(points, points)
def test_what_is_clipped_lies_inside_and_on_the_line(start: FloatArray, end: FloatArray) -> None:
    clipped = shapes.clip_segment(start, end, BOX)
    if clipped is None:
        return
    way, length = end - start, float(np.hypot(*(end - start)))
    for point in clipped:
        assert BOX.left - 1e-6 <= point[0] <= BOX.right + 1e-6
        assert BOX.top - 1e-6 <= point[1] <= BOX.bottom + 1e-6
        aside = way[0] * (point - start)[1] - way[1] * (point - start)[0]
        assert abs(aside) <= 1e-6 * max(length, 1.0) ** 2


@given(inner, points)
def test_a_segment_that_begins_inside_is_never_lost(start: FloatArray, end: FloatArray) -> None:
    clipped = shapes.clip_segment(start, end, BOX)
    assert clipped is not None
    assert clipped[0] == pytest.approx(start)


def test_a_segment_inside_is_kept_and_one_beside_is_dropped() -> None:
    start, end = np.array([20.0, 30.0]), np.array([90.0, 60.0])
    clipped = shapes.clip_segment(start, end, BOX)
    assert clipped is not None
    assert (clipped[0] == start).all()
    assert (clipped[1] == end).all()
    assert shapes.clip_segment(start - [0.0, 30.0], end - [0.0, 60.0], BOX) is None
    assert shapes.clip_segment(np.array([0.0, 0.0]), np.array([0.0, 90.0]), BOX) is None


def test_ways_out_of_a_polygon_inside_there_are_none() -> None:
    square = np.array([[20.0, 30.0], [60.0, 30.0], [60.0, 60.0], [20.0, 60.0]])
    assert shapes.find_exits(square, BOX) == []


@given(st.floats(200.0, 1e6), st.floats(-30.0, 30.0))
def test_a_square_around_the_box_is_pointed_to_on_every_side(half: float, turn_deg: float) -> None:
    turn = np.radians(turn_deg)
    corners = np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]]) * half
    spin = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    exits = shapes.find_exits(corners @ spin + [60.0, 45.0], BOX)
    assert len(exits) == 4
    for tip, way in exits:
        assert np.hypot(*way) == pytest.approx(1.0)
        assert shapes.clip_segment(tip + way * 1e-3, tip + way, BOX) is None


@pytest.mark.parametrize("dash", [(14.0, 14.0), (24.0, 18.0, 2.0, 18.0)])
def test_dashes_are_symmetrical_and_cover_their_share(dash: tuple[float, ...]) -> None:
    canvas = np.zeros((40, 400, 3), dtype=np.uint8)
    path = np.array([[20.0, 20.0], [380.0, 20.0]])
    shapes.stroke_paths(canvas, [path], Stroke((255, 0, 0), 2, dash), Box(0, 0, 400, 40))
    lit = (canvas[20, :, 0] > 200) & (canvas[20, :, 1] < 60)
    assert lit[25]
    assert lit[374]
    assert np.abs(lit.astype(int) - lit[::-1].astype(int)).mean() < 0.03
    assert 0.8 < lit[20:380].mean() / (sum(dash[::2]) / sum(dash)) < 1.4


@pytest.mark.parametrize("kind", ["disc", "square", "diamond"])
def test_a_dot_lies_where_it_was_put(kind: DotShape) -> None:
    for offset in (0.0, 0.25, 0.5, 0.75):
        canvas = np.zeros((60, 60, 3), dtype=np.uint8)
        shapes.draw_dot(canvas, np.array([30.0 + offset, 30.0]), 6.0, (255, 0, 0), kind)
        red = (canvas[..., 0].astype(float) - canvas[..., 1]).clip(0)
        columns = np.arange(60) + 0.5
        assert (red.sum(axis=0) @ columns) / red.sum() == pytest.approx(30.0 + offset, abs=0.3)
