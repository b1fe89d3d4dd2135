import csv
import json
from pathlib import Path

import pytest

from app.calibration import Calibration
from app.checks import CHECKS
from app.evidence import Outcome
from app.fitting import evaluate as evaluating
from app.fitting.corpus import Corpus, Row
from app.fitting.evaluate import (
    EVASION_PICTURES,
    Judged,
    evaluate,
    evasion_rows,
    mode_for,
    write_scores,
)
from app.fitting.evasions import EVASIONS
from app.fitting.fit import provisional
from app.fitting.judge import Scored
from app.fitting.report import report
from tests.fitting.conftest import Study
from tests.sitters import entry, small_calibration


@pytest.fixture(scope="module")
def shipped_judged(study: Study, model: bytes) -> Judged:
    return evaluate(study.corpus, model, study.calibration, "shipped")


def test_the_corpus_that_was_fitted_on_is_judged_by_others(study: Study) -> None:
    assert mode_for(study.corpus, study.calibration) == "held_out"
    assert mode_for(study.corpus, small_calibration()) == "shipped"


def test_every_picture_is_judged_in_the_manifests_order(
    study: Study, shipped_judged: Judged
) -> None:
    assert [s.row for s in shipped_judged.scores] == list(study.corpus.rows)
    assert shipped_judged.mode == "shipped"
    assert shipped_judged.evasions == {}
    assert shipped_judged.pictures_per_second > 0.0


def test_held_out_each_collector_has_its_own_judge(
    study: Study, model: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five judges that can be told apart by how far they may go."""
    judges = [provisional(entry(bounds=[-0.1 - k, 0.1 + k])) for k in range(5)]
    homes = {r.collector: i % 5 for i, r in enumerate(study.corpus.rows)}
    monkeypatch.setattr(evaluating, "measure", lambda *_, **__: iter(study.seen))
    monkeypatch.setattr(evaluating, "size_effects", lambda *_: None)
    monkeypatch.setattr(evaluating, "calibrations_by_fold", lambda *_: (judges, homes))
    judged = evaluate(study.corpus, model, study.calibration, "held_out")
    assert judged.mode == "held_out"
    for scored in judged.scores:
        home = homes[scored.row.collector]
        assert abs(scored.llr) <= 0.1 + home
    reached = {homes[s.row.collector] for s in judged.scores if abs(s.llr) > homes[s.row.collector]}
    assert reached >= {0, 1}  # the bounds are in use, or the loop above would say nothing


def test_evasions_are_measured_on_changed_pictures(
    study: Study, model: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = tuple(r for r in study.corpus.rows if r.source in ("maker_a", "people_a"))[:10]
    some = Corpus(study.corpus.root, rows, "0")
    chosen = {name: EVASIONS[name] for name in ("untouched", "white border 10 %")}
    monkeypatch.setattr(evaluating, "EVASIONS", chosen)
    judged = evaluate(some, model, study.calibration, "shipped", evasions=True)
    assert list(judged.evasions) == list(chosen)
    makers = {r.path for r in rows if r.generated}
    for scored in judged.evasions.values():
        assert {s.row.path for s in scored} == makers
    as_they_are = {s.row.path: s.checks for s in judged.scores}
    assert all(s.checks == as_they_are[s.row.path] for s in judged.evasions["untouched"])
    assert all(s.checks != as_they_are[s.row.path] for s in judged.evasions["white border 10 %"])


def test_evasions_are_tried_on_some_of_every_kind() -> None:
    rows = tuple(
        Row(f"{kind}{n}", "generated", kind, "s")
        for kind, count in (("stylegan1", 900), ("stylegan2", 1500), ("stylegan3", 30))
        for n in range(count)
    )
    real = tuple(Row(f"r{n}", "real", "avatar", "s") for n in range(50))
    found = evasion_rows(Corpus(Path(), real + rows, ""))
    assert all(r.generated for r in found)
    assert EVASION_PICTURES <= len(found) <= 1.5 * EVASION_PICTURES
    assert {r.kind for r in found} == {"stylegan1", "stylegan2", "stylegan3"}
    few = evasion_rows(Corpus(Path(), rows[:5], ""))
    assert len(few) == 5


# What is written


COLUMNS = [
    "path", "label", "kind", "source", "outcome", "verdict", "llr",
    "eye_alignment_value", "eye_alignment_llr",
]  # fmt: skip


def test_scores_have_exactly_these_columns(tmp_path: Path) -> None:
    scored = Scored(
        Row("a b,c.jpg", "generated", "stylegan2", "one"), "scored", "likely_generated",
        1.23456789, (1.0, 1.5), {"eye_alignment": (0.75, 1.5)}, 0.01,
    )  # fmt: skip
    unscored = Scored(
        Row("d.jpg", "real", "avatar", "two"), "no_face", "not_applicable", 0.0, (0.0, 0.0), {}, 1.0
    )
    small = Scored(
        Row("e.jpg", "real", "avatar", "two"), "scored", "inconclusive", 0.0, (0.0, 0.0),
        {"eye_alignment": "too_small"}, 1.0,
    )  # fmt: skip
    write_scores([scored, unscored, small], tmp_path / "scores.csv")
    with (tmp_path / "scores.csv").open(newline="", encoding="utf-8") as file:
        head, *lines = csv.reader(file)
    assert head == COLUMNS
    assert lines == [
        ["a b,c.jpg", "generated", "stylegan2", "one", "scored", "likely_generated", "1.23457",
         "0.75", "1.5"],
        ["d.jpg", "real", "avatar", "two", "no_face", "not_applicable", "0", "", ""],
        ["e.jpg", "real", "avatar", "two", "scored", "inconclusive", "0", "", ""],
    ]  # fmt: skip


def test_the_columns_follow_the_checks() -> None:
    parts = [f"{c.name}_{part}" for c in CHECKS for part in ("value", "llr")]
    assert COLUMNS[7:] == parts


def test_an_evaluation_is_valid_json(study: Study, shipped_judged: Judged) -> None:
    likely = _likely(study.calibration)
    said = json.loads(json.dumps(report(shipped_judged, likely), allow_nan=False))
    assert said["counts"] == {"pictures": 135, "generated": 35, "real": 100}
    assert said["outcomes"].get(Outcome.SCORED, 0) > 130
    assert said["ordinary"]["auc"] > 0.95
    assert said["threshold_llr"] == likely


def _likely(calibration: Calibration) -> float:
    return next(t.llr for t in calibration.thresholds if t.verdict == "likely_generated")
