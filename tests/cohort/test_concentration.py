from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from app.cohort.concentration import measure_concentration
from app.cohort.parameters import CohortParameters
from app.cohort.summary import summarize_results
from app.cohort.template_density import is_near_frame, template_densities
from app.records import ItemResult
from tests.cohort.conftest import (
    generated_results,
    house_style_results,
    make_result,
    ordinary_results,
    squares_in_frame,
)


def summarize_concentration(results: Sequence[ItemResult]) -> dict[str, Any]:
    concentration: dict[str, Any] = summarize_results(results, prior=0.5, base_rate=0.0005)[
        "concentration"
    ]
    return concentration


def test_four_generated_among_sixteen_are_seen_and_none_among_twenty_are_not(
    parameters: CohortParameters,
) -> None:
    is_concentrated = [
        summarize_concentration(
            ordinary_results(16, seed) + generated_results(4, parameters, seed, first=16)
        )["concentrated"]
        for seed in range(40)
    ]
    assert sum(is_concentrated) >= 38
    clean = [summarize_concentration(ordinary_results(20, seed))["p_value"] for seed in range(200)]
    assert min(clean) > 1e-4


def test_five_of_five_are_seen(parameters: CohortParameters) -> None:
    assert all(
        summarize_concentration(generated_results(5, parameters, seed))["concentrated"]
        for seed in range(20)
    )


def test_a_list_that_a_platform_zoomed_is_seen_with_its_zoom(parameters: CohortParameters) -> None:
    concentration = summarize_concentration(
        generated_results(12, parameters, zoom=1.15) + ordinary_results(20, first=12)
    )
    assert concentration["concentrated"]
    assert concentration["zoom"] == pytest.approx(1.15, abs=0.02)


@pytest.mark.parametrize("zoom", [1.0, 1.1, 1.2])
@pytest.mark.parametrize("size", [20, 100, 500])
def test_a_house_style_centred_on_the_very_template_is_not_taken_for_one(
    zoom: float, size: int
) -> None:
    """As narrow as the narrowest league's portraits, and exactly where generators put faces."""
    spread = (0.011, 0.027, 0.043, 0.027)
    lists = [
        house_style_results(size, spread, (0.5, 0.5, float(np.log(zoom)), 0.0), seed)
        for seed in range(8)
    ]
    assert not any(summarize_concentration(each)["concentrated"] for each in lists)


def test_generated_faces_hidden_in_a_house_style_beside_the_template_are_seen(
    parameters: CohortParameters,
) -> None:
    portraits = house_style_results(60, (0.011, 0.027, 0.043, 0.027), (0.5, 0.45, 0.1, 0.0))
    assert not summarize_concentration(portraits)["concentrated"]
    assert summarize_concentration(portraits + generated_results(15, parameters, first=60))[
        "concentrated"
    ]


def test_a_house_style_is_named_and_ordinary_lists_have_none() -> None:
    portraits = house_style_results(40, (0.010, 0.03, 0.1, 0.018), (0.5, 0.38, -0.29, 0.0))
    assert summarize_concentration(portraits)["house_style"]["likely"]
    assert not summarize_concentration(ordinary_results(40))["house_style"]["likely"]


def test_one_picture_on_many_accounts_is_one_picture(parameters: CohortParameters) -> None:
    (one,) = squares_in_frame(1, parameters, np.random.default_rng(0))
    copies = [make_result(i, 3.0, 3.0, one, pdq="c3a1f0e49687b2d5" * 4) for i in range(50)]
    assert summarize_concentration(copies)["near"] == 1
    assert not summarize_concentration(copies)["concentrated"]


def test_what_pixels_say_of_those_on_the_template_is_told(parameters: CohortParameters) -> None:
    rng = np.random.default_rng(7)
    squares = squares_in_frame(40, parameters, rng)
    photographs = [
        make_result(i, 0.4, 2.9, s, llr_framed=-2.0, llr_ordinary=0.9)
        for i, s in enumerate(squares)
    ]
    concentration = summarize_concentration(photographs)
    assert concentration["concentrated"]
    assert concentration["looks"]["verdict"] == "photographs"
    assert (
        summarize_concentration(generated_results(40, parameters))["looks"]["verdict"]
        == "generated"
    )


def test_a_trimmed_picture_counts_by_its_distance_from_the_template() -> None:
    trimmed = [
        make_result(i, 2.5, 3.0, (0.5, 0.5, -0.3, 0.0), transform="trimmed", distance=1.0 + i / 10)
        for i in range(8)
    ]
    assert summarize_concentration(trimmed)["concentrated"]
    far = [
        make_result(i, 2.5, 3.0, (0.5, 0.5, -0.3, 0.0), transform="trimmed", distance=60.0)
        for i in range(8)
    ]
    assert not summarize_concentration(far)["concentrated"]


def test_more_of_them_make_it_surer(parameters: CohortParameters) -> None:
    entry, rest = parameters.concentration, ordinary_results(30)
    log10_ps = []
    for count in (2, 4, 8, 16, 64):
        results = [*rest, *generated_results(count, parameters, first=30)]
        squares = np.array([r.record.square for r in results if r.record])
        near = squares[is_near_frame(squares, entry)]
        log10_ps.append(measure_concentration(near, entry).log10_p)
    assert log10_ps == sorted(log10_ps, reverse=True)


def test_a_huge_house_style_gathers_no_false_certainty() -> None:
    squares = np.random.default_rng(5).normal(
        (0.5, 0.5, 0.1, 0.0), (0.011, 0.027, 0.043, 0.027), (60_000, 4)
    )
    from app.cohort.parameters import default_parameters

    entry = default_parameters().concentration
    assert measure_concentration(squares[is_near_frame(squares, entry)], entry).log10_p > -6.0


def test_density_is_highest_in_the_frame_and_moves_with_the_zoom(
    parameters: CohortParameters,
) -> None:
    entry = parameters.concentration
    (mean,) = np.array([entry.frames[0].mean])
    zoomed = mean.copy()
    zoom = entry.ln_zooms[10]
    zoomed[:2] = 0.5 + (zoomed[:2] - 0.5) * np.exp(zoom)
    zoomed[2] += zoom
    found = template_densities(np.stack([mean, zoomed]), entry)
    assert found[0].argmax() == 0
    assert found[1].argmax() == 10
    assert found[0, 0] - found[1, 10] == pytest.approx(2 * zoom / np.log(10), abs=0.1)
