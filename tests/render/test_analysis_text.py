"""A moderator's words: honest numbers, both sides treated alike."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.evidence import verbal_support
from app.render import analysis_text


@pytest.mark.parametrize(
    ("ratio", "said"),
    [
        (2, "2"),
        (9.4, "9"),
        (9.6, "10"),
        (12.4, "12"),
        (104, "100"),
        (1584.9, "1,600"),
        (99_600, "100,000"),
        (996_000, "1 million"),
        (1_300_000, "1.3 million"),
        (2.5e9, "2.5 billion"),
        (5e13, "a thousand billion or more"),
    ],
)
def test_ratios_are_said_in_two_figures(ratio: float, said: str) -> None:
    assert analysis_text.format_power_of_ten(math.log10(ratio)) == said


@given(st.floats(0.30103, 11.9))
def test_what_is_said_is_near_what_is_meant(size: float) -> None:
    text = analysis_text.format_power_of_ten(size)
    number, _, unit = text.partition(" ")
    scale = {"": 1.0, "million": 1e6, "billion": 1e9}[unit]
    assert float(number.replace(",", "")) * scale == pytest.approx(10.0**size, rel=0.26)


@pytest.mark.parametrize(
    ("llr", "said"), [(3.24, "+3.2"), (-0.04, "+0.0"), (0.0, "+0.0"), (-2.06, "-2.1")]
)
def test_llr_has_one_decimal_and_no_minus_zero(llr: float, said: str) -> None:
    assert analysis_text.format_llr(llr) == said


@given(st.floats(-15.0, 15.0))
def test_both_sides_are_compared_alike(llr: float) -> None:
    text = analysis_text.llr_sentence(llr)
    generated, ordinary = "a picture from a StyleGAN-family generator", "an ordinary avatar"
    if verbal_support(llr) == "none":
        assert text.startswith("No support either way")
        assert "times" not in text
        return
    assert text.index(generated) < text.index(ordinary) if llr > 0 else True
    assert analysis_text.llr_sentence(-llr) == text.replace(generated, "#").replace(
        ordinary, generated
    ).replace("#", ordinary)
    assert text.lower().startswith(verbal_support(llr))


def test_a_sentence_begins_and_ends_like_one() -> None:
    assert analysis_text.to_sentence("  eyes lie there ") == "Eyes lie there."
    assert analysis_text.to_sentence("Is it?") == "Is it?"
    assert analysis_text.to_sentence("") == ""
