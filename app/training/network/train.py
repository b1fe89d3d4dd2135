"""The loop: draws, steps, averages, and can be stopped and gone on with at any checkpoint."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch.nn import functional

from app.image.picture import RgbArray
from app.networks.regions import Region
from app.training.network.augmentation import Sampler
from app.training.network.hyperparameters import Recipe
from app.training.network.model import HEADS, Tensors, heat, trainable

REGIONAL: Final = tuple(region for region in Region if region is not Region.TEXTURE)
_TELL_EVERY: Final = 50

Tell = Callable[[str], None]


def train(
    start: Tensors, sampler: Sampler, recipe: Recipe, checkpoint: Path, tell: Tell
) -> Tensors:
    """The moving average of the weights after ``recipe.steps`` from ``start``.

    Goes on from ``checkpoint`` if it is there, with other samples than it would have come to.
    """
    tensors = {name: t.clone() for name, t in start.items()}
    body, head = trainable(tensors)
    optimizer = torch.optim.AdamW(
        [
            {"params": body, "lr": recipe.body_rate, "weight_decay": 1e-2},
            {"params": head, "lr": recipe.head_rate, "weight_decay": 1e-3},
        ]
    )
    rates = (recipe.body_rate, recipe.head_rate)
    average = {name: t.detach().clone() for name, t in tensors.items()}
    begin = 0
    if checkpoint.is_file():
        begin = _resume(checkpoint, tensors, average, optimizer)
        sampler.go_on_from(begin)
        tell(f"goes on at step {begin}")
    losses: list[tuple[float, float]] = []
    began = time.monotonic()
    for step in range(begin, recipe.steps):
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * pace(step, recipe)
        losses.append(_step(tensors, sampler, recipe, REGIONAL[step % len(REGIONAL)]))
        torch.nn.utils.clip_grad_norm_([*body, *head], recipe.clip_norm)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        _average(average, tensors, min(recipe.averaging, (1 + step) / (10 + step)))
        if (step + 1) % _TELL_EVERY == 0:
            whole, regional = np.mean(losses[-_TELL_EVERY:], axis=0)
            pace_s = (time.monotonic() - began) / (step + 1 - begin)
            tell(f"step {step + 1}: whole {whole:.3f}, regional {regional:.3f}, {pace_s:.2f} s")
        if (step + 1) % recipe.checkpoint_every == 0 or step + 1 == recipe.steps:
            _keep(checkpoint, tensors, average, optimizer, step + 1)
    return average


def pace(step: int, recipe: Recipe) -> float:
    """Share of the full rate: up in a line, then down along a cosine to a fiftieth."""
    up = min(1.0, (step + 1) / recipe.warm_up_steps)
    down = 0.02 + 0.98 * 0.5 * (1.0 + math.cos(math.pi * step / recipe.steps))
    return up * down


def batch(tiles: Sequence[RgbArray]) -> Any:
    """``tiles`` of one size as the network takes them: (n, 3, h, w), -1 to 1."""
    pixels = (np.stack(tiles).astype(np.float32) - 127.0) / 128.0
    tensor = torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))
    return tensor.contiguous(memory_format=torch.channels_last)


def _step(
    tensors: Tensors, sampler: Sampler, recipe: Recipe, region: Region
) -> tuple[float, float]:
    """Gradients of one step, left in the tensors; the two losses."""
    told = []
    for at, count, weight in (
        (Region.TEXTURE, recipe.whole, 1.0),
        (region, recipe.regional, recipe.regional_loss),
    ):
        tiles, labels = (
            sampler.whole(count) if at is Region.TEXTURE else sampler.regional(at, count)
        )
        odds = heat(tensors, batch(sampler.mirrored(tiles)))[:, HEADS.index(at)].mean((1, 2))
        soft = recipe.label_smoothing
        wanted = torch.tensor(labels, dtype=torch.float32) * (1.0 - soft) + soft / 2.0
        loss = functional.binary_cross_entropy_with_logits(odds, wanted)
        (weight * loss).backward()
        told.append(float(loss.detach()))
    return told[0], told[1]


def _average(average: Tensors, tensors: Tensors, keep: float) -> None:
    with torch.no_grad():
        for name, tensor in tensors.items():
            average[name].mul_(keep).add_(tensor.detach(), alpha=1.0 - keep)


def _keep(path: Path, tensors: Tensors, average: Tensors, optimizer: Any, step: int) -> None:
    """Written beside and moved over: a kill leaves the old one or the new one."""
    content = {
        "step": step,
        "tensors": {name: t.detach() for name, t in tensors.items()},
        "average": average,
        "optimizer": optimizer.state_dict(),
    }
    beside = path.with_suffix(".part")
    torch.save(content, beside)
    beside.replace(path)


def _resume(path: Path, tensors: Tensors, average: Tensors, optimizer: Any) -> int:
    found = torch.load(path, map_location="cpu", weights_only=True)
    with torch.no_grad():
        for name, tensor in tensors.items():
            tensor.copy_(found["tensors"][name])
            average[name].copy_(found["average"][name])
    optimizer.load_state_dict(found["optimizer"])
    return int(found["step"])
