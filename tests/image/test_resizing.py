import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.image.resizing import halve


@given(st.integers(2, 40), st.integers(2, 40), st.integers(0, 100))
def test_a_pixel_is_the_mean_of_the_four_that_it_stands_for(
    width: int, height: int, seed: int
) -> None:
    rgb = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    result = halve(rgb)
    even = rgb[: height // 2 * 2, : width // 2 * 2].astype(float)
    means = even.reshape(height // 2, 2, width // 2, 2, 3).mean(axis=(1, 3))
    assert result.shape == means.shape
    assert np.abs(result - means).max() <= 0.5


@pytest.mark.parametrize("side", [2, 3])
def test_the_smallest_picture_becomes_one_pixel(side: int) -> None:
    assert halve(np.full((side, side, 3), 7, dtype=np.uint8)).tolist() == [[[7, 7, 7]]]
