import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from app.face.median import median

shapes = hnp.array_shapes(min_dims=1, max_dims=2, min_side=1, max_side=40)


@given(
    st.one_of(
        hnp.arrays(np.float64, shapes, elements=st.floats(-1e6, 1e6)),
        hnp.arrays(np.float32, shapes, elements=st.floats(-1e6, 1e6, width=32)),
        hnp.arrays(np.uint8, shapes),
        hnp.arrays(np.int16, shapes),
    )
)
def test_it_is_numpy_s(values: NDArray[np.float64]) -> None:
    np.testing.assert_array_equal(median(values), np.median(values, axis=0))


def test_of_nothing_there_is_none() -> None:
    with pytest.raises(ValueError, match="not enough"):
        median(np.zeros(0))
