"""What a list says in words: numbers that do not exaggerate, and nothing where nothing is known."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.render.cohort_text import (
    concentration_text,
    duplicate_groups_text,
    even_odds_text,
    false_flags_text,
    format_expected,
    format_p_value,
    format_percent,
    format_value,
    prevalence_text,
    read_interval,
    read_number,
    read_sentences,
)

COHORT = {
    "prevalence": {"estimate": 0.12, "interval": [0.08, 0.17]},
    "expected_false_flags": 0.6,
    "concentration": {"p_value": 3e-9, "observed": 14, "expected": 0.4},
    "duplicates": [{"perceptual_hash": "00", "seqs": [1, 2]}],
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


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (0.0005, "0.05"),
        (0.21, "21"),
        (0.5, "50"),
        (0.999, "99.9"),
        (0.99984, "99.984"),
        (0.0123, "1.2"),
        (0.0, "0"),
        (1.0, "100"),
        (1e-12, "less than 0.000001"),
        (1 - 1e-12, "over 99.999999"),
    ],
)
def test_a_share_is_told_in_two_figures_of_what_matters(share: float, said: str) -> None:
    assert format_percent(share) == f"{said}\u00a0%"


@given(st.floats(0.0, 1.0, exclude_min=True, exclude_max=True))
def test_what_is_possible_is_never_told_as_certain(share: float) -> None:
    assert format_percent(share) not in ("0\u00a0%", "100\u00a0%")


@pytest.mark.parametrize(
    ("p", "said"),
    [(0.2, "p = 0.2"), (0.004, "p = 0.004"), (3e-9, "p = 3e-9"), (0.0, "p below 1e-12")],
)
def test_p_values(p: float, said: str) -> None:
    assert format_p_value(p) == said


@pytest.mark.parametrize(
    ("n", "said"), [(0.0, "0.0"), (0.06, "0.06"), (3.25, "3.2"), (1234.5, "1,234")]
)
def test_expected_counts(n: float, said: str) -> None:
    assert format_expected(n) == said


def test_every_figure_of_the_contract_is_told() -> None:
    texts = [figure(COHORT) for figure in TEXTS]
    assert texts == [
        "12\u00a0% (95\u00a0% interval 8\u00a0% to 17\u00a0%)",
        "less than one (0.6 expected)",
        "14 where 0.4 would by chance (p = 3e-9)",
        None,
        "1 group",
    ]


def test_what_the_cohort_adds_is_told_as_well() -> None:
    texts = [figure(EXTRA_KEYS) for figure in TEXTS]
    assert texts[1] == "less than one (0.6 expected, 2.5 at the most)"
    assert texts[3] == "llr +0.9; +3.3 at the base rate"
    assert texts[4] == "1,200 groups"


@pytest.mark.parametrize(
    ("cohort", "said"),
    [
        ({"expected_false_flags": 0.097, "false_flags": {"at_most": 0.1}, "likely": 4},
         "less than one (0.097 expected, 0.1 at the most)"),
        ({"expected_false_flags": 3.2, "false_flags": {"at_most": 1.0}, "likely": 9}, "about 3.2"),
        ({"expected_false_flags": 12.0, "false_flags": {"at_most": 14.0}, "likely": 90},
         "about 12, 14 at the most"),
        # More would be flagged without a single generated face: nothing is left of the flags.
        ({"expected_false_flags": 50.0, "likely": 3}, "all of them (50 expected)"),
        ({"expected_false_flags": 0.04, "likely": 0}, "less than one (0.04 expected)"),
    ],
)  # fmt: skip
def test_flags_that_should_be_wrong_are_told_in_words(cohort: dict[str, object], said: str) -> None:
    assert false_flags_text(cohort) == said


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


def test_a_table_shows_values_as_people_write_them() -> None:
    assert format_value({"ffhq": 1200, "studio": 0.5}) == "ffhq: 1,200; studio: 0.5"
    assert format_value([0.1, 0.3]) == "0.1 to 0.3"
    assert format_value([1, 2, 3]) == "1, 2, 3"
    assert (format_value(True), format_value(None)) == ("yes", "–")
