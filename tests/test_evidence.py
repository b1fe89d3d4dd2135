import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.evidence import (
    Analysis,
    Mark,
    Match,
    Outcome,
    Verdict,
    default_summary,
    verbal_support,
)
from app.face.alignment import Box
from tests.likelihood_ratios import make_ratios
from tests.synthetic_faces import symmetric_face

llrs = st.floats(-6.0, 6.0)
priors = st.floats(1e-6, 1.0 - 1e-6)


def analysis(llr: float = 0.0) -> Analysis:
    return Analysis(
        outcome=Outcome.SCORED,
        verdict=Verdict.INCONCLUSIVE,
        sha256="ab" * 32,
        pdq="0" * 64,
        pdq_quality=100,
        size=(10, 10),
        declared_size=(10, 10),
        format="PNG",
        animated=False,
        faces=(),
        alignment=None,
        match=None,
        evidence=(),
        against=make_ratios(llr),
        calibration_id="made up",
        warnings=(),
    )


@given(llrs, priors)
def test_posterior_odds_are_prior_odds_times_the_ratio(llr: float, prior: float) -> None:
    posterior = analysis(llr).posterior(prior)
    odds = posterior / (1.0 - posterior)
    assert odds == pytest.approx(prior / (1.0 - prior) * 10.0**llr, rel=1e-3)
    assert 0.0 < posterior < 1.0


@pytest.mark.parametrize(
    ("llr", "prior", "posterior"),
    [(0.0, 0.3, 0.3), (1.0, 0.5, 10 / 11), (-1.0, 0.5, 1 / 11), (3.0, 0.001, 1000 / 1999)],
)
def test_posterior_by_hand(llr: float, prior: float, posterior: float) -> None:
    assert analysis(llr).posterior(prior) == pytest.approx(posterior)


@given(llrs, st.floats(0.01, 2.0), priors)
def test_more_evidence_is_never_less_likely(llr: float, more: float, prior: float) -> None:
    assert analysis(llr + more).posterior(prior) >= analysis(llr).posterior(prior)


@pytest.mark.parametrize("prior", [0.0, 1.0, -0.1, 1.1, math.nan, math.inf])
def test_a_prior_that_has_decided_is_refused(prior: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        analysis().posterior(prior)


@pytest.mark.parametrize(
    ("llr", "words"),
    [
        (0.0, "none"),
        (math.log10(1.99), "none"),
        (math.log10(2.001), "weak"),
        (0.99, "weak"),
        (1.0, "moderate"),
        (2.0, "moderately strong"),
        (2.99, "moderately strong"),
        (3.0, "strong"),
        (4.0, "very strong"),
        (6.0, "extremely strong"),
    ],
)
def test_verbal_bands_are_those_of_the_guideline(llr: float, words: str) -> None:
    assert verbal_support(llr) == words
    assert verbal_support(-llr) == words
    assert analysis(llr).support == words


def test_a_plain_sentence_says_which_way_it_speaks() -> None:
    match = Match("ffhq", "untouched", 0.0, Box(0, 0, 1, 1), ((0.4, 0.5), (0.6, 0.5)))
    assert default_summary(2.5, match) == (
        "moderately strong support for a StyleGAN-family generator"
    )
    assert default_summary(-1.0, None) == "moderate support against a StyleGAN-family generator"


def test_the_first_face_answers() -> None:
    one, other = symmetric_face(), symmetric_face()
    both = replace(analysis(), faces=(one, other))
    assert both.face is one
    assert both.face_count == 2
    assert analysis().face is None
    assert analysis().face_count == 0


def test_a_mark_keeps_its_own_points() -> None:
    points = np.array([[1, 2], [3, 4]])
    mark = Mark(points, "line", "here")
    points[:] = 0
    np.testing.assert_array_equal(mark.points, [[1.0, 2.0], [3.0, 4.0]])
    with pytest.raises(ValueError, match="read-only"):
        mark.points[0, 0] = 9.0
    assert Mark(np.array([5.0, 6.0]), "dots", "one").points.shape == (1, 2)
