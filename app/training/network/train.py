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
from app.training.network.augmentation import Batch, BatchSampler
from app.training.network.hyperparameters import NAMED_GROUPS, NAMES, Hyperparameters
from app.training.network.model import (
    HEADS,
    Tensors,
    add_naming_head,
    extract_features,
    mark_trainable,
    name_logits,
    score_features,
)

REGION_CYCLE: Final = tuple(region for region in Region if region is not Region.TEXTURE)
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
    if hyperparameters.naming_loss_weight and "head_naming.weight" not in tensors:
        tensors = add_naming_head(tensors, len(NAMES))
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
    """Accumulate the gradients of one step in the tensors; returns the two losses."""
    windows = _sample_windows(sampler, hyperparameters)
    features = extract_features(tensors, to_batch(windows.tiles))
    window_loss = _binary_loss(tensors, features, windows.labels, Region.TEXTURE, hyperparameters)
    total = window_loss
    if hyperparameters.naming_loss_weight:
        names = torch.tensor([NAMES.index(NAMED_GROUPS[group]) for group in windows.groups])
        naming_loss = functional.cross_entropy(name_logits(tensors, features), names)
        total = total + hyperparameters.naming_loss_weight * naming_loss
    total.backward()
    tiles = sampler.sample_tiles(region, hyperparameters.tile_count)
    features = extract_features(tensors, to_batch(sampler.mirror_randomly(tiles.tiles)))
    tile_loss = _binary_loss(tensors, features, tiles.labels, region, hyperparameters)
    (hyperparameters.regional_loss_weight * tile_loss).backward()
    return float(window_loss.detach()), float(tile_loss.detach())


def _sample_windows(sampler: BatchSampler, hyperparameters: Hyperparameters) -> Batch:
    """The step's windows; where the corpus has pairs, some of them are pairs."""
    pairs = sampler.sample_pairs(hyperparameters.pair_count)
    alone = sampler.sample_windows(hyperparameters.window_count - len(pairs.tiles))
    return Batch(
        sampler.mirror_randomly(alone.tiles) + pairs.tiles,
        alone.labels + pairs.labels,
        alone.groups + pairs.groups,
    )


def _binary_loss(
    tensors: Tensors,
    features: Any,
    labels: Sequence[int],
    region: Region,
    hyperparameters: Hyperparameters,
) -> Any:
    """Cross-entropy of the head of ``region``, with smoothed labels."""
    logits = score_features(tensors, features)[:, HEADS.index(region)].mean((1, 2))
    smoothing = hyperparameters.label_smoothing
    targets = torch.tensor(labels, dtype=torch.float32) * (1.0 - smoothing) + smoothing / 2.0
    return functional.binary_cross_entropy_with_logits(logits, targets)


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
