import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.training.calibration.sample_weights import ALIGNED_KINDS, SHARES, importances, takes_part
from app.training.corpus import FFHQ_KINDS, ORDINARY_KINDS, STUDIO_KINDS, Row
from tests.training.testimonies import made, real

MADE_KINDS = (*FFHQ_KINDS, *STUDIO_KINDS)
REAL_KINDS = (*ORDINARY_KINDS, *ALIGNED_KINDS)
rows = st.lists(
    st.sampled_from([*map(made, MADE_KINDS), *map(real, REAL_KINDS)]), min_size=1, max_size=60
)


@pytest.mark.parametrize("kinds", [MADE_KINDS, REAL_KINDS])
def test_the_shares_of_a_side_sum_to_one(kinds: tuple[str, ...]) -> None:
    assert sum(SHARES[kind] for kind in kinds) == pytest.approx(1.0)


def test_every_share_is_of_one_side() -> None:
    assert set(SHARES) == {*MADE_KINDS, *REAL_KINDS}
    assert min(SHARES.values()) > 0.0


def test_who_takes_part() -> None:
    assert takes_part(made("stylegan3"))
    assert takes_part(real("realigned"))
    assert not takes_part(made("diffusion"))
    assert not takes_part(real("nonface"))


@given(rows)
def test_both_sides_weigh_the_same_and_all_weigh_as_many_as_they_are(found: list[Row]) -> None:
    weights = importances(found)
    is_made = np.array([row.generated for row in found])
    assert (weights > 0.0).all()
    for side in (is_made, ~is_made):
        if side.any():
            assert weights[side].sum() == pytest.approx(len(found) / 2.0)


@given(rows)
def test_kinds_of_a_side_weigh_as_their_shares(found: list[Row]) -> None:
    weights = importances(found)
    kinds = {row.kind: row.generated for row in found}
    held = {
        kind: float(sum(w for w, row in zip(weights, found, strict=True) if row.kind == kind))
        for kind in kinds
    }
    for one, side in kinds.items():
        for other, same in kinds.items():
            if side == same:
                assert held[one] / held[other] == pytest.approx(SHARES[one] / SHARES[other])


@given(rows)
def test_pictures_of_one_kind_weigh_alike(found: list[Row]) -> None:
    weights = importances(found)
    for kind in {row.kind for row in found}:
        own = [w for w, row in zip(weights, found, strict=True) if row.kind == kind]
        assert max(own) == pytest.approx(min(own))
