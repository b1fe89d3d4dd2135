"""``eyeline fit-texture CORPUS``: trains both networks without each split, and those that ship."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Final

import torch

from app.face.landmarks import load_landmark_model
from app.networks.onnx import FACE_NETWORK_FILE, REGION_NETWORK_FILE, load_segmenter
from app.training import corpus as corpora
from app.training.held_out_networks import (
    HELD_OUT_DIR,
    SPLIT_COUNT,
    SPLITS_FILE,
    NetworkSplits,
    face_network_file,
    network_file,
    read_splits,
)
from app.training.network.augmentation import BatchSampler
from app.training.network.crops import CropDataset, load_or_make_crops
from app.training.network.export import export_quantized
from app.training.network.hyperparameters import (
    FACE_STAGE,
    HALF_STAGE,
    HELD_OUT_STAGES,
    SHIPPED_STAGES,
    UNSEEN_COLLECTORS,
    Hyperparameters,
)
from app.training.network.model import Tensors, keep_first_head, load_pretrained
from app.training.network.sampling import GroupSampler
from app.training.network.splits import HALF_COUNT, half_of, make_splits
from app.training.network.train import ReportProgress, train
from app.training.network.whole_faces import FaceSampler

_CALIBRATION_TILE_COUNT: Final = 48
_CALIBRATION_SEED: Final = 1000
"""Differs from the training seeds, so that quantisation does not use the first training tiles."""


def run_fit_texture(
    root: Path,
    models_dir: Path,
    work_dir: Path,
    steps_share: float,
    report_progress: ReportProgress,
) -> str:
    """Train on ``root``, with crops and checkpoints in ``work_dir``; write the ten networks.

    ``steps_share`` scales the steps of every stage, for a trial run. An interrupted stage resumes
    from its checkpoint.
    """
    corpus = corpora.read_corpus(root)
    crops = load_or_make_crops(
        corpus, load_landmark_model(models_dir), load_segmenter(models_dir), work_dir
    )
    splits = _load_or_make_splits(corpus, crops, models_dir)
    start = load_pretrained()

    def train_named_stage(
        name: str,
        base: Hyperparameters,
        initial: Tensors,
        indices: list[int],
        sampler_type: type[BatchSampler] = BatchSampler,
    ) -> Tensors:
        return train_stage(
            crops,
            indices,
            initial,
            scale_steps(base, steps_share),
            work_dir / f"{name}.pt",
            report_progress,
            sampler_type,
        )

    def train_face_network(name: str, initial: Tensors, indices: list[int], seed: int) -> Tensors:
        stage = replace(FACE_STAGE, seed=FACE_STAGE.seed + seed)
        return train_named_stage(name, stage, keep_first_head(initial), indices, FaceSampler)

    halves = []
    for half in range(HALF_COUNT):
        indices = [
            i
            for i, record in enumerate(crops.records)
            if half_of(splits.split_of(record.row)) == half
        ]
        halves.append(
            train_named_stage(f"half_{half}", replace(HALF_STAGE, seed=half), start, indices)
        )
    for split in range(SPLIT_COUNT):
        indices = [
            i for i, record in enumerate(crops.records) if splits.split_of(record.row) != split
        ]
        tensors = halves[1 - half_of(split)]
        for name, hyperparameters in HELD_OUT_STAGES.items():
            seeded = replace(hyperparameters, seed=hyperparameters.seed + split)
            tensors = train_named_stage(f"{name}_{split}", seeded, tensors, indices)
        export_network(tensors, crops, indices, models_dir / network_file(split))
        tensors = train_face_network(f"face_{split}", tensors, indices, split)
        export_network(tensors, crops, indices, models_dir / face_network_file(split), FaceSampler)
    indices = [
        i for i, record in enumerate(crops.records) if record.row.source not in UNSEEN_COLLECTORS
    ]
    shipped = halves[0]
    for name, hyperparameters in SHIPPED_STAGES.items():
        shipped = train_named_stage(name, hyperparameters, shipped, indices)
    export_network(shipped, crops, indices, models_dir / REGION_NETWORK_FILE)
    shipped = train_face_network("face", shipped, indices, SPLIT_COUNT)
    export_network(shipped, crops, indices, models_dir / FACE_NETWORK_FILE, FaceSampler)
    return json.dumps({"crops": len(crops.records), "trained_on": len(indices)})


def _load_or_make_splits(
    corpus: corpora.Corpus, crops: CropDataset, models_dir: Path
) -> NetworkSplits:
    """The stored splits if they are for this manifest, else new ones."""
    path = models_dir / HELD_OUT_DIR / SPLITS_FILE
    if path.is_file():
        existing = read_splits(models_dir)
        if existing.manifest_sha256 == corpus.manifest_sha256:
            return existing
    splits = make_splits(corpus.manifest_sha256, corpus.rows, crops)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(splits.to_json(), encoding="utf-8")
    return splits


def scale_steps(hyperparameters: Hyperparameters, share: float) -> Hyperparameters:
    """``hyperparameters`` with its steps scaled by ``share``."""
    return replace(hyperparameters, steps=max(1, round(hyperparameters.steps * share)))


def train_stage(
    crops: CropDataset,
    indices: list[int],
    start: Tensors,
    hyperparameters: Hyperparameters,
    checkpoint: Path,
    report_progress: ReportProgress,
    sampler_type: type[BatchSampler] = BatchSampler,
) -> Tensors:
    """One training run on the crops ``indices``."""
    torch.manual_seed(hyperparameters.seed)
    sampler = sampler_type(crops, GroupSampler(crops.records, indices), hyperparameters.seed)
    report_progress(f"{checkpoint.stem}: {len(indices)} crops")
    return train(start, sampler, hyperparameters, checkpoint, report_progress)


def export_network(
    tensors: Tensors,
    crops: CropDataset,
    indices: list[int],
    out: Path,
    sampler_type: type[BatchSampler] = BatchSampler,
) -> None:
    """Quantise and export; windows of one size calibrate the integer ranges."""
    sampler = sampler_type(crops, GroupSampler(crops.records, indices), _CALIBRATION_SEED)
    export_quantized(tensors, sampler.sample_windows(_CALIBRATION_TILE_COUNT)[0], out)
