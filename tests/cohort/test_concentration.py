from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from app.cohort import Numbers, summarise
from app.cohort.concentration import concentration
from app.cohort.template_density import densities, near
from app.records import Result
from tests.cohort.conftest import generated, house, in_frame, ordinary, result


def said(results: Sequence[Result]) -> dict[str, Any]:
    found: dict[str, Any] = summarise(results, prior=0.5, base_rate=0.0005)["concentration"]
    return found


def test_four_generated_among_sixteen_are_seen_and_none_among_twenty_are_not(
    numbers: Numbers,
) -> None:
    seen = [
        said(ordinary(16, seed) + generated(4, numbers, seed, first=16))["concentrated"]
        for seed in range(40)
    ]
    assert sum(seen) >= 38
    clean = [said(ordinary(20, seed))["p_value"] for seed in range(200)]
    assert min(clean) > 1e-4


def test_five_of_five_are_seen(numbers: Numbers) -> None:
    assert all(said(generated(5, numbers, seed))["concentrated"] for seed in range(20))


def test_a_list_that_a_platform_zoomed_is_seen_with_its_zoom(numbers: Numbers) -> None:
    found = said(generated(12, numbers, zoom=1.15) + ordinary(20, first=12))
    assert found["concentrated"]
    assert found["zoom"] == pytest.approx(1.15, abs=0.02)


@pytest.mark.parametrize("zoom", [1.0, 1.1, 1.2])
@pytest.mark.parametrize("size", [20, 100, 500])
def test_a_house_style_centred_on_the_very_template_is_not_taken_for_one(
    zoom: float, size: int
) -> None:
    """As narrow as the narrowest league's portraits, and exactly where generators put faces."""
    spread = (0.011, 0.027, 0.043, 0.027)
    lists = [house(size, spread, (0.5, 0.5, float(np.log(zoom)), 0.0), seed) for seed in range(8)]
    assert not any(said(each)["concentrated"] for each in lists)


def test_generated_faces_hidden_in_a_house_style_beside_the_template_are_seen(
    numbers: Numbers,
) -> None:
    portraits = house(60, (0.011, 0.027, 0.043, 0.027), (0.5, 0.45, 0.1, 0.0))
    assert not said(portraits)["concentrated"]
    assert said(portraits + generated(15, numbers, first=60))["concentrated"]


def test_a_house_style_is_named_and_ordinary_lists_have_none() -> None:
    portraits = house(40, (0.010, 0.03, 0.1, 0.018), (0.5, 0.38, -0.29, 0.0))
    assert said(portraits)["house_style"]["likely"]
    assert not said(ordinary(40))["house_style"]["likely"]


def test_one_picture_on_many_accounts_is_one_picture(numbers: Numbers) -> None:
    (one,) = in_frame(1, numbers, np.random.default_rng(0))
    copies = [result(i, 3.0, 3.0, one, perceptual_hash="c3a1f0e49687b2d5") for i in range(50)]
    assert said(copies)["near"] == 1
    assert not said(copies)["concentrated"]


def test_what_pixels_say_of_those_on_the_template_is_told(numbers: Numbers) -> None:
    rng = np.random.default_rng(7)
    squares = in_frame(40, numbers, rng)
    photographs = [result(i, 0.4, 2.9, s) for i, s in enumerate(squares)]
    found = said(photographs)
    assert found["concentrated"]
    assert found["looks"]["verdict"] == "photographs"
    assert said(generated(40, numbers))["looks"]["verdict"] == "generated"


def test_a_trimmed_picture_counts_by_its_distance_from_the_template() -> None:
    trimmed = [
        result(i, 2.5, 3.0, (0.5, 0.5, -0.3, 0.0), transform="trimmed", distance=1.0 + i / 10)
        for i in range(8)
    ]
    assert said(trimmed)["concentrated"]
    far = [
        result(i, 2.5, 3.0, (0.5, 0.5, -0.3, 0.0), transform="trimmed", distance=60.0)
        for i in range(8)
    ]
    assert not said(far)["concentrated"]


def test_more_of_them_make_it_surer(numbers: Numbers) -> None:
    rest = ordinary(30)
    found = [said(rest + generated(n, numbers, first=30))["log10_p"] for n in (2, 4, 8, 16, 64)]
    assert found == sorted(found, reverse=True)


def test_a_huge_house_style_gathers_no_false_certainty() -> None:
    squares = np.random.default_rng(5).normal(
        (0.5, 0.5, 0.1, 0.0), (0.011, 0.027, 0.043, 0.027), (60_000, 4)
    )
    from app.cohort import shipped

    entry = shipped().concentration
    assert concentration(squares[near(squares, entry)], entry).log10_p > -6.0


def test_density_is_highest_in_the_frame_and_moves_with_the_zoom(numbers: Numbers) -> None:
    entry = numbers.concentration
    (mean,) = np.array([entry.frames[0].mean])
    zoomed = mean.copy()
    zoom = entry.ln_zooms[10]
    zoomed[:2] = 0.5 + (zoomed[:2] - 0.5) * np.exp(zoom)
    zoomed[2] += zoom
    found = densities(np.stack([mean, zoomed]), entry)
    assert found[0].argmax() == 0
    assert found[1].argmax() == 10
    assert found[0, 0] - found[1, 10] == pytest.approx(2 * zoom / np.log(10), abs=0.1)
