"""An evaluation's figures as pictures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from app.evidence import Outcome
from app.training.evaluation.plots import draw_plots, roc_points
from tests.training.evaluation.test_report import MIXED, make_scored


def test_roc_points_by_hand() -> None:
    generated, real = np.array([3.0, 1.0]), np.array([-1.0, 2.0, 0.0, -np.inf])
    false_positives, recall = roc_points(generated, real)
    assert false_positives.tolist() == [0.25, 0.5, 0.75, 1.0]
    assert recall.tolist() == [0.5, 1.0, 1.0, 1.0]


def test_every_plot_is_a_picture_with_something_in_it(tmp_path: Path) -> None:
    framed = (make_scored("aligned", 1.2), make_scored("aligned", 0.0, Outcome.NO_FACE))
    scores = [replace(s, side_px=400, skin_ita_deg=30.0) for s in (*MIXED, *framed)]
    paths = draw_plots(scores, tmp_path / "plots")
    names = ["roc", "tippett", "calibration", "by_size", "by_tone"]
    assert paths == [tmp_path / "plots" / f"{name}.png" for name in names]
    for path in paths:
        pixels = cv2.imread(str(path))
        assert pixels is not None
        assert pixels.std() > 10.0


def test_what_cannot_be_compared_is_not_drawn(tmp_path: Path) -> None:
    assert draw_plots([s for s in MIXED if s.row.is_generated], tmp_path) == [
        tmp_path / "by_size.png",
        tmp_path / "by_tone.png",
    ]
