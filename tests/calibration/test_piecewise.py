import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.calibration.piecewise import PiecewiseLinear

numbers = st.floats(-100.0, 100.0).map(lambda number: round(number, 3))


@given(st.lists(st.tuples(numbers, numbers), min_size=1, unique_by=lambda p: p[0]), numbers)
def test_it_is_numpys(points: list[tuple[float, float]], x: float) -> None:
    points.sort()
    xs, ys = np.array(points).T
    line = PiecewiseLinear.through(points)
    for place in (x, *xs.tolist()):
        assert line(place) == pytest.approx(float(np.interp(place, xs, ys)), abs=1e-9)
