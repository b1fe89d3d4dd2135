"""Fits ``models/mesh_fit.json``: `python -m app.training.mesh_fit CORPUS`.

Every sampled picture is detected in its four orientations, two of five at 96 or 48 px. A mesh found
in the original counts as upright, one found in a rotated copy as not upright; meshes on their side
are left out, because their roll identifies them. Figures are held out by collector.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from app.arrays import BoolArray, FloatArray
from app.errors import RequestError
from app.face.landmarks import FaceFinder, load_landmark_model
from app.face.mesh_fit import (
    DEFAULT_MESH_FIT_PATH,
    MESH_FIT_FILE,
    MeshFitEntry,
    ShapeModel,
    mesh_shape,
    texture_features,
)
from app.face.orientation import STANDING_ROLL_DEG, Turn, turn_picture
from app.image.picture import Picture, decode
from app.training.calibration.thresholds import serialize_model
from app.training.corpus import Corpus, ManifestRow, assign_folds, read_corpus
from app.training.evaluation.perturbations import resize

_TURNS: Final[tuple[Turn, ...]] = (0, 90, 180, 270)
_MAX_PICTURES_PER_KIND: Final = 900
_SIDES_PX: Final = (0, 0, 0, 96, 48)
"""Sides that pictures are downscaled to, drawn at random; 0 keeps the native size."""
_SKIPPED_KINDS: Final = ("nonface",)
_SEED: Final = 20261130
_COMPONENTS: Final = 16
_RIDGE: Final = 30.0
_NEWTON_STEPS: Final = 25
_FOLDS: Final = 4
# Chosen on held-out collectors: ``certain`` so that of 3,600 rotated copies of generated and framed
# faces less than one in a thousand passes as upright.
_CERTAIN: Final = 1.0
_LOWEST: Final = -1.0
_MARGIN: Final = 1.0


@dataclass(frozen=True, eq=False)
class MeshSamples:
    """Features of meshes. ``stands`` (n,): whether found in the unrotated picture."""

    texture: FloatArray
    shapes: FloatArray
    stands: BoolArray
    fold: FloatArray


def sample_rows(corpus: Corpus) -> list[ManifestRow]:
    """A limited number of pictures per kind, spread over its collectors."""
    rng = random.Random(_SEED)
    by_kind: dict[str, list[ManifestRow]] = {}
    for row in corpus.rows:
        if row.kind not in _SKIPPED_KINDS:
            by_kind.setdefault(row.kind, []).append(row)
    return [
        row
        for rows in by_kind.values()
        for row in rng.sample(rows, min(len(rows), _MAX_PICTURES_PER_KIND))
    ]


def measure_meshes(corpus: Corpus, rows: Sequence[ManifestRow], finder: FaceFinder) -> MeshSamples:
    """Meshes found in ``rows`` in four orientations, without those that lie on their side."""
    rng = random.Random(_SEED)
    folds = dict(zip((r.path for r in rows), assign_folds(rows, _FOLDS), strict=True))
    texture, shapes, stands, fold = [], [], [], []
    for row in rows:
        side = rng.choice(_SIDES_PX)
        try:
            picture = decode((corpus.root / row.path).read_bytes())
        except RequestError:
            continue
        if side:
            picture = Picture(resize(picture.rgb, side), picture.format, picture.sha256)
        for turn in _TURNS:
            turned = turn_picture(picture, turn)
            for face in finder.detect(turned):
                features = texture_features(turned.gray, face)
                if features is None or abs(face.roll_deg) >= STANDING_ROLL_DEG:
                    continue
                texture.append(features)
                shapes.append(mesh_shape(face))
                stands.append(turn == 0)
                fold.append(folds[row.path])
    return MeshSamples(np.array(texture), np.array(shapes), np.array(stands), np.array(fold))


def fit_mesh_model(samples: MeshSamples, use: BoolArray) -> tuple[ShapeModel, FloatArray, float]:
    """Shape model, weights and offset, fitted on the samples that ``use`` (n,) marks."""
    shape = ShapeModel.fit(samples.shapes[use & samples.stands], _COMPONENTS)
    features = np.hstack([samples.texture[use], shape.features(samples.shapes[use])])
    mean, deviation = features.mean(axis=0), features.std(axis=0) + 1e-6
    weights = _fit_logistic((features - mean) / deviation, samples.stands[use])
    scaled = weights[:-1] / deviation
    return shape, scaled, float(weights[-1] - mean @ scaled)


def _fit_logistic(features: FloatArray, labels: BoolArray) -> FloatArray:
    """Ridge-penalised logistic regression, with equal class weights; the offset is last."""
    rows = np.column_stack([features, np.ones(len(features))])
    sample_weights = np.where(labels, 0.5 / labels.mean(), 0.5 / (1.0 - labels.mean()))
    penalty = np.append(np.full(features.shape[1], _RIDGE), 1e-6)
    weights = np.zeros(rows.shape[1])
    for _ in range(_NEWTON_STEPS):
        p = 1.0 / (1.0 + np.exp(-np.clip(rows @ weights, -30.0, 30.0)))
        gradient = rows.T @ (sample_weights * (p - labels)) + penalty * weights
        curvature = (rows * (sample_weights * p * (1.0 - p))[:, None]).T @ rows + np.diag(penalty)
        weights -= np.linalg.solve(curvature, gradient)
    return weights


def held_out_log_odds(samples: MeshSamples) -> FloatArray:
    """Log odds of every sample under a fit without its collector."""
    out = np.zeros(len(samples.stands))
    for fold in range(_FOLDS):
        held_out = samples.fold == fold
        shape, weights, offset = fit_mesh_model(samples, ~held_out)
        features = np.hstack([samples.texture[held_out], shape.features(samples.shapes[held_out])])
        out[held_out] = features @ weights + offset
    return out


def build_entry(corpus: Corpus, samples: MeshSamples, pictures: int) -> MeshFitEntry:
    """The file, fitted on all ``samples``."""
    shape, weights, offset = fit_mesh_model(samples, np.ones(len(samples.stands), dtype=np.bool_))
    return MeshFitEntry(
        format=1,
        manifest_sha256=corpus.manifest_sha256,
        pictures=pictures,
        shape_mean=_round(shape.mean),
        components=[_round(c) for c in shape.components],
        deviations=_round(shape.deviations),
        weights=_round(weights),
        offset=round(offset, 5),
        certain=_CERTAIN,
        lowest=_LOWEST,
        margin=_MARGIN,
    )


def _round(numbers: FloatArray) -> list[float]:
    return [float(f"{x:.5g}") for x in numbers]


def main() -> None:
    """Write the file, and print the held-out figures."""
    parser = argparse.ArgumentParser(prog="app.training.mesh_fit")
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--out", type=Path, default=DEFAULT_MESH_FIT_PATH, help=MESH_FIT_FILE)
    arguments = parser.parse_args()
    corpus = read_corpus(arguments.corpus)
    rows = sample_rows(corpus)
    with FaceFinder(load_landmark_model(DEFAULT_MESH_FIT_PATH.parent)) as finder:
        samples = measure_meshes(corpus, rows, finder)
    log_odds = held_out_log_odds(samples)
    arguments.out.write_bytes(serialize_model(build_entry(corpus, samples, len(rows))))
    for name, mask in (("standing", samples.stands), ("turned", ~samples.stands)):
        at_least = float((log_odds[mask] >= _CERTAIN).mean())
        sys.stdout.write(f"{name}: {mask.sum()} meshes, {at_least:.2%} at {_CERTAIN} or more\n")


if __name__ == "__main__":
    main()
