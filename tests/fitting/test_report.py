import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.evidence import Outcome, Verdict
from app.fitting.corpus import Row
from app.fitting.evaluate import Judged
from app.fitting.judge import Scored
from app.fitting.report import at_recall, comparison, gan_eye_distance, grouped, page, report

LIKELY = 2.0


def scored(
    kind: str, llr: float, outcome: str = "scored", distance: float = 0.5, source: str = "one"
) -> Scored:
    label = "generated" if kind.startswith("stylegan") else "real"
    verdict = (
        Verdict.NOT_APPLICABLE
        if outcome != Outcome.SCORED
        else Verdict.LIKELY_GENERATED
        if llr >= LIKELY
        else Verdict.UNLIKELY_GENERATED
        if llr <= -1.0
        else Verdict.INCONCLUSIVE
    )
    checks: dict[str, tuple[float, float] | str] = (
        {"eye_alignment": (1.0, llr)} if outcome == Outcome.SCORED else {}
    )
    row = Row(f"{source}/{kind}{llr}.jpg", label, kind, source)
    return Scored(row, outcome, verdict, llr, (llr, llr), checks, distance)


def judged(*scores: Scored, evasions: dict[str, tuple[Scored, ...]] | None = None) -> Judged:
    return Judged(tuple(scores), "shipped", 12.345, evasions or {})


MIXED = (
    *(scored("stylegan1", 2.5, distance=0.01) for _ in range(9)),
    scored("stylegan2", -1.5, distance=0.05),
    *(scored("avatar", -2.0) for _ in range(18)),
    scored("avatar", 2.2, distance=0.015),
    scored("avatar", 0.0, "no_face", distance=1.0),
    scored("famous", 2.4),
)


def strict(said: object) -> Any:
    """Through JSON that knows no NaN."""
    return json.loads(json.dumps(said, allow_nan=False))


def test_a_report_has_its_documented_keys_and_is_json() -> None:
    said = strict(report(judged(*MIXED, evasions={"grey": MIXED[:10]}), LIKELY))
    assert set(said) == {
        "mode", "counts", "outcomes", "threshold_llr", "all", "ordinary", "false_alarms_at_recall",
        "gan_eye_distance", "by_kind", "by_source", "unmeasurable", "evasions", "false_alarms",
        "pictures_per_second",
    }  # fmt: skip
    assert said["counts"] == {"pictures": 31, "generated": 10, "real": 21}
    assert said["outcomes"] == {"scored": 30, "no_face": 1}
    assert set(said["all"]) == {"generated", "real", "auc", "roc", "cllr", "cllr_min"}
    assert [p["fpr"] for p in said["all"]["roc"]] == [0.01, 0.001, 0.0001]
    assert (said["all"]["real"], said["ordinary"]["real"]) == (21, 20)
    assert said["unmeasurable"] == {"eye_alignment": round(1 / 31, 5)}
    assert list(said["evasions"]) == ["grey"]
    assert said["pictures_per_second"] == 12.3


def test_false_alarms_name_ordinary_pictures_only() -> None:
    said = report(judged(*MIXED), LIKELY)
    assert said["false_alarms"] == [{"path": "one/avatar2.2.jpg", "llr": 2.2}]


def test_at_a_recall_by_hand() -> None:
    """The threshold that eight and a half of ten reach is 2.5; nothing ordinary reaches that."""
    said = at_recall(MIXED, 0.85)
    assert said["llr"] == 2.5
    assert (said["false_alarms"], said["ordinary"]) == (0, 20)
    assert said["found"] == {"avatar": 0.0, "famous": 0.0, "stylegan1": 1.0, "stylegan2": 0.0}
    everything = at_recall(MIXED, 1.0)
    assert everything["llr"] == -1.5
    assert everything["false_alarms"] == 1
    assert everything["found"]["avatar"] == 0.05


def test_a_recall_that_unscored_pictures_put_out_of_reach_has_no_threshold() -> None:
    """Only flagging pictures without a face would find as many."""
    some = (*(scored("stylegan1", 2.5),) * 9, scored("stylegan1", 0.0, "no_face"))
    assert at_recall(some, 0.85)["llr"] == 2.5
    assert at_recall(some, 0.95) == {"recall": 0.95, "llr": None}


def test_groups_by_hand() -> None:
    said = grouped(MIXED, lambda s: s.row.kind, LIKELY)
    assert list(said) == ["avatar", "famous", "stylegan1", "stylegan2"]
    assert said["avatar"] == {
        "pictures": 20,
        "unscored": {"no_face": 1},
        "likely_generated": 0.05,
        "unlikely_generated": 0.9,
        "median_llr": -2.0,
    }


def test_an_unscored_picture_is_never_flagged_and_costs_nothing() -> None:
    made = [scored("stylegan1", 2.5), scored("stylegan1", 0.0, "too_small")]
    real = [scored("avatar", -2.0), scored("avatar", 0.0, "no_face")]
    said = comparison(made, real)
    assert said["roc"][0]["tpr"] == 0.5
    assert said["cllr"] == pytest.approx(
        (math.log2(1 + 10**-2.5) + math.log2(1 + 10**-2.0)) / 2, abs=1e-6
    )
    # A pair: scored above both, unscored below the scored one, tied with the unscored one.
    assert said["auc"] == pytest.approx((1 + 1 + 0 + 0.5) / 4)


def test_gan_eye_distance_by_hand() -> None:
    said = gan_eye_distance(MIXED)
    assert said["published_threshold"] == {"recall": 0.9, "false_alarms": 1}
    assert [p["recall"] for p in said["at_recall"]] == [0.98, 0.99]
    assert gan_eye_distance(MIXED[:10]) == {}


ALONE = [
    (scored("stylegan1", 1.0),),
    (scored("avatar", 1.0),),
    (scored("famous", 1.0),),
    (scored("stylegan3", 1.0),),
    (scored("avatar", 0.0, "no_face"),),
    (scored("stylegan1", 0.0, "no_face"), scored("avatar", 0.0, "image_truncated")),
]


@pytest.mark.parametrize("scores", ALONE, ids=lambda s: s[0].row.kind)
def test_what_a_corpus_cannot_tell_is_null_and_the_page_still_reads(
    scores: tuple[Scored, ...],
) -> None:
    said = report(judged(*scores), LIKELY)
    strict(said)
    assert "pictures/s" in page(said)


kinds = st.sampled_from(["stylegan1", "stylegan2", "stylegan3", "avatar", "portrait", "famous"])
outcomes = st.sampled_from(["scored", "scored", "scored", "no_face", "too_small"])


@given(st.lists(st.builds(scored, kinds, st.floats(-3, 3), outcomes), min_size=1, max_size=40))
def test_any_corpus_gives_json_without_nan(scores: list[Scored]) -> None:
    said = strict(report(judged(*scores), LIKELY))
    assert sum(g["pictures"] for g in said["by_kind"].values()) == len(scores)
    assert sum(g["pictures"] for g in said["by_source"].values()) == len(scores)


def test_the_page_tells_the_figures_and_names_the_false_alarms() -> None:
    text = page(report(judged(*MIXED, evasions={"grey": MIXED[:10]}), LIKELY))
    assert "31 pictures (10 generated), judged as shipped; 12.3 pictures/s" in text
    assert "false alarm 2.20 one/avatar2.2.jpg" in text
    assert "\ngrey:\n" in text
    assert "unscored {'no_face': 1}" in text
