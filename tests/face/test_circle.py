import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.arrays import BoolArray, FloatArray
from app.face.circle import Circle, find_circle, outline_points

SIDE = 200


def disc_mask(x: float, y: float, radius: float) -> BoolArray:
    rows, columns = np.mgrid[:SIDE, :SIDE] + 0.5
    inside: BoolArray = np.hypot(columns - x, rows - y) < radius
    return inside


def points_on_circle(circle: Circle, count: int = 90) -> FloatArray:
    turn = np.linspace(0.0, 2.0 * np.pi, count, endpoint=False)
    x, y, radius = circle
    return np.column_stack([x + radius * np.cos(turn), y + radius * np.sin(turn)])


@given(x=st.floats(90.0, 110.0), y=st.floats(90.0, 110.0), radius=st.floats(30.0, 85.0))
def test_a_disc_is_found_from_its_outline(x: float, y: float, radius: float) -> None:
    circle = find_circle(outline_points(disc_mask(x, y, radius)), (x + 3.0, y - 3.0, radius * 1.05))
    assert circle == pytest.approx((x, y, radius), abs=0.6)


def test_what_sticks_out_of_a_circle_does_not_move_it() -> None:
    circle = (100.0, 90.0, 60.0)
    points = points_on_circle(circle)
    points[:15] += 25.0
    assert find_circle(points, (103.0, 88.0, 62.0)) == pytest.approx(circle, abs=1e-6)


def test_a_square_is_no_circle() -> None:
    square = np.zeros((SIDE, SIDE), dtype=bool)
    square[40:160, 40:160] = True
    assert find_circle(outline_points(square), (100.0, 100.0, 60.0)) is None


def test_a_few_points_are_no_circle() -> None:
    assert (
        find_circle(points_on_circle((100.0, 100.0, 50.0), count=12), (100.0, 100.0, 50.0)) is None
    )


def test_the_outline_turns_with_the_picture() -> None:
    mask = disc_mask(80.0, 110.0, 50.0) | disc_mask(120.0, 100.0, 30.0)
    turned = outline_points(mask.T)[:, ::-1]
    assert sorted(map(tuple, turned)) == sorted(map(tuple, outline_points(mask)))
