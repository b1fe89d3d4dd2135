import numpy as np
import pytest

from app.training.network.degradation import crop_or_pad, degrade, enlarge, recompress
from tests.training.network.made_crops import make_blotches


def test_the_same_random_numbers_do_the_same_to_any_picture() -> None:
    """Differences between two pictures outlast it; nothing else comes in."""
    tile = make_blotches(64, 5)
    for seed in range(8):
        once, again = (degrade(np.random.default_rng(seed), tile) for _ in range(2))
        np.testing.assert_array_equal(once, again)
    results = {degrade(np.random.default_rng(seed), tile).tobytes() for seed in range(8)}
    assert len(results) > 6


def test_recompressing_keeps_the_picture_and_its_colours() -> None:
    tile = make_blotches(64, 2, (180, 120, 60))
    good, bad = recompress(tile, 95), recompress(tile, 20)
    assert good.shape == tile.shape
    wrong = [float(np.abs(t.astype(int) - tile).mean()) for t in (good, bad)]
    assert wrong[0] < 3.0
    assert wrong[0] < wrong[1] < 12.0


def test_enlarging_by_one_or_less_changes_nothing() -> None:
    tile = make_blotches(40, 3)
    assert enlarge(tile, 1.0) is tile
    assert enlarge(tile, 0.5) is tile
    assert enlarge(tile, 2.0).shape == (80, 80, 3)


@pytest.mark.parametrize(("width", "height"), [(30, 20), (50, 60), (40, 40), (30, 60)])
def test_fitted_is_cut_or_repeats_its_last_row_and_column(width: int, height: int) -> None:
    tile = make_blotches(40, 4)
    result = crop_or_pad(tile, width, height)
    assert result.shape == (height, width, 3)
    rows, columns = (np.minimum(np.arange(n), 39) for n in (height, width))
    np.testing.assert_array_equal(result, tile[rows][:, columns])
