import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cohort.prevalence import even_llr, posterior

SHARES = st.floats(1e-9, 1.0 - 1e-9)
LLRS = st.floats(-50.0, 50.0)


def test_by_hand() -> None:
    assert posterior(1.0, 0.5) == pytest.approx(10 / 11)
    assert posterior(3.0, 0.001) == pytest.approx(1000 / 1999)


@given(LLRS, SHARES)
def test_it_is_a_probability_and_symmetric(llr: float, share: float) -> None:
    p = posterior(llr, share)
    assert 0.0 <= p <= 1.0
    assert p + posterior(-llr, 1.0 - share) == pytest.approx(1.0, abs=1e-6)


@given(LLRS, LLRS, SHARES)
def test_more_evidence_is_never_less_likely(one: float, other: float, share: float) -> None:
    low, high = sorted((one, other))
    assert posterior(low, share) <= posterior(high, share)


@given(SHARES)
def test_the_even_llr_is_where_it_passes_a_half(share: float) -> None:
    llr = even_llr(share)
    assert llr is not None
    assert posterior(llr, share) == pytest.approx(0.5, abs=1e-9)


def test_where_none_or_all_are_generated_no_evidence_matters() -> None:
    assert posterior(3.4, 0.0) == 0.0
    assert posterior(-3.4, 1.0) == 1.0
    assert even_llr(0.0) is None
    assert even_llr(1.0) is None


@pytest.mark.parametrize("share", [-0.1, 1.1, math.nan])
def test_a_share_outside_0_to_1_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        posterior(0.0, share)
