from typing import Any

import numpy as np
import pytest

from app.arrays import RgbArray
from app.networks.regions import PERSON_FILL, Region
from app.training.network.augmentation import (
    LARGEST_SIDE_PX,
    SMALLEST_SIDE_PX,
    WINDOW_PX,
    BatchSampler,
    crop_or_pad,
    enlarge,
    recompress,
)
from app.training.network.crops import CropDataset
from app.training.network.sampling import GroupSampler
from tests.training.network.made_crops import balanced_crops, make_blotches

REGIONS = [region for region in Region if region is not Region.FINE_TEXTURE]
DATASET = balanced_crops()


def make_sampler(seed: int = 0, crops: CropDataset = DATASET) -> BatchSampler:
    return BatchSampler(crops, GroupSampler(crops.records, range(len(crops.records))), seed)


def is_reddish(tile: RgbArray) -> bool:
    return float(tile[:, :, 0].mean()) > float(tile[:, :, 2].mean())


# Batches


def test_windows_are_of_one_size_and_half_of_them_generated() -> None:
    tiles, labels = make_sampler().sample_windows(10)
    assert labels == [0, 1] * 5
    for tile in tiles:
        assert tile.shape == (WINDOW_PX, WINDOW_PX, 3)
        assert tile.dtype == np.uint8


@pytest.mark.parametrize("region", REGIONS)
def test_tiles_of_a_region_are_of_one_size_and_half_of_them_generated(region: Region) -> None:
    draws = make_sampler()
    for _ in range(6):
        tiles, labels = draws.sample_tiles(region, 4)
        assert labels == [0, 1, 0, 1]
        assert len({tile.shape for tile in tiles}) == 1
        assert {tile.dtype for tile in tiles} == {np.dtype(np.uint8)}
        height, width, _ = tiles[0].shape
        assert height <= 192
        assert width <= 208


def test_labels_say_which_class_a_sample_is_of() -> None:
    """Generated crops are reddish here; a few samples are shown in grey."""
    draws = make_sampler()
    batches = [draws.sample_windows(20), *(draws.sample_tiles(region, 8) for region in REGIONS[:3])]
    result = [
        (is_reddish(tile), bool(label))
        for part in batches
        for tile, label in zip(*part, strict=True)
    ]
    assert np.mean([red == label for red, label in result]) > 0.85


def test_the_same_seed_draws_the_same_batch() -> None:
    for one, other in zip(
        make_sampler(3).sample_windows(4)[0], make_sampler(3).sample_windows(4)[0], strict=True
    ):
        np.testing.assert_array_equal(one, other)
    for region in REGIONS:
        once, again = (make_sampler(4).sample_tiles(region, 2)[0] for _ in range(2))
        np.testing.assert_array_equal(once, again)


def test_another_seed_or_another_draw_is_another_batch() -> None:
    draws = make_sampler(3)
    first, second, other = (
        draws.sample_windows(2)[0],
        draws.sample_windows(2)[0],
        make_sampler(5).sample_windows(2)[0],
    )
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, other)


def test_whoever_goes_on_sees_other_samples_and_always_the_same() -> None:
    first, once, again = make_sampler(3), make_sampler(3), make_sampler(3)
    once.resume_at(200)
    again.resume_at(200)
    began, went_on, went_on_too = (draws.sample_windows(2)[0] for draws in (first, once, again))
    assert not np.array_equal(began, went_on)
    np.testing.assert_array_equal(went_on, went_on_too)


def test_crops_are_left_as_they_are() -> None:
    before = DATASET.pixels.copy()
    make_sampler().sample_windows(4)
    make_sampler().sample_tiles(Region.BACKGROUND, 4)
    np.testing.assert_array_equal(DATASET.pixels, before)


# Sizes


@pytest.fixture
def drawn_sizes(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """(index of the crop, side it was shown at) of every sample."""
    shown: list[tuple[int, int]] = []

    def record_draw(
        self: BatchSampler, index: int, side: int, *args: Any, **options: Any
    ) -> RgbArray:
        shown.append((index, side))
        return np.zeros((8, 8, 3), dtype=np.uint8)

    monkeypatch.setattr(BatchSampler, "_render_patch", record_draw)
    return shown


def test_no_crop_is_shown_larger_than_it_is(drawn_sizes: list[tuple[int, int]]) -> None:
    draws = make_sampler()
    draws.sample_windows(60)
    for region in REGIONS:
        for _ in range(5):
            draws.sample_tiles(region, 2)
    assert len(drawn_sizes) == 60 + 10 * len(REGIONS)
    for index, side in drawn_sizes:
        assert 0.8 * SMALLEST_SIDE_PX <= side <= LARGEST_SIDE_PX
        assert side <= DATASET.records[index].side


def test_the_size_is_drawn_before_the_class(drawn_sizes: list[tuple[int, int]]) -> None:
    """Both are shown as large as the other, though most real ones here are small."""
    crops = balanced_crops(sides=(400,) * 3 + (90,) * 3, count=5)
    # All generated ones; of the real ones five large and fifteen small.
    chosen = [i for i, one in enumerate(crops.records) if one.row.is_generated or not 10 <= i < 30]
    BatchSampler(crops, GroupSampler(crops.records, chosen), 1).sample_windows(800)
    made = np.array([side for index, side in drawn_sizes if crops.records[index].row.is_generated])
    real = np.array(
        [side for index, side in drawn_sizes if not crops.records[index].row.is_generated]
    )
    assert len(made) == len(real) == 400
    for limit in (120, 260, 380):
        assert (made >= limit).mean() == pytest.approx((real >= limit).mean(), abs=0.08)


def test_sizes_of_every_order_are_shown(drawn_sizes: list[tuple[int, int]]) -> None:
    make_sampler().sample_windows(120)
    shown = np.array([side for _, side in drawn_sizes])
    assert (shown < 120).any()
    assert ((shown > 160) & (shown < 260)).any()
    assert (shown > 380).any()


# The person


def test_everyone_is_hidden_from_the_background_and_from_nothing_else() -> None:
    draws = make_sampler(crops=balanced_crops(sides=(400,), person=255))
    for tile in draws.sample_tiles(Region.BACKGROUND, 4)[0]:
        assert (tile == PERSON_FILL).all()
    for tile in draws.sample_tiles(Region.TEETH, 4)[0]:
        assert not (tile == PERSON_FILL).all()


def test_a_background_without_a_person_is_shown_whole() -> None:
    for tile in make_sampler().sample_tiles(Region.BACKGROUND, 6)[0]:
        assert (tile == PERSON_FILL).all(axis=2).mean() < 0.2


# Tools


def test_mirrored_turns_some_and_leaves_some() -> None:
    tile = make_blotches(32, 1)
    tile[:, :16] = 0
    result = make_sampler().mirror_randomly([tile] * 40)
    turned = [np.array_equal(t, tile[:, ::-1]) for t in result]
    left = [np.array_equal(t, tile) for t in result]
    assert all(a != b for a, b in zip(turned, left, strict=True))
    assert 8 < sum(turned) < 32


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
