import json
from collections.abc import Sequence

import pytest

from app.evidence import Outcome
from app.training.calibration.sample_weights import ALIGNED_KINDS
from app.training.corpus import ORDINARY_KINDS, Row
from app.training.evaluation import pool_auc
from app.training.evaluation.pool_auc import LEAST, POOLS, STRONG_LLR, by_size, strong_on_aligned
from app.training.evaluation.scoring import Scored
from tests.training.testimonies import TEETH, TEXTURE, made, real

Found = tuple[float, float] | str


@pytest.fixture(autouse=True)
def _two_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool_auc, "CHECKS", (TEXTURE, TEETH))


def scored(row: Row, llr: float, outcome: str = Outcome.SCORED, **checks: Found) -> Scored:
    return Scored(row, outcome, "inconclusive", llr, (llr, llr), checks, 1.0)


def several(row: Row, llrs: Sequence[float], **checks: Found) -> list[Scored]:
    return [scored(row, llr, Outcome.SCORED, **checks) for llr in llrs]


UP, DOWN = (1.0, 2.0, 3.0, 4.0, 5.0), (-1.0, -2.0, -3.0, -4.0, 4.5)


def test_pools_are_every_kind_of_photograph_and_what_they_add_up_to() -> None:
    assert set(POOLS["all_aligned"]) == set(ALIGNED_KINDS)
    assert set(POOLS["ordinary"]) == set(ORDINARY_KINDS)
    assert all(POOLS[kind] == (kind,) for kind in ALIGNED_KINDS)


def test_the_total_by_hand() -> None:
    found = by_size({"400": several(made(), UP) + several(real("aligned"), DOWN)})
    told = {
        "generated": 5,
        "real": 5,
        "auc": round((4 * 5 + 1) / 25, 4),
    }
    assert found["400"]["total"] == {"stylegan2": {"aligned": told, "all_aligned": told}}


def test_rates_are_told_only_where_a_picture_could_be_that_rare() -> None:
    many = several(made(), UP) + several(real(), [0.1 * i for i in range(100)])
    (told,) = by_size({"96": many})["96"]["total"]["stylegan2"].values()
    assert set(told) == {"generated", "real", "auc", "recall_at_0.1", "recall_at_0.01"}


def test_too_few_pictures_give_no_figure() -> None:
    few = UP[: LEAST - 1]
    without_real = by_size({"400": several(made(), UP) + several(real(), few)})
    assert without_real["400"]["total"] == {"stylegan2": {}}
    without_made = by_size({"400": several(made(), few) + several(real(), DOWN)})
    assert without_made["400"]["total"] == {}


def test_aligned_photographs_are_told_from_ordinary_ones() -> None:
    aligned, ordinary = several(real("realigned"), UP), several(real("portrait"), DOWN)
    told = by_size({"400": several(made("stylegan3"), UP) + aligned + ordinary})
    table = told["400"]["total"]["stylegan3"]
    assert set(table) == {"realigned", "all_aligned", "ordinary"}
    assert table["realigned"]["auc"] == 0.5
    assert table["ordinary"]["auc"] > 0.8


def test_unscored_pictures_are_in_no_table() -> None:
    plain = several(made(), UP) + several(real(), DOWN)
    lost = [scored(real(), 0.0, Outcome.NO_FACE), scored(made(), 0.0, "image_truncated")]
    assert by_size({"400": plain + lost}) == by_size({"400": plain})


def test_a_checks_own_llr_and_how_often_it_could_measure() -> None:
    scores = [
        *several(made(), UP[:4], texture=(9.0, 1.0), teeth="mouth_closed"),
        *several(made(), UP, texture=(9.0, 2.0), teeth=(0.0, 0.5)),
        *several(real(), DOWN, texture=(9.0, -1.0), teeth="mouth_closed"),
    ]
    checks = by_size({"400": scores})["400"]["checks"]
    assert list(checks) == ["texture", "teeth"]
    assert checks["texture"]["measured"] == {"avatar": 1.0, "stylegan2": 1.0}
    assert checks["teeth"]["measured"] == {"avatar": 0.0, "stylegan2": round(5 / 9, 4)}
    assert checks["texture"]["against"]["stylegan2"]["ordinary"]["auc"] == 1.0
    assert checks["teeth"]["against"] == {"stylegan2": {}}


def test_every_size_has_its_own_table_and_all_of_it_is_json() -> None:
    here, there = (
        several(made(), UP) + several(real(), DOWN),
        several(made(), DOWN) + several(real(), UP),
    )
    found = by_size({"400": here, "96": there})
    assert list(found) == ["400", "96"]
    assert found["400"]["total"] != found["96"]["total"]
    assert json.loads(json.dumps(found)) == found


def test_strongly_accused_are_photographs_in_the_frame_that_reach_the_bound() -> None:
    scores = [
        *several(real("aligned"), [STRONG_LLR, STRONG_LLR - 0.01, 5.0]),
        *several(real("avatar"), [5.0]),
        *several(made(), [5.0]),
    ]
    assert strong_on_aligned(scores) == {"pictures": 3, "strong": 2}
    assert strong_on_aligned([]) == {"pictures": 0, "strong": 0}
