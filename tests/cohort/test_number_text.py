"""Numbers as text: none is exaggerated, none is rounded to certainty."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cohort.number_text import (
    format_expected,
    format_p_value,
    format_percent,
    format_value,
    pluralize,
)


@pytest.mark.parametrize(
    ("share", "expected"),
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
def test_a_share_is_written_in_two_figures_of_what_matters(share: float, expected: str) -> None:
    assert format_percent(share) == f"{expected}\u00a0%"


@given(st.floats(0.0, 1.0, exclude_min=True, exclude_max=True))
def test_what_is_possible_is_never_written_as_certain(share: float) -> None:
    assert format_percent(share) not in ("0\u00a0%", "100\u00a0%")


@pytest.mark.parametrize(
    ("p", "expected"),
    [
        (0.2, "p = 0.2"),
        (0.004, "p = 0.004"),
        (3e-6, "p = 3e-6"),
        (9e-7, "p below 1e-6"),
        (1e-6, "p below 1e-6"),
        (2e-6, "p = 2e-6"),
        (0.0, "p below 1e-6"),
    ],
)
def test_p_values(p: float, expected: str) -> None:
    assert format_p_value(p) == expected


@pytest.mark.parametrize(
    ("n", "expected"), [(0.0, "0.0"), (0.06, "0.06"), (3.25, "3.2"), (1234.5, "1,234")]
)
def test_expected_counts(n: float, expected: str) -> None:
    assert format_expected(n) == expected


def test_a_table_shows_values_as_people_write_them() -> None:
    assert format_value({"ffhq": 1200, "studio": 0.5}) == "ffhq: 1,200; studio: 0.5"
    assert format_value([0.1, 0.3]) == "0.1 to 0.3"
    assert format_value([1, 2, 3]) == "1, 2, 3"
    assert (format_value(True), format_value(None)) == ("yes", "–")


def test_a_noun_follows_its_number() -> None:
    assert [pluralize(n, "picture") for n in (0, 1, 2_000)] == [
        "0 pictures",
        "1 picture",
        "2,000 pictures",
    ]
    assert pluralize(1, "picture is", "pictures are") == "1 picture is"
    assert pluralize(2, "picture is", "pictures are") == "2 pictures are"
