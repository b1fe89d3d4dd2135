"""What a list says in words: sentences that agree with their facts and with one another."""

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cohort.facts import read_interval, read_number, read_sentences
from app.cohort.number_text import format_expected, format_p_value, format_percent, format_value
from app.cohort.parameters import CohortParameters
from app.cohort.summary import summarize_results
from app.cohort.text import (
    concentration_text,
    duplicate_groups_text,
    even_odds_text,
    false_flags_text,
    prevalence_text,
)
from app.records import ItemResult
from tests.cohort.conftest import (
    generated_results,
    make_failure,
    make_result,
    ordinary_results,
    squares_in_frame,
)

COHORT = {
    "prevalence": {"estimate": 0.12, "interval": [0.08, 0.17]},
    "expected_false_flags": 0.6,
    "concentration": {"p_value": 3e-9, "observed": 14, "expected": 0.4},
    "duplicates": [{"pdq": "00", "seqs": [1, 2]}],
}
EXTRA_KEYS = {
    **COHORT,
    "false_flags": {"at_most": 2.5},
    "posterior": {"even_llr": 0.9, "even_llr_at_base_rate": 3.3},
    "duplicates_total": {"groups": 1200, "pictures": 4000},
}
TEXTS = (
    prevalence_text,
    false_flags_text,
    concentration_text,
    even_odds_text,
    duplicate_groups_text,
)
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)


def test_every_figure_of_the_contract_is_told() -> None:
    texts = [figure(COHORT) for figure in TEXTS]
    assert texts == [
        "12\u00a0% (95\u00a0% interval 8\u00a0% to 17\u00a0%)",
        "less than one",
        "14 where 0.4 would by chance (p below 1e-6)",
        None,
        "1 group",
    ]


def test_what_the_cohort_adds_is_told_as_well() -> None:
    texts = [figure(EXTRA_KEYS) for figure in TEXTS]
    assert texts[1] == "less than one, at most 2.5"
    assert texts[3] == "llr +0.9; +3.3 at the base rate"
    assert texts[4] == "1,200 groups"


@pytest.mark.parametrize(
    ("cohort", "expected"),
    [
        ({"expected_false_flags": 0.097, "false_flags": {"at_most": 0.1}, "likely": 4},
         "less than one, at most 0.1"),
        ({"expected_false_flags": 3.2, "false_flags": {"at_most": 1.0}, "likely": 9}, "about 3.2"),
        ({"expected_false_flags": 12.0, "false_flags": {"at_most": 14.0}, "likely": 90},
         "about 12, at most 14"),
        ({"expected_false_flags": 12.0, "false_flags": {"at_most": 140.0}, "likely": 90},
         "about 12, at most 90"),
        ({"expected_false_flags": {"estimate": 4.0, "interval": [1.0, 9.5]}, "likely": 16},
         "about 4.0, at most 9.5"),
        # More would be flagged without a single generated face: nothing is left of the flags.
        ({"expected_false_flags": 50.0, "likely": 3}, "possibly all of them"),
        ({"expected_false_flags": 0.04, "likely": 0}, None),
    ],
)  # fmt: skip
def test_false_flags_are_never_more_than_the_flags(
    cohort: dict[str, object], expected: str | None
) -> None:
    assert false_flags_text(cohort) == expected


def test_no_figure_is_told_of_no_picture() -> None:
    nothing = {
        "counts": {"scored": 0},
        "prevalence": {"estimate": 0.0, "interval": [0.0, 1.0]},
        "expected_false_flags": 0.0,
        "concentration": {"p_value": 1.0, "observed": 0, "expected": 0.0},
    }
    assert [prevalence_text(nothing), false_flags_text(nothing), concentration_text(nothing)] == [
        None
    ] * 3


@pytest.mark.parametrize("key", list(COHORT))
def test_a_missing_figure_costs_itself_only(key: str) -> None:
    less = {k: v for k, v in COHORT.items() if k != key}
    assert sum(figure(less) is not None for figure in TEXTS) == 3


def test_sentences_are_taken_as_they_are_and_nothing_else_is() -> None:
    assert read_sentences({"summary": ["a", 3, None, "b"]}, "summary") == ["a", "b"]
    assert read_sentences({"summary": "a"}, "summary") == []
    assert read_sentences({}, "summary") == []


@given(st.dictionaries(st.sampled_from(list(EXTRA_KEYS)), any_json))
def test_whatever_the_cohort_holds_it_is_read_or_left_out(cohort: dict[str, object]) -> None:
    for figure in TEXTS:
        text = figure(cohort) or ""
        assert "nan" not in text
        assert "inf" not in text
    assert isinstance(format_value(cohort), str)


@given(any_json)
def test_only_finite_numbers_are_numbers(value: object) -> None:
    found = read_number({"a": {"b": value}}, "a", "b")
    assert found is None or math.isfinite(found)
    assert read_number({"a": value}, "a", "b", "c") is None or isinstance(value, dict)
    assert (
        read_interval({"a": [value, 1.0]}, "a") is None
        or read_number({"b": value}, "b") is not None
    )


def framed_results(
    count: int, parameters: CohortParameters, llrs: list[float], seed: int, first: int
) -> list[ItemResult]:
    """Pictures in a generator's frame whose llr is one of ``llrs``."""
    rng = np.random.default_rng((4, seed))
    squares = squares_in_frame(count, parameters, rng)
    return [
        make_result(first + n, float(rng.choice(llrs)), 3.0, square)
        for n, square in enumerate(squares)
    ]


def make_list(seed: int, parameters: CohortParameters) -> list[ItemResult]:
    """A list of up to 150 ordinary pictures, generated ones, and photographs in the frame."""
    rng = np.random.default_rng((5, seed))
    ordinary = ordinary_results(int(rng.choice([0, 1, 15, 60, 150])), seed)
    generated = generated_results(int(rng.choice([0, 1, 12, 30])), parameters, seed, 1_000)
    llrs = [[-1.0, -0.2, 0.5], [0.8, 1.2, 1.5], [1.6]][int(rng.integers(3))]
    framed = framed_results(int(rng.choice([0, 1, 12, 30])), parameters, llrs, seed, 2_000)
    copies = [
        make_result(3_000 + n, 2.5, 3.0, pdq="00ff" * 16) for n in range(int(rng.choice([0, 0, 5])))
    ]
    failures = [make_failure(4_000 + n) for n in range(int(rng.choice([0, 3])))]
    return [*ordinary, *generated, *framed, *copies, *failures]


def sentence_with(cohort: dict[str, Any], start: str) -> str | None:
    """The one sentence of the summary that contains ``start``, if there is one."""
    found = [text for text in cohort["summary"] if start in text]
    assert len(found) <= 1
    return found[0] if found else None


def check_prevalence(cohort: dict[str, Any]) -> None:
    text = sentence_with(cohort, "Estimated share")
    assert (text is None) == (cohort["counts"]["scored"] == 0)
    if text is None:
        return
    low, high = cohort["prevalence"]["interval"]
    assert low <= cohort["prevalence"]["estimate"] <= high
    assert f"interval {format_percent(low)} to {format_percent(high)}" in text
    assert prevalence_text(cohort) in text  # type: ignore[operator]  # it is scored
    assert f"{cohort['counts']['scored']:,} scored picture" in text


def check_flags(cohort: dict[str, Any]) -> None:
    text = sentence_with(cohort, "flagged; expected")
    assert (text is None) == (cohort["likely"] == 0)
    if text is None:
        return
    likely, said = cohort["likely"], text.split(": ")[1]
    assert text.startswith(f"{likely:,} picture")
    assert said.rstrip(".") == false_flags_text(cohort)
    numbers = [float(n.replace(",", "")) for n in re.findall(r"\d[\d,]*(?:\.\d+)?", said)]
    assert all(number <= likely for number in numbers)
    assert numbers == sorted(numbers)


def check_concentration(cohort: dict[str, Any]) -> None:
    concentration = cohort["concentration"]
    text = sentence_with(cohort, "both eyes where one generator")
    assert (text is not None) == concentration["concentrated"]
    if text is not None:
        assert f"{format_expected(concentration['expected'])} of so many ordinary" in text
        assert f"({format_p_value(concentration['p_value'])})" in text
    pixels = [one for one in cohort["summary"] if "pixels" in one]
    assert len(pixels) == (1 if concentration["concentrated"] else 0)


def check_pixels(cohort: dict[str, Any]) -> None:
    """The sentence about pixels agrees with the share and with the flags."""
    low, high = (end * cohort["counts"]["scored"] for end in cohort["prevalence"]["interval"])
    half = cohort["concentration"]["observed"] / 2
    if sentence_with(cohort, "pixels look generated"):
        assert high >= half
        assert cohort["concentration"]["looks"]["verdict"] == "generated"
        assert false_flags_text(cohort) != "possibly all of them"
    if sentence_with(cohort, "pixels look like photographs"):
        assert low <= half
        assert cohort["concentration"]["looks"]["verdict"] == "photographs"


def check_duplicates(cohort: dict[str, Any]) -> None:
    text = sentence_with(cohort, "are the same as another one")
    assert (text is not None) == (cohort["duplicates_total"]["groups"] > 0)
    if text is not None:
        assert duplicate_groups_text(cohort) in text  # type: ignore[operator]  # there are groups


CHECKS: tuple[Callable[[dict[str, Any]], None], ...] = (
    check_prevalence,
    check_flags,
    check_concentration,
    check_pixels,
    check_duplicates,
)


def test_no_sentence_contradicts_another_or_its_facts(parameters: CohortParameters) -> None:
    kinds = set()
    for seed in range(200):
        results = make_list(seed, parameters)
        cohort = summarize_results(results, prior=0.5, base_rate=0.0005, parameters=parameters)
        for check in CHECKS:
            check(cohort)
        kinds |= {re.sub(r"[\d.,%\s]+", " ", text) for text in cohort["summary"]}
    assert len(kinds) >= 10  # the lists differ: all kinds of sentences were written
