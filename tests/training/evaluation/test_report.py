import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.checks import CHECKS
from app.evidence import Outcome, Verdict
from app.training.corpus import ManifestRow
from app.training.evaluation.evaluate import Evaluation
from app.training.evaluation.pool_auc import (
    MIN_POOL_PICTURES,
    compare_by_size,
    count_strong_on_aligned,
)
from app.training.evaluation.report import (
    build_evaluation_report,
    compare,
    false_alarms_at_recall,
    report_gan_eye_distance,
    summarize_groups,
)
from app.training.evaluation.report_text import format_report
from app.training.evaluation.scoring import ScoredPicture
from tests.likelihood_ratios import make_ratios

LIKELY_LLR = 2.0


def make_scored(
    kind: str, llr: float, outcome: str = "scored", distance: float = 0.5, source: str = "one"
) -> ScoredPicture:
    label = "generated" if kind.startswith("stylegan") else "real"
    verdict = (
        Verdict.NOT_APPLICABLE
        if outcome != Outcome.SCORED
        else Verdict.LIKELY_STYLEGAN
        if llr >= LIKELY_LLR
        else Verdict.UNLIKELY_STYLEGAN
        if llr <= -1.0
        else Verdict.INCONCLUSIVE
    )
    checks: dict[str, tuple[float, float] | str] = (
        {"eye_alignment": (1.0, llr)} if outcome == Outcome.SCORED else {}
    )
    row = ManifestRow(f"{source}/{kind}{llr}.jpg", label, kind, source)
    return ScoredPicture(row, outcome, verdict, make_ratios(llr), checks, distance)


def make_evaluation(
    *scores: ScoredPicture,
    evasions: dict[str, tuple[ScoredPicture, ...]] | None = None,
    sizes: dict[str, tuple[ScoredPicture, ...]] | None = None,
) -> Evaluation:
    return Evaluation(tuple(scores), "shipped", 12.345, evasions or {}, sizes or {})


MIXED = (
    *(make_scored("stylegan1", 2.5, distance=0.01) for _ in range(9)),
    make_scored("stylegan2", -1.5, distance=0.05),
    *(make_scored("avatar", -2.0) for _ in range(18)),
    make_scored("avatar", 2.2, distance=0.015),
    make_scored("avatar", 0.0, "no_face", distance=1.0),
    make_scored("famous", 2.4),
)


def to_strict_json(report: object) -> Any:
    """Through JSON that knows no NaN."""
    return json.loads(json.dumps(report, allow_nan=False))


def test_a_report_has_its_documented_keys_and_is_json() -> None:
    parsed = to_strict_json(
        build_evaluation_report(make_evaluation(*MIXED, evasions={"grey": MIXED[:10]}), LIKELY_LLR)
    )
    assert set(parsed) == {
        "mode", "counts", "outcomes", "threshold_llr", "all", "ordinary", "aligned",
        "strong_on_aligned", "sizes", "false_alarms_at_recall", "gan_eye_distance", "by_kind",
        "by_source", "unmeasurable", "evasions", "evasions_found", "false_alarms",
        "pictures_per_second", "against_framed", "by_skin_tone", "by_size",
    }  # fmt: skip
    assert parsed["counts"] == {"pictures": 31, "generated": 10, "real": 21}
    assert parsed["outcomes"] == {"scored": 30, "no_face": 1}
    assert set(parsed["all"]) == {"generated", "real", "auc", "roc", "cllr", "cllr_min"}
    assert [p["fpr"] for p in parsed["all"]["roc"]] == [0.01, 0.001, 0.0001]
    assert (parsed["all"]["real"], parsed["ordinary"]["real"]) == (21, 20)
    assert (parsed["aligned"]["real"], parsed["strong_on_aligned"]["pictures"]) == (0, 0)
    assert parsed["sizes"] == {}
    assert parsed["unmeasurable"] == {
        c.name: round(1 / 31, 5) if c.name == "eye_alignment" else 1.0 for c in CHECKS
    }
    assert list(parsed["evasions"]) == ["grey"]
    assert parsed["evasions_found"] == {
        "grey": compare(MIXED[:10], [s for s in MIXED if s.row.kind == "avatar"])["roc"]
    }
    assert parsed["pictures_per_second"] == 12.3


def test_false_alarms_name_ordinary_pictures_only() -> None:
    parsed = build_evaluation_report(make_evaluation(*MIXED), LIKELY_LLR)
    assert parsed["false_alarms"] == [{"path": "one/avatar2.2.jpg", "llr": 2.2}]


FRAMED = (
    *(make_scored("aligned", llr) for llr in (-1.5, 0.2, 0.4, 2.9, 3.0)),
    make_scored("realigned", 3.2),
    make_scored("aligned_celebahq", 0.0, "no_face"),
)


def test_photographs_in_the_frame_are_counted_apart() -> None:
    parsed = build_evaluation_report(make_evaluation(*MIXED, *FRAMED), LIKELY_LLR)
    assert parsed["aligned"]["real"] == len(FRAMED)
    assert parsed["ordinary"]["real"] == 20
    assert parsed["aligned"]["auc"] < parsed["ordinary"]["auc"]
    # They are no ordinary avatars: their alarms are not counted among those.
    assert parsed["false_alarms"] == [{"path": "one/avatar2.2.jpg", "llr": 2.2}]


def test_who_would_be_accused_strongly_in_the_frame() -> None:
    """From an llr of 3 on; the generated and the ordinary do not count."""
    accused = [s for s in FRAMED if s.outcome == "scored"]
    made = make_scored("stylegan1", 4.0)
    assert count_strong_on_aligned([*accused, made, make_scored("avatar", 4.0)]) == {
        "pictures": 6,
        "strong": 2,
    }
    assert count_strong_on_aligned([made]) == {"pictures": 0, "strong": 0}


def test_pools_by_hand() -> None:
    """Every generated kind against every pool, where either side has enough pictures."""
    few = [make_scored("stylegan2", 2.0)] * (MIN_POOL_PICTURES - 1)
    real = [*FRAMED, *(make_scored("avatar", llr) for llr in (-2.0, -1.0, 0.0, 1.0))]
    scores = [*(make_scored("stylegan1", llr) for llr in (0.3, 1.0, 3.0, 3.1, 4.0)), *few, *real]
    parsed = compare_by_size({"400": scores})["400"]
    assert list(parsed["total"]) == ["stylegan1"]
    result = parsed["total"]["stylegan1"]
    assert set(result) == {"aligned", "all_aligned"}
    # Pairs won of 25: 0.3 wins 2, 1.0 wins 3, 3.0 wins 4 and ties 1, the others win 5.
    assert result["aligned"] == {"generated": 5, "real": 5, "auc": 19.5 / 25}
    assert result["all_aligned"]["real"] == 6  # who is not scored is in no pool


def test_pools_are_told_for_every_check_alone() -> None:
    scores = [*(make_scored("stylegan1", 2.0 + i / 9) for i in range(9)),
              *(make_scored("avatar", -2.0 + i / 9) for i in range(9))]  # fmt: skip
    parsed = compare_by_size({"400": scores, "96": scores[:3]})
    assert list(parsed) == ["400", "96"]
    checks = parsed["400"]["checks"]
    assert list(checks) == [c.name for c in CHECKS]
    assert checks["eye_alignment"]["measured"] == {"avatar": 1.0, "stylegan1": 1.0}
    assert checks["eye_alignment"]["against"]["stylegan1"]["ordinary"]["auc"] == 1.0
    silent = [c for name, c in checks.items() if name != "eye_alignment"]
    assert all(c["against"] == {} for c in silent)
    assert all(set(c["measured"].values()) == {0.0} for c in silent)
    assert parsed["96"]["total"] == {}


def test_at_a_recall_by_hand() -> None:
    """The threshold that eight and a half of ten reach is 2.5; nothing ordinary reaches that."""
    parsed = false_alarms_at_recall(MIXED, 0.85)
    assert parsed["llr"] == 2.5
    assert (parsed["false_alarms"], parsed["ordinary"]) == (0, 20)
    assert parsed["found"] == {"avatar": 0.0, "famous": 0.0, "stylegan1": 1.0, "stylegan2": 0.0}
    everything = false_alarms_at_recall(MIXED, 1.0)
    assert everything["llr"] == -1.5
    assert everything["false_alarms"] == 1
    assert everything["found"]["avatar"] == 0.05


def test_a_recall_that_unscored_pictures_put_out_of_reach_has_no_threshold() -> None:
    """Only flagging pictures without a face would find as many."""
    some = (*(make_scored("stylegan1", 2.5),) * 9, make_scored("stylegan1", 0.0, "no_face"))
    assert false_alarms_at_recall(some, 0.85)["llr"] == 2.5
    assert false_alarms_at_recall(some, 0.95) == {"recall": 0.95, "llr": None}


def test_groups_by_hand() -> None:
    parsed = summarize_groups(MIXED, lambda s: s.row.kind)
    assert list(parsed) == ["avatar", "famous", "stylegan1", "stylegan2"]
    assert parsed["avatar"] == {
        "pictures": 20,
        "unscored": {"no_face": 1},
        "likely_stylegan": 0.05,
        "unlikely_stylegan": 0.9,
        "median_llr": -2.0,
    }


def test_an_unscored_picture_is_never_flagged_and_costs_nothing() -> None:
    made = [make_scored("stylegan1", 2.5), make_scored("stylegan1", 0.0, "too_small")] * 150
    real = [make_scored("avatar", -2.0), make_scored("avatar", 0.0, "no_face")] * 150
    parsed = compare(made, real)
    assert [point["tpr"] for point in parsed["roc"]] == [0.5, None, None]  # 300 show 1 % at best
    assert parsed["cllr"] == pytest.approx(
        (math.log2(1 + 10**-2.5) + math.log2(1 + 10**-2.0)) / 2, abs=1e-6
    )
    # A pair: scored above both, unscored below the scored one, tied with the unscored one.
    assert parsed["auc"] == pytest.approx((1 + 1 + 0 + 0.5) / 4)


def test_gan_eye_distance_by_hand() -> None:
    parsed = report_gan_eye_distance(MIXED)
    assert parsed["published_threshold"] == {"recall": 0.9, "false_alarms": 1}
    assert [p["recall"] for p in parsed["at_recall"]] == [0.98, 0.99]
    assert report_gan_eye_distance(MIXED[:10]) == {}


ONE_SIDED = [
    (make_scored("stylegan1", 1.0),),
    (make_scored("avatar", 1.0),),
    (make_scored("famous", 1.0),),
    (make_scored("stylegan3", 1.0),),
    (make_scored("avatar", 0.0, "no_face"),),
    (make_scored("stylegan1", 0.0, "no_face"), make_scored("avatar", 0.0, "image_truncated")),
]


@pytest.mark.parametrize("scores", ONE_SIDED, ids=lambda s: s[0].row.kind)
def test_what_a_corpus_cannot_tell_is_null_and_the_page_still_reads(
    scores: tuple[ScoredPicture, ...],
) -> None:
    parsed = build_evaluation_report(make_evaluation(*scores), LIKELY_LLR)
    to_strict_json(parsed)
    assert "pictures/s" in format_report(parsed)


kinds = st.sampled_from(
    ["stylegan1", "stylegan2", "stylegan3", "avatar", "portrait", "famous", "aligned", "realigned"]
)
outcomes = st.sampled_from(["scored", "scored", "scored", "no_face", "too_small"])


@given(st.lists(st.builds(make_scored, kinds, st.floats(-3, 3), outcomes), min_size=1, max_size=40))
def test_any_corpus_gives_json_without_nan(scores: list[ScoredPicture]) -> None:
    parsed = to_strict_json(
        build_evaluation_report(make_evaluation(*scores, sizes={"400": tuple(scores)}), LIKELY_LLR)
    )
    assert format_report(parsed)
    assert sum(g["pictures"] for g in parsed["by_kind"].values()) == len(scores)
    assert sum(g["pictures"] for g in parsed["by_source"].values()) == len(scores)


def test_the_page_tells_the_figures_and_names_the_false_alarms() -> None:
    seen = (*MIXED, *FRAMED)
    text = format_report(
        build_evaluation_report(
            make_evaluation(*seen, evasions={"grey": seen[:10]}, sizes={"96": seen}), LIKELY_LLR
        )
    )
    assert "38 pictures (10 generated), evaluated as shipped; 12.3 pictures/s" in text
    assert "false alarm 2.20 one/avatar2.2.jpg" in text
    assert "llr of 3 or more: 2 of 7 photographs in the frame" in text
    assert "\n96 px, AUC by the total:\n  stylegan1" in text
    assert "\n96 px, AUC by eye_alignment alone:\n  stylegan1" in text
    # Twenty ordinary pictures cannot show that one in a hundred is flagged.
    assert "\ngrey; of all, with ordinary ones flagged: not given: too few real pictures" in text
    assert "unscored {'no_face': 1}" in text
