"""``eyeline fit-texture CORPUS``: a network without each part, and the one that ships."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Final

import torch

from app.face.landmarks import load_model
from app.networks.onnx import WITNESS_FILE, load_segmenter
from app.training import corpus as corpora
from app.training.held_out_networks import FILE, FOLDER, PARTS, Parts, read_parts, witness_of
from app.training.network.augmentation import Sampler
from app.training.network.crops import Crops, keep_crops
from app.training.network.export import export
from app.training.network.hyperparameters import HALF, KEPT_OUT, WHOLE, WITHOUT, Recipe
from app.training.network.model import Tensors, pretrained
from app.training.network.sampling import Groups
from app.training.network.splits import HALVES, half_of, make_parts
from app.training.network.train import Tell, train

_CALIBRATION_TILES: Final = 48
_ELSEWHERE: Final = 1000
"""Another seed than training's: calibration tiles are not the first ones that were trained on."""


def run_fit_texture(
    root: Path, models_dir: Path, work: Path, steps_share: float, tell: Tell
) -> str:
    """Train on ``root``, keeping crops and checkpoints in ``work``; write the five networks.

    ``steps_share`` shortens every stage, for a try. Every stage goes on where it was stopped.
    """
    corpus = corpora.read(root)
    crops = keep_crops(corpus, load_model(models_dir), load_segmenter(models_dir), work)
    parts = _parts(corpus, crops, models_dir)
    start = pretrained()

    def trained(name: str, of: Recipe, begin: Tensors, chosen: list[int]) -> Tensors:
        recipe = shortened(of, steps_share)
        return stage(crops, chosen, begin, recipe, work / f"{name}.pt", tell)

    halves = []
    for half in range(HALVES):
        chosen = [i for i, kept in enumerate(crops.kept) if half_of(parts.part(kept.row)) == half]
        halves.append(trained(f"half_{half}", replace(HALF, seed=half), start, chosen))
    for part in range(PARTS):
        chosen = [i for i, kept in enumerate(crops.kept) if parts.part(kept.row) != part]
        without = halves[1 - half_of(part)]
        for name, recipe in WITHOUT.items():
            own = replace(recipe, seed=recipe.seed + part)
            without = trained(f"{name}_{part}", own, without, chosen)
        write(without, crops, chosen, models_dir / witness_of(part))
    chosen = [i for i, kept in enumerate(crops.kept) if kept.row.source not in KEPT_OUT]
    ships = halves[0]
    for name, recipe in WHOLE.items():
        ships = trained(name, recipe, ships, chosen)
    write(ships, crops, chosen, models_dir / WITNESS_FILE)
    return json.dumps({"crops": len(crops.kept), "trained_on": len(chosen)})


def _parts(corpus: corpora.Corpus, crops: Crops, models_dir: Path) -> Parts:
    """The ones that are kept if they are for this very manifest, so that networks can be redone."""
    path = models_dir / FOLDER / FILE
    if path.is_file():
        known = read_parts(models_dir)
        if known.manifest_sha256 == corpus.manifest_sha256:
            return known
    made = make_parts(corpus.manifest_sha256, corpus.rows, crops)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(made.written(), encoding="utf-8")
    return made


def shortened(recipe: Recipe, share: float) -> Recipe:
    """``recipe`` with so many of its steps."""
    return replace(recipe, steps=max(1, round(recipe.steps * share)))


def stage(
    crops: Crops, chosen: list[int], start: Tensors, recipe: Recipe, checkpoint: Path, tell: Tell
) -> Tensors:
    """One training run on the crops ``chosen``."""
    torch.manual_seed(recipe.seed)
    sampler = Sampler(crops, Groups(crops.kept, chosen), recipe.seed)
    tell(f"{checkpoint.stem}: {len(chosen)} crops")
    return train(start, sampler, recipe, checkpoint, tell)


def write(tensors: Tensors, crops: Crops, chosen: list[int], out: Path) -> None:
    """Export; windows of one size show the integers what values to expect."""
    sampler = Sampler(crops, Groups(crops.kept, chosen), _ELSEWHERE)
    export(tensors, sampler.whole(_CALIBRATION_TILES)[0], out)
