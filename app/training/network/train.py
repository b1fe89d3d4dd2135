"""The training loop, with weight averaging; resumable from any checkpoint."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch.nn import functional

from app.arrays import RgbArray
from app.networks.regions import Region
from app.training.network.augmentation import BatchSampler
from app.training.network.hyperparameters import Hyperparameters
from app.training.network.model import HEADS, Tensors, mark_trainable, score_map

REGION_CYCLE: Final = tuple(region for region in Region if region is not Region.FINE_TEXTURE)
_REPORT_EVERY: Final = 50

ReportProgress = Callable[[str], None]


def train(
    start: Tensors,
    sampler: BatchSampler,
    hyperparameters: Hyperparameters,
    checkpoint: Path,
    report_progress: ReportProgress,
) -> Tensors:
    """The moving average of the weights after ``hyperparameters.steps`` steps from ``start``.

    Resumes from ``checkpoint`` if it exists; the samples then differ from those of an uninterrupted
    run.
    """
    tensors = {name: t.clone() for name, t in start.items()}
    body, head = mark_trainable(tensors)
    optimizer = torch.optim.AdamW(
        [
            {"params": body, "lr": hyperparameters.body_learning_rate, "weight_decay": 1e-2},
            {"params": head, "lr": hyperparameters.head_learning_rate, "weight_decay": 1e-3},
        ]
    )
    rates = (hyperparameters.body_learning_rate, hyperparameters.head_learning_rate)
    average = {name: t.detach().clone() for name, t in tensors.items()}
    first_step = 0
    if checkpoint.is_file():
        first_step = _load_checkpoint(checkpoint, tensors, average, optimizer)
        sampler.resume_at(first_step)
        report_progress(f"resuming at step {first_step}")
    losses: list[tuple[float, float]] = []
    started_at = time.monotonic()
    for step in range(first_step, hyperparameters.steps):
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * learning_rate_factor(step, hyperparameters)
        losses.append(
            _backward_step(
                tensors, sampler, hyperparameters, REGION_CYCLE[step % len(REGION_CYCLE)]
            )
        )
        torch.nn.utils.clip_grad_norm_([*body, *head], hyperparameters.clip_norm)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        _update_average(
            average, tensors, min(hyperparameters.average_decay, (1 + step) / (10 + step))
        )
        if (step + 1) % _REPORT_EVERY == 0:
            window_loss, tile_loss = np.mean(losses[-_REPORT_EVERY:], axis=0)
            step_s = (time.monotonic() - started_at) / (step + 1 - first_step)
            report_progress(
                f"step {step + 1}: whole {window_loss:.3f}, regional {tile_loss:.3f}, "
                f"{step_s:.2f} s"
            )
        if (step + 1) % hyperparameters.checkpoint_every == 0 or step + 1 == hyperparameters.steps:
            _save_checkpoint(checkpoint, tensors, average, optimizer, step + 1)
    return average


def learning_rate_factor(step: int, hyperparameters: Hyperparameters) -> float:
    """Share of the full rate: linear warm-up, then cosine decay to a fiftieth."""
    warm_up = min(1.0, (step + 1) / hyperparameters.warm_up_steps)
    decay = 0.02 + 0.98 * 0.5 * (1.0 + math.cos(math.pi * step / hyperparameters.steps))
    return warm_up * decay


def to_batch(tiles: Sequence[RgbArray]) -> Any:
    """``tiles`` of one size as network input: (n, 3, h, w), -1 to 1."""
    pixels = (np.stack(tiles).astype(np.float32) - 127.0) / 128.0
    tensor = torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))
    return tensor.contiguous(memory_format=torch.channels_last)


def _backward_step(
    tensors: Tensors, sampler: BatchSampler, hyperparameters: Hyperparameters, region: Region
) -> tuple[float, float]:
    """Accumulate the gradients of one step in the tensors; returns the two losses.

    A network that reads whole faces has no tiles, and 0 for the second loss.
    """
    losses = []
    for head_region, count, weight in (
        (Region.FINE_TEXTURE, hyperparameters.window_count, 1.0),
        (region, hyperparameters.tile_count, hyperparameters.regional_loss_weight),
    ):
        if not count:
            losses.append(0.0)
            continue
        tiles, labels = (
            sampler.sample_windows(count)
            if head_region is Region.FINE_TEXTURE
            else sampler.sample_tiles(head_region, count)
        )
        logits = score_map(tensors, to_batch(sampler.mirror_randomly(tiles)))[
            :, HEADS.index(head_region)
        ].mean((1, 2))
        smoothing = hyperparameters.label_smoothing
        targets = torch.tensor(labels, dtype=torch.float32) * (1.0 - smoothing) + smoothing / 2.0
        loss = functional.binary_cross_entropy_with_logits(logits, targets)
        (weight * loss).backward()
        losses.append(float(loss.detach()))
    return losses[0], losses[1]


def _update_average(average: Tensors, tensors: Tensors, decay: float) -> None:
    with torch.no_grad():
        for name, tensor in tensors.items():
            average[name].mul_(decay).add_(tensor.detach(), alpha=1.0 - decay)


def _save_checkpoint(
    path: Path, tensors: Tensors, average: Tensors, optimizer: Any, step: int
) -> None:
    """Write to a temporary file and rename it, so that a killed process leaves no partial file."""
    content = {
        "step": step,
        "tensors": {name: t.detach() for name, t in tensors.items()},
        "average": average,
        "optimizer": optimizer.state_dict(),
    }
    temporary = path.with_suffix(".part")
    torch.save(content, temporary)
    temporary.replace(path)


def _load_checkpoint(path: Path, tensors: Tensors, average: Tensors, optimizer: Any) -> int:
    content = torch.load(path, map_location="cpu", weights_only=True)
    with torch.no_grad():
        for name, tensor in tensors.items():
            tensor.copy_(content["tensors"][name])
            average[name].copy_(content["average"][name])
    optimizer.load_state_dict(content["optimizer"])
    return int(content["step"])
