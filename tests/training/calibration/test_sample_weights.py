import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.training.calibration.sample_weights import (
    ALIGNED_KINDS,
    KIND_SHARES,
    compute_sample_weights,
    has_share,
)
from app.training.corpus import FFHQ_KINDS, ORDINARY_KINDS, STUDIO_KINDS, ManifestRow
from tests.training.made_measurements import generated_row, real_row

GENERATED_KINDS = (*FFHQ_KINDS, *STUDIO_KINDS)
REAL_KINDS = (*ORDINARY_KINDS, *ALIGNED_KINDS)
rows = st.lists(
    st.sampled_from([*map(generated_row, GENERATED_KINDS), *map(real_row, REAL_KINDS)]),
    min_size=1,
    max_size=60,
)


@pytest.mark.parametrize("kinds", [GENERATED_KINDS, REAL_KINDS])
def test_the_shares_of_a_side_sum_to_one(kinds: tuple[str, ...]) -> None:
    assert sum(KIND_SHARES[kind] for kind in kinds) == pytest.approx(1.0)


def test_every_share_is_of_one_side() -> None:
    assert set(KIND_SHARES) == {*GENERATED_KINDS, *REAL_KINDS}
    assert min(KIND_SHARES.values()) > 0.0


def test_who_takes_part() -> None:
    assert has_share(generated_row("stylegan3"))
    assert has_share(real_row("realigned"))
    assert not has_share(generated_row("diffusion"))
    assert not has_share(real_row("nonface"))


@given(rows)
def test_both_sides_weigh_the_same_and_all_weigh_as_many_as_they_are(
    found: list[ManifestRow],
) -> None:
    weights = compute_sample_weights(found)
    is_made = np.array([row.is_generated for row in found])
    assert (weights > 0.0).all()
    for side in (is_made, ~is_made):
        if side.any():
            assert weights[side].sum() == pytest.approx(len(found) / 2.0)


@given(rows)
def test_kinds_of_a_side_weigh_as_their_shares(found: list[ManifestRow]) -> None:
    weights = compute_sample_weights(found)
    kinds = {row.kind: row.is_generated for row in found}
    held = {
        kind: float(sum(w for w, row in zip(weights, found, strict=True) if row.kind == kind))
        for kind in kinds
    }
    for one, side in kinds.items():
        for other, same in kinds.items():
            if side == same:
                assert held[one] / held[other] == pytest.approx(
                    KIND_SHARES[one] / KIND_SHARES[other]
                )


@given(rows)
def test_pictures_of_one_kind_weigh_alike(found: list[ManifestRow]) -> None:
    weights = compute_sample_weights(found)
    for kind in {row.kind for row in found}:
        own = [w for w, row in zip(weights, found, strict=True) if row.kind == kind]
        assert max(own) == pytest.approx(min(own))
