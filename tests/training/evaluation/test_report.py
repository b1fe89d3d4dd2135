import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.checks import CHECKS
from app.evidence import Outcome, Verdict
from app.training.corpus import Row
from app.training.evaluation.evaluate import Judged
from app.training.evaluation.pool_auc import LEAST, by_size, strong_on_aligned
from app.training.evaluation.report import (
    at_recall,
    comparison,
    gan_eye_distance,
    grouped,
    page,
    report,
)
from app.training.evaluation.scoring import Scored

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


def judged(
    *scores: Scored,
    evasions: dict[str, tuple[Scored, ...]] | None = None,
    sizes: dict[str, tuple[Scored, ...]] | None = None,
) -> Judged:
    return Judged(tuple(scores), "shipped", 12.345, evasions or {}, sizes or {})


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
        "mode", "counts", "outcomes", "threshold_llr", "all", "ordinary", "aligned",
        "strong_on_aligned", "sizes", "false_alarms_at_recall", "gan_eye_distance", "by_kind",
        "by_source", "unmeasurable", "evasions", "evasions_found", "false_alarms",
        "pictures_per_second",
    }  # fmt: skip
    assert said["counts"] == {"pictures": 31, "generated": 10, "real": 21}
    assert said["outcomes"] == {"scored": 30, "no_face": 1}
    assert set(said["all"]) == {"generated", "real", "auc", "roc", "cllr", "cllr_min"}
    assert [p["fpr"] for p in said["all"]["roc"]] == [0.01, 0.001, 0.0001]
    assert (said["all"]["real"], said["ordinary"]["real"]) == (21, 20)
    assert (said["aligned"]["real"], said["strong_on_aligned"]["pictures"]) == (0, 0)
    assert said["sizes"] == {}
    assert said["unmeasurable"] == {
        c.name: round(1 / 31, 5) if c.name == "eye_alignment" else 1.0 for c in CHECKS
    }
    assert list(said["evasions"]) == ["grey"]
    assert said["evasions_found"] == {
        "grey": comparison(MIXED[:10], [s for s in MIXED if s.row.kind == "avatar"])["roc"]
    }
    assert said["pictures_per_second"] == 12.3


def test_false_alarms_name_ordinary_pictures_only() -> None:
    said = report(judged(*MIXED), LIKELY)
    assert said["false_alarms"] == [{"path": "one/avatar2.2.jpg", "llr": 2.2}]


FRAMED = (
    *(scored("aligned", llr) for llr in (-1.5, 0.2, 0.4, 2.9, 3.0)),
    scored("realigned", 3.2),
    scored("aligned_celebahq", 0.0, "no_face"),
)


def test_photographs_in_the_frame_are_counted_apart() -> None:
    said = report(judged(*MIXED, *FRAMED), LIKELY)
    assert said["aligned"]["real"] == len(FRAMED)
    assert said["ordinary"]["real"] == 20
    assert said["aligned"]["auc"] < said["ordinary"]["auc"]
    # They are no ordinary avatars: their alarms are not counted among those.
    assert said["false_alarms"] == [{"path": "one/avatar2.2.jpg", "llr": 2.2}]


def test_who_would_be_accused_strongly_in_the_frame() -> None:
    """From an llr of 3 on; the generated and the ordinary do not count."""
    accused = [s for s in FRAMED if s.outcome == "scored"]
    made = scored("stylegan1", 4.0)
    assert strong_on_aligned([*accused, made, scored("avatar", 4.0)]) == {
        "pictures": 6,
        "strong": 2,
    }
    assert strong_on_aligned([made]) == {"pictures": 0, "strong": 0}


def test_pools_by_hand() -> None:
    """Every generated kind against every pool, where either side has enough pictures."""
    few = [scored("stylegan2", 2.0)] * (LEAST - 1)
    real = [*FRAMED, *(scored("avatar", llr) for llr in (-2.0, -1.0, 0.0, 1.0))]
    scores = [*(scored("stylegan1", llr) for llr in (0.3, 1.0, 3.0, 3.1, 4.0)), *few, *real]
    said = by_size({"400": scores})["400"]
    assert list(said["total"]) == ["stylegan1"]
    found = said["total"]["stylegan1"]
    assert set(found) == {"aligned", "all_aligned"}
    # Pairs won of 25: 0.3 wins 2, 1.0 wins 3, 3.0 wins 4 and ties 1, the others win 5.
    assert found["aligned"] == {"generated": 5, "real": 5, "auc": 19.5 / 25}
    assert found["all_aligned"]["real"] == 6  # who is not scored is in no pool


def test_pools_are_told_for_every_check_alone() -> None:
    scores = [*(scored("stylegan1", 2.0 + i / 9) for i in range(9)),
              *(scored("avatar", -2.0 + i / 9) for i in range(9))]  # fmt: skip
    said = by_size({"400": scores, "96": scores[:3]})
    assert list(said) == ["400", "96"]
    checks = said["400"]["checks"]
    assert list(checks) == [c.name for c in CHECKS]
    assert checks["eye_alignment"]["measured"] == {"avatar": 1.0, "stylegan1": 1.0}
    assert checks["eye_alignment"]["against"]["stylegan1"]["ordinary"]["auc"] == 1.0
    silent = [c for name, c in checks.items() if name != "eye_alignment"]
    assert all(c["against"] == {} for c in silent)
    assert all(set(c["measured"].values()) == {0.0} for c in silent)
    assert said["96"]["total"] == {}


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


kinds = st.sampled_from(
    ["stylegan1", "stylegan2", "stylegan3", "avatar", "portrait", "famous", "aligned", "realigned"]
)
outcomes = st.sampled_from(["scored", "scored", "scored", "no_face", "too_small"])


@given(st.lists(st.builds(scored, kinds, st.floats(-3, 3), outcomes), min_size=1, max_size=40))
def test_any_corpus_gives_json_without_nan(scores: list[Scored]) -> None:
    said = strict(report(judged(*scores, sizes={"400": tuple(scores)}), LIKELY))
    assert page(said)
    assert sum(g["pictures"] for g in said["by_kind"].values()) == len(scores)
    assert sum(g["pictures"] for g in said["by_source"].values()) == len(scores)


def test_the_page_tells_the_figures_and_names_the_false_alarms() -> None:
    seen = (*MIXED, *FRAMED)
    text = page(report(judged(*seen, evasions={"grey": seen[:10]}, sizes={"96": seen}), LIKELY))
    assert "38 pictures (10 generated), judged as shipped; 12.3 pictures/s" in text
    assert "false alarm 2.20 one/avatar2.2.jpg" in text
    assert "llr of 3 or more: 2 of 7 photographs in the frame" in text
    assert "\n96 px, AUC by the total:\n  stylegan1" in text
    assert "\n96 px, AUC by eye_alignment alone:\n  stylegan1" in text
    # Of 19 with a score one is flagged at 2.2, which nine of ten exceed; fewer may not be.
    assert "\ngrey; of all, with ordinary ones flagged: 0.9000 at 0.01" in text
    assert "unscored {'no_face': 1}" in text
