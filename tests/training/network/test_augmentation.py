from typing import Any

import numpy as np
import pytest

from app.image.picture import RgbArray
from app.networks.regions import HIDDEN, Region
from app.training.network.augmentation import (
    LARGEST_PX,
    SMALLEST_PX,
    WINDOW_PX,
    Sampler,
    enlarged,
    fitted,
    recompressed,
)
from app.training.network.crops import Crops
from app.training.network.sampling import Groups
from tests.training.network.toys import both_sides, painting

REGIONS = [region for region in Region if region is not Region.TEXTURE]
CROPS = both_sides()


def sampler(seed: int = 0, crops: Crops = CROPS) -> Sampler:
    return Sampler(crops, Groups(crops.kept, range(len(crops.kept))), seed)


def reddish(tile: RgbArray) -> bool:
    return float(tile[:, :, 0].mean()) > float(tile[:, :, 2].mean())


# Batches


def test_windows_are_of_one_size_and_half_of_them_generated() -> None:
    tiles, labels = sampler().whole(10)
    assert labels == [0, 1] * 5
    for tile in tiles:
        assert tile.shape == (WINDOW_PX, WINDOW_PX, 3)
        assert tile.dtype == np.uint8


@pytest.mark.parametrize("region", REGIONS)
def test_tiles_of_a_region_are_of_one_size_and_half_of_them_generated(region: Region) -> None:
    draws = sampler()
    for _ in range(6):
        tiles, labels = draws.regional(region, 4)
        assert labels == [0, 1, 0, 1]
        assert len({tile.shape for tile in tiles}) == 1
        assert {tile.dtype for tile in tiles} == {np.dtype(np.uint8)}
        height, width, _ = tiles[0].shape
        assert height <= 192
        assert width <= 208


def test_labels_say_which_class_a_sample_is_of() -> None:
    """Generated crops are reddish here; a few samples are shown in grey."""
    draws = sampler()
    batches = [draws.whole(20), *(draws.regional(region, 8) for region in REGIONS[:3])]
    found = [
        (reddish(tile), bool(label)) for part in batches for tile, label in zip(*part, strict=True)
    ]
    assert np.mean([red == label for red, label in found]) > 0.85


def test_the_same_seed_draws_the_same_batch() -> None:
    for one, other in zip(sampler(3).whole(4)[0], sampler(3).whole(4)[0], strict=True):
        np.testing.assert_array_equal(one, other)
    for region in REGIONS:
        once, again = (sampler(4).regional(region, 2)[0] for _ in range(2))
        np.testing.assert_array_equal(once, again)


def test_another_seed_or_another_draw_is_another_batch() -> None:
    draws = sampler(3)
    first, second, other = draws.whole(2)[0], draws.whole(2)[0], sampler(5).whole(2)[0]
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_whoever_goes_on_sees_other_samples_and_always_the_same() -> None:
    first, once, again = sampler(3), sampler(3), sampler(3)
    once.go_on_from(200)
    again.go_on_from(200)
    began, went_on, went_on_too = (draws.whole(2)[0] for draws in (first, once, again))
    assert not np.array_equal(began, went_on)
    np.testing.assert_array_equal(went_on, went_on_too)


def test_crops_are_left_as_they_are() -> None:
    before = CROPS.pixels.copy()
    sampler().whole(4)
    sampler().regional(Region.BACKGROUND, 4)
    np.testing.assert_array_equal(CROPS.pixels, before)


# Sizes


@pytest.fixture
def sizes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """(index of the crop, side it was shown at) of every sample."""
    shown: list[tuple[int, int]] = []

    def note(self: Sampler, index: int, side: int, *args: Any, **how: Any) -> RgbArray:
        shown.append((index, side))
        return np.zeros((8, 8, 3), dtype=np.uint8)

    monkeypatch.setattr(Sampler, "_seen", note)
    return shown


def test_no_crop_is_shown_larger_than_it_is(sizes: list[tuple[int, int]]) -> None:
    draws = sampler()
    draws.whole(60)
    for region in REGIONS:
        for _ in range(5):
            draws.regional(region, 2)
    assert len(sizes) == 60 + 10 * len(REGIONS)
    for index, side in sizes:
        assert 0.8 * SMALLEST_PX <= side <= LARGEST_PX
        assert side <= CROPS.kept[index].side


def test_the_size_is_drawn_before_the_class(sizes: list[tuple[int, int]]) -> None:
    """Both are shown as large as the other, though most real ones here are small."""
    crops = both_sides(sides=(400,) * 3 + (90,) * 3, each=5)
    # All generated ones; of the real ones five large and fifteen small.
    chosen = [i for i, one in enumerate(crops.kept) if one.row.generated or not 10 <= i < 30]
    Sampler(crops, Groups(crops.kept, chosen), 1).whole(800)
    made = np.array([side for index, side in sizes if crops.kept[index].row.generated])
    real = np.array([side for index, side in sizes if not crops.kept[index].row.generated])
    assert len(made) == len(real) == 400
    for limit in (120, 260, 380):
        assert (made >= limit).mean() == pytest.approx((real >= limit).mean(), abs=0.08)


def test_sizes_of_every_order_are_shown(sizes: list[tuple[int, int]]) -> None:
    sampler().whole(120)
    shown = np.array([side for _, side in sizes])
    assert (shown < 120).any()
    assert ((shown > 160) & (shown < 260)).any()
    assert (shown > 380).any()


# The person


def test_everyone_is_hidden_from_the_background_and_from_nothing_else() -> None:
    draws = sampler(crops=both_sides(sides=(400,), person=255))
    for tile in draws.regional(Region.BACKGROUND, 4)[0]:
        assert (tile == HIDDEN).all()
    for tile in draws.regional(Region.TEETH, 4)[0]:
        assert not (tile == HIDDEN).all()


def test_a_background_without_a_person_is_shown_whole() -> None:
    for tile in sampler().regional(Region.BACKGROUND, 6)[0]:
        assert (tile == HIDDEN).all(axis=2).mean() < 0.2


# Tools


def test_mirrored_turns_some_and_leaves_some() -> None:
    tile = painting(32, 1)
    tile[:, :16] = 0
    found = sampler().mirrored([tile] * 40)
    turned = [np.array_equal(t, tile[:, ::-1]) for t in found]
    left = [np.array_equal(t, tile) for t in found]
    assert all(a != b for a, b in zip(turned, left, strict=True))
    assert 8 < sum(turned) < 32


def test_recompressing_keeps_the_picture_and_its_colours() -> None:
    tile = painting(64, 2, (180, 120, 60))
    good, bad = recompressed(tile, 95), recompressed(tile, 20)
    assert good.shape == tile.shape
    wrong = [float(np.abs(t.astype(int) - tile).mean()) for t in (good, bad)]
    assert wrong[0] < 3.0
    assert wrong[0] < wrong[1] < 12.0


def test_enlarging_by_one_or_less_changes_nothing() -> None:
    tile = painting(40, 3)
    assert enlarged(tile, 1.0) is tile
    assert enlarged(tile, 0.5) is tile
    assert enlarged(tile, 2.0).shape == (80, 80, 3)


@pytest.mark.parametrize(("width", "height"), [(30, 20), (50, 60), (40, 40), (30, 60)])
def test_fitted_is_cut_or_repeats_its_last_row_and_column(width: int, height: int) -> None:
    tile = painting(40, 4)
    found = fitted(tile, width, height)
    assert found.shape == (height, width, 3)
    rows, columns = (np.minimum(np.arange(n), 39) for n in (height, width))
    np.testing.assert_array_equal(found, tile[rows][:, columns])
