"""The smallest face that gets a verdict, found from made-up scores."""

from __future__ import annotations

import numpy as np

from app.evidence import Outcome, Verdict
from app.training.calibration.thresholds import NO_SMALLEST, find_smallest
from app.training.evaluation.scoring import ScoredPicture
from tests.likelihood_ratios import make_ratios
from tests.training.made_measurements import real_row

LIKELY_LLR = 1.0


def make_scores(eye_distance_px: float, count: int, flagged: int = 0) -> list[ScoredPicture]:
    """``count`` ordinary avatars around this size, ``flagged`` of them falsely."""
    return [
        ScoredPicture(
            real_row(),
            Outcome.SCORED,
            Verdict.INCONCLUSIVE,
            make_ratios(2.0 if flagged and i % (count // flagged) == 0 else -2.0),
            {},
            1.0,
            eye_distance_px=eye_distance_px * float(factor),
        )
        for i, factor in enumerate(np.linspace(0.9, 1.1, count))
    ]


def test_without_small_pictures_the_size_is_that_of_an_avatar_of_48_px() -> None:
    assert find_smallest([], LIKELY_LLR) is NO_SMALLEST
    assert find_smallest(make_scores(6.0, 100), LIKELY_LLR) is NO_SMALLEST
    assert NO_SMALLEST.negatives == 0


def test_where_no_size_raises_false_alarms_the_smallest_that_is_known_well_is_taken() -> None:
    scores = [s for px in (4.0, 8.0, 16.0) for s in make_scores(px, 1500)]
    smallest = find_smallest(scores, LIKELY_LLR)
    assert 3.0 < smallest.eye_distance_px <= 4.4
    assert smallest.false_positives == 0
    assert smallest.negatives >= 1000
    assert 0.0 < smallest.upper_95 < 0.003


def test_sizes_with_too_many_false_alarms_get_no_verdict() -> None:
    scores = make_scores(4.0, 1500, flagged=12)
    scores += [*make_scores(8.0, 1500), *make_scores(16.0, 1500)]
    smallest = find_smallest(scores, LIKELY_LLR)
    assert 4.0 < smallest.eye_distance_px < 8.0
    assert smallest.false_positives <= smallest.negatives / 1000


def test_one_false_alarm_in_a_thousand_is_allowed() -> None:
    scores = [*make_scores(8.0, 2000, flagged=1), *make_scores(16.0, 2000)]
    assert find_smallest(scores, LIKELY_LLR).eye_distance_px < 8.0


def test_a_clean_size_below_a_bad_one_does_not_count() -> None:
    scores = [
        *make_scores(3.0, 1500),
        *make_scores(10.0, 1500, flagged=30),
        *make_scores(30.0, 1500),
    ]
    assert find_smallest(scores, LIKELY_LLR).eye_distance_px > 8.0
