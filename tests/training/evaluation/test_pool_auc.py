import json
from collections.abc import Sequence

import pytest

from app.evidence import Outcome
from app.training.calibration.sample_weights import ALIGNED_KINDS
from app.training.corpus import ORDINARY_KINDS, ManifestRow
from app.training.evaluation import pool_auc
from app.training.evaluation.pool_auc import (
    MIN_POOL_PICTURES,
    POOLS,
    STRONG_LLR,
    compare_by_size,
    count_strong_on_aligned,
)
from app.training.evaluation.scoring import ScoredPicture
from tests.likelihood_ratios import make_ratios
from tests.training.made_measurements import TEETH, TEXTURE, generated_row, real_row

CheckResult = tuple[float, float] | str


@pytest.fixture(autouse=True)
def _only_two_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_auc, "CHECKS", (TEXTURE, TEETH))


def make_scored(
    row: ManifestRow, llr: float, outcome: str = Outcome.SCORED, **checks: CheckResult
) -> ScoredPicture:
    return ScoredPicture(row, outcome, "inconclusive", make_ratios(llr), checks, 1.0)


def make_several(
    row: ManifestRow, llrs: Sequence[float], **checks: CheckResult
) -> list[ScoredPicture]:
    return [make_scored(row, llr, Outcome.SCORED, **checks) for llr in llrs]


RISING_LLRS, FALLING_LLRS = (1.0, 2.0, 3.0, 4.0, 5.0), (-1.0, -2.0, -3.0, -4.0, 4.5)


def test_pools_are_every_kind_of_photograph_and_what_they_add_up_to() -> None:
    assert set(POOLS["all_aligned"]) == set(ALIGNED_KINDS)
    assert set(POOLS["ordinary"]) == set(ORDINARY_KINDS)
    assert all(POOLS[kind] == (kind,) for kind in ALIGNED_KINDS)


def test_the_total_by_hand() -> None:
    result = compare_by_size(
        {
            "400": make_several(generated_row(), RISING_LLRS)
            + make_several(real_row("aligned"), FALLING_LLRS)
        }
    )
    expected = {
        "generated": 5,
        "real": 5,
        "auc": round((4 * 5 + 1) / 25, 4),
    }
    assert result["400"]["total"] == {"stylegan2": {"aligned": expected, "all_aligned": expected}}


def test_rates_are_told_only_where_a_picture_could_be_that_rare() -> None:
    many = make_several(generated_row(), RISING_LLRS) + make_several(
        real_row(), [0.1 * i for i in range(100)]
    )
    (told,) = compare_by_size({"96": many})["96"]["total"]["stylegan2"].values()
    assert set(told) == {"generated", "real", "auc", "recall_at_0.1", "recall_at_0.01"}


def test_too_few_pictures_give_no_figure() -> None:
    few = RISING_LLRS[: MIN_POOL_PICTURES - 1]
    without_real = compare_by_size(
        {"400": make_several(generated_row(), RISING_LLRS) + make_several(real_row(), few)}
    )
    assert without_real["400"]["total"] == {"stylegan2": {}}
    without_made = compare_by_size(
        {"400": make_several(generated_row(), few) + make_several(real_row(), FALLING_LLRS)}
    )
    assert without_made["400"]["total"] == {}


def test_aligned_photographs_are_told_from_ordinary_ones() -> None:
    aligned, ordinary = (
        make_several(real_row("realigned"), RISING_LLRS),
        make_several(real_row("portrait"), FALLING_LLRS),
    )
    told = compare_by_size(
        {"400": make_several(generated_row("stylegan3"), RISING_LLRS) + aligned + ordinary}
    )
    table = told["400"]["total"]["stylegan3"]
    assert set(table) == {"realigned", "all_aligned", "ordinary"}
    assert table["realigned"]["auc"] == 0.5
    assert table["ordinary"]["auc"] > 0.8


def test_unscored_pictures_are_in_no_table() -> None:
    plain = make_several(generated_row(), RISING_LLRS) + make_several(real_row(), FALLING_LLRS)
    lost = [
        make_scored(real_row(), 0.0, Outcome.NO_FACE),
        make_scored(generated_row(), 0.0, "image_truncated"),
    ]
    assert compare_by_size({"400": plain + lost}) == compare_by_size({"400": plain})


def test_a_checks_own_llr_and_how_often_it_could_measure() -> None:
    scores = [
        *make_several(generated_row(), RISING_LLRS[:4], texture=(9.0, 1.0), teeth="mouth_closed"),
        *make_several(generated_row(), RISING_LLRS, texture=(9.0, 2.0), teeth=(0.0, 0.5)),
        *make_several(real_row(), FALLING_LLRS, texture=(9.0, -1.0), teeth="mouth_closed"),
    ]
    checks = compare_by_size({"400": scores})["400"]["checks"]
    assert list(checks) == ["texture", "teeth"]
    assert checks["texture"]["measured"] == {"avatar": 1.0, "stylegan2": 1.0}
    assert checks["teeth"]["measured"] == {"avatar": 0.0, "stylegan2": round(5 / 9, 4)}
    assert checks["texture"]["against"]["stylegan2"]["ordinary"]["auc"] == 1.0
    assert checks["teeth"]["against"] == {"stylegan2": {}}


def test_every_size_has_its_own_table_and_all_of_it_is_json() -> None:
    here, there = (
        make_several(generated_row(), RISING_LLRS) + make_several(real_row(), FALLING_LLRS),
        make_several(generated_row(), FALLING_LLRS) + make_several(real_row(), RISING_LLRS),
    )
    result = compare_by_size({"400": here, "96": there})
    assert list(result) == ["400", "96"]
    assert result["400"]["total"] != result["96"]["total"]
    assert json.loads(json.dumps(result)) == result


def test_strongly_accused_are_photographs_in_the_frame_that_reach_the_bound() -> None:
    scores = [
        *make_several(real_row("aligned"), [STRONG_LLR, STRONG_LLR - 0.01, 5.0]),
        *make_several(real_row("avatar"), [5.0]),
        *make_several(generated_row(), [5.0]),
    ]
    assert count_strong_on_aligned(scores) == {"pictures": 3, "strong": 2}
    assert count_strong_on_aligned([]) == {"pictures": 0, "strong": 0}
