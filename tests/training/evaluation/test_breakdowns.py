"""Rates by group and the framed ratio alone, on made-up scores."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.evidence import Outcome, Verdict
from app.training.corpus import ManifestRow
from app.training.evaluation.breakdowns import (
    SIZE_BANDS_PX,
    compare_framed_ratio,
    flatten_rates,
    rates_by_size,
    rates_by_skin_tone,
    size_band,
)
from app.training.evaluation.scoring import ScoredPicture
from tests.likelihood_ratios import make_ratios


def make_scored(
    kind: str,
    *,
    likely: bool = False,
    framed: float = 0.0,
    ita_deg: float | None = 50.0,
    side_px: int = 400,
    outcome: str = Outcome.SCORED,
) -> ScoredPicture:
    label = "generated" if kind in ("stylegan1", "stylegan2") else "real"
    verdict = Verdict.LIKELY_STYLEGAN if likely else Verdict.INCONCLUSIVE
    against = make_ratios(0.0, framed=framed)
    row = ManifestRow("a.jpg", label, kind, "one")
    return ScoredPicture(
        row, outcome, verdict, against, {}, 1.0, side_px=side_px, skin_ita_deg=ita_deg
    )


def test_rates_are_counted_by_the_band_of_the_cheeks() -> None:
    scores = [
        *(make_scored("avatar", likely=i == 0, ita_deg=60.0) for i in range(4)),
        make_scored("aligned", likely=True, ita_deg=-60.0),
        make_scored("stylegan2", likely=True, ita_deg=-60.0),
        make_scored("stylegan1", ita_deg=-60.0),
        make_scored("portrait", ita_deg=None),
        make_scored("avatar", outcome=Outcome.NO_FACE, ita_deg=60.0),
    ]
    rates = rates_by_skin_tone(scores)
    assert list(rates) == ["very_light", "dark", "no_colour"]
    ordinary = rates["very_light"]["ordinary"]
    assert (ordinary["pictures"], ordinary["likely"], ordinary["rate"]) == (4, 1, 0.25)
    assert ordinary["upper_95"] > 0.25
    assert rates["dark"]["framed"]["rate"] == 1.0
    assert rates["dark"]["generated"]["rate"] == 0.5
    assert rates["dark"]["ordinary"]["rate"] is None
    assert rates["no_colour"]["ordinary"]["pictures"] == 1


def test_rates_are_counted_by_the_longer_side() -> None:
    scores = [make_scored("avatar", side_px=px) for px in (400, 47, 48, 95, 96)]
    assert [(band, row["ordinary"]["pictures"]) for band, row in rates_by_size(scores).items()] == [
        ("1-47", 1),
        ("48-95", 2),
        ("96-199", 1),
        ("380+", 1),
    ]


@given(st.integers(1, 5000))
def test_every_side_is_in_the_band_that_names_it(side_px: int) -> None:
    low, _, high = size_band(side_px).rstrip("+").partition("-")
    assert int(low) in SIZE_BANDS_PX
    assert int(low) <= side_px <= int(high or side_px)


def test_the_framed_ratio_is_compared_where_it_was_measured() -> None:
    scores = [
        *(make_scored("stylegan2", framed=1.0) for _ in range(9)),
        make_scored("stylegan2", framed=-1.0),
        *(make_scored("aligned", framed=-1.0) for _ in range(9)),
        make_scored("aligned", framed=1.0),
        make_scored("aligned"),
        make_scored("avatar", framed=3.0),
    ]
    pools = compare_framed_ratio(scores)
    assert (pools["stylegan2"]["generated"], pools["stylegan2"]["real"]) == (10, 10)
    assert pools["stylegan2"] == pools["all"]
    assert pools["all"]["auc"] == pytest.approx(0.9)
    assert pools["all"]["calibration_loss"] == pytest.approx(0.0, abs=0.01)  # 9 of 10: about 10 ÷ 1
    assert compare_framed_ratio(scores[:5]) == {}


def test_an_overstated_ratio_has_a_calibration_loss() -> None:
    scores = [make_scored("stylegan1", framed=3.0 if i else -3.0) for i in range(5)]
    scores += [make_scored("realigned", framed=-3.0 if i else 3.0) for i in range(5)]
    (row,) = compare_framed_ratio(scores).values()
    assert row["cllr"] == pytest.approx(row["cllr_min"] + row["calibration_loss"], abs=2e-4)
    assert row["calibration_loss"] > 0.5


def test_figures_are_one_number_a_name() -> None:
    rates = rates_by_skin_tone([make_scored("avatar", likely=True, ita_deg=50.0)])
    assert flatten_rates("skin_tone", rates) == {
        "skin_tone_light_ordinary_rate": 1.0,
        "skin_tone_light_ordinary_pictures": 1.0,
        "skin_tone_light_framed_pictures": 0.0,
        "skin_tone_light_generated_pictures": 0.0,
    }
