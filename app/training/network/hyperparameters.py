"""Every number of the training, in one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

GENERATED_SHARES: Final[dict[str, float]] = {
    "stylegan2": 0.31,
    "stylegan2_sifted": 0.11,
    "stylegan2_psi1": 0.10,
    "stylegan2_watermarked": 0.08,
    "stylegan1": 0.18,
    "stylegan3": 0.14,
    "studio": 0.08,
}
"""Shares of the groups among generated samples; groups too small for the drawn size drop out.
Truncation 1 and StyleGAN 3 are few and hard, and are oversampled."""

REAL_SHARES: Final[dict[str, float]] = {
    "ffhq_1024": 0.22,
    "ffhq_256": 0.18,
    "realigned": 0.28,
    "aligned_celebahq": 0.07,
    "ordinary": 0.23,
    "diffusion": 0.02,
}

CURATED_COLLECTORS: Final = frozenset({"jcpeterson"})
"""Generated faces selected by people for a study: a group of its own, or it would outweigh the
unselected ones."""
SMALL_FFHQ_COLLECTORS: Final = frozenset({"zoya2244", "Seif-Hussein"})
"""Collectors whose FFHQ photographs are 256 px."""
UNSEEN_COLLECTORS: Final = frozenset(
    {"SiddharthJain131", "Seif-Hussein", "serengil", "18F", "jupyter"}
)
"""Never shown to the shipped network, so that its own scale can be evaluated; all of them are in
the second half, on which the first network, from which it continues, was not trained either."""


@dataclass(frozen=True)
class Hyperparameters:
    """``steps`` of ``window_count`` face windows and ``tile_count`` tiles of one region in turn."""

    steps: int
    window_count: int = 20
    tile_count: int = 16
    body_learning_rate: float = 5e-4
    head_learning_rate: float = 3e-3
    warm_up_steps: int = 100
    regional_loss_weight: float = 0.6
    label_smoothing: float = 0.04
    average_decay: float = 0.998
    clip_norm: float = 2.0
    checkpoint_every: int = 200
    seed: int = 0


FACE_STAGE: Final = Hyperparameters(
    steps=1500,
    window_count=32,
    tile_count=0,
    body_learning_rate=4e-4,
    head_learning_rate=1e-3,
    warm_up_steps=50,
    seed=100,
)
"""Of every face network, from the region network that knows the same pictures. ``seed`` is that of
the first split, plus one for each."""
HALF_STAGE: Final = Hyperparameters(steps=2000)
"""For the two networks that are each trained on one half, from which the others continue."""
HELD_OUT_STAGES: Final = {
    "without": Hyperparameters(
        steps=1400, body_learning_rate=4e-4, head_learning_rate=1e-3, warm_up_steps=50, seed=10
    ),
    "further": Hyperparameters(
        steps=2000, body_learning_rate=3e-4, head_learning_rate=1e-3, warm_up_steps=50, seed=20
    ),
}
"""Stages of the network without one split: from the half that does not contain the split, on the
other three. ``seed`` is that of the first split, plus one for each."""
SHIPPED_STAGES: Final = {
    "whole": Hyperparameters(steps=1200, body_learning_rate=3e-4, head_learning_rate=1e-3, seed=2),
    "again": Hyperparameters(
        steps=900, body_learning_rate=3e-4, head_learning_rate=1e-3, warm_up_steps=50, seed=3
    ),
    "longer": Hyperparameters(
        steps=4000, body_learning_rate=3e-4, head_learning_rate=1e-3, warm_up_steps=50, seed=5
    ),
}
"""Stages of the shipped network: from the first half's network, on everything, with a full learning
rate cycle in each."""
