"""How far down pixels tell generated faces from photographs in the same frame.

`python -m benchmarks.small_faces CORPUS` makes pictures small, finds the face in them again as a
request would, and reads the whole face crop with the network that never saw the picture's part,
also below the width from which `texture` reads. Prints one JSON object: AUC by kind and width.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import numpy as np

from app.analysis.analyze import build_portraits
from app.errors import RequestError
from app.face.landmarks import FaceFinder, ThreadFaceFinders
from app.face.mesh_fit import DEFAULT_MESH_FIT_PATH
from app.image.picture import decode
from app.networks.region_score import score_region
from app.networks.regions import Region
from app.training.calibration.size_effects import make_downscaler
from app.training.corpus import Corpus, ManifestRow, read_corpus
from app.training.evaluation.metrics import auc
from app.training.held_out_networks import load_models
from app.training.measure import Models
from app.training.network.hyperparameters import UNSEEN_COLLECTORS

SIDES_PX: Final = (96, 64, 48, 40)
GENERATED_KINDS: Final = ("stylegan2", "stylegan1", "stylegan3", "stylegan2_psi1")
REAL_KINDS: Final = ("aligned", "realigned", "avatar")
_MIN_SCORES: Final = 20
_SEED: Final = 20261130

Scores = Mapping[tuple[str, int], Sequence[float]]


def choose_rows(
    corpus: Corpus, kinds: Sequence[str], count: int, *, only_unseen: bool
) -> list[ManifestRow]:
    """At most ``count`` pictures of each of ``kinds``, at random."""
    rng = np.random.default_rng(_SEED)
    rows: list[ManifestRow] = []
    for kind in kinds:
        members = [
            row
            for row in corpus.rows
            if row.kind == kind and (not only_unseen or row.source in UNSEEN_COLLECTORS)
        ]
        rows += [members[i] for i in rng.permutation(len(members))[:count]]
    return rows


def read_log_odds(
    corpus: Corpus, row: ManifestRow, side_px: int, finder: FaceFinder, models: Models
) -> float | None:
    """Natural log odds of a generator for the largest face; ``None`` where none can be read."""
    try:
        picture = make_downscaler(side_px)(decode((corpus.root / row.path).read_bytes()))
    except RequestError:
        return None
    portraits = build_portraits(picture, finder, models.network_for(row))
    portrait = max(portraits, key=lambda p: p.face.eye_distance_px, default=None)
    score = None if portrait is None else score_region(portrait, Region.TEXTURE)
    return getattr(score, "log_odds", None)


def tabulate(scores: Scores) -> dict[str, dict[str, float]]:
    """AUC by kind and width, against each kind of photographs; pictures counted beside it."""
    table: dict[str, dict[str, float]] = {}
    for (kind, side_px), generated in scores.items():
        if kind not in GENERATED_KINDS or len(generated) < _MIN_SCORES:
            continue
        cells: dict[str, float] = {"pictures": len(generated)}
        for real_kind in REAL_KINDS:
            real = scores.get((real_kind, side_px), ())
            if len(real) >= _MIN_SCORES:
                cells[real_kind] = round(auc(np.array(generated), np.array(real)), 3)
        table[f"{kind} {side_px} px"] = cells
    return table


def main() -> None:
    """Parse arguments, read and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--count", type=int, default=200, help="pictures of each kind")
    parser.add_argument("--kind", action="append", help="only these kinds")
    parser.add_argument("--side", action="append", type=int, help="only these widths, px")
    parser.add_argument("--shipped", action="store_true", help="its network, on unseen collectors")
    arguments = parser.parse_args()
    corpus = read_corpus(arguments.corpus)
    models = load_models(corpus, DEFAULT_MESH_FIT_PATH.parent, use_shipped=arguments.shipped)
    scores: dict[tuple[str, int], list[float]] = defaultdict(list)
    with closing(ThreadFaceFinders(models.landmarks)) as finders:
        finder = finders.for_current_thread()
        kinds = arguments.kind or (*GENERATED_KINDS, *REAL_KINDS)
        for row in choose_rows(corpus, kinds, arguments.count, only_unseen=arguments.shipped):
            for side_px in arguments.side or SIDES_PX:
                log_odds = read_log_odds(corpus, row, side_px, finder, models)
                if log_odds is not None:
                    scores[row.kind, side_px].append(log_odds)
    print(json.dumps(tabulate(scores), indent=1))


if __name__ == "__main__":
    main()
