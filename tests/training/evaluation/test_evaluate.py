import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from app.calibration.calibration import Calibration
from app.checks import CHECKS
from app.evidence import Check, Outcome
from app.training.calibration.measurements import Seen
from app.training.corpus import Corpus, Row
from app.training.evaluation import evaluate as evaluating
from app.training.evaluation.evaluate import (
    EVASION_PICTURES,
    LARGE_PX,
    SQUARE,
    Judged,
    evaluate,
    evasion_rows,
    mode_for,
    write_scores,
)
from app.training.evaluation.perturbations import EVASIONS
from app.training.evaluation.report import report
from app.training.evaluation.scoring import Scored
from tests.sitters import small_calibration
from tests.training.conftest import PICTURES, SMALL_PX, Study


@pytest.fixture(scope="module")
def shipped_judged(study: Study) -> Judged:
    return evaluate(study.corpus, study.models, study.calibration, "shipped")


def test_the_corpus_that_was_fitted_on_is_judged_by_others(study: Study) -> None:
    assert mode_for(study.corpus, study.calibration) == "held_out"
    assert mode_for(study.corpus, small_calibration()) == "shipped"


def test_every_picture_is_judged_in_the_manifests_order(
    study: Study, shipped_judged: Judged
) -> None:
    assert [s.row for s in shipped_judged.scores] == list(study.corpus.rows)
    assert shipped_judged.mode == "shipped"
    assert (shipped_judged.evasions, shipped_judged.sizes) == ({}, {})
    assert shipped_judged.pictures_per_second > 0.0


def test_held_out_each_collector_has_its_own_judge(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five judges that can be told apart by how far they may go."""
    fitted = replace(study.calibration, thresholds=())
    judges = [replace(fitted, bounds=(-1.0 - k / 4, 1.0 + k / 4)) for k in range(5)]
    homes = {r.collector: i % 5 for i, r in enumerate(study.corpus.rows)}
    monkeypatch.setattr(evaluating, "see", lambda *_: study.seen)
    monkeypatch.setattr(evaluating, "calibrations_by_fold", lambda *_: (judges, homes))
    judged = evaluate(study.corpus, study.models, study.calibration, "held_out")
    assert judged.mode == "held_out"
    assert [s.row for s in judged.scores] == list(study.corpus.rows)
    for scored in (*judged.scores, *judged.sizes[str(SMALL_PX)]):
        home = homes[scored.row.collector]
        assert abs(scored.llr) <= 1.0 + home / 4
        if scored.outcome == Outcome.SCORED:  # other fits, the same words
            assert scored.verdict == study.calibration.verdict(scored.llr)
    reached = {
        home
        for s in judged.scores
        if (home := homes[s.row.collector]) and abs(s.llr) > 1.0 + (home - 1) / 4
    }
    assert reached >= {1, 2}  # the bounds are in use, or the loop above would say nothing


def test_held_out_everything_is_judged_at_every_size(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    homes = dict.fromkeys((r.collector for r in study.corpus.rows), 0)
    large = [replace(m, side_px=LARGE_PX) if i < 9 else m for i, m in enumerate(study.seen.native)]
    seen = Seen(large, study.seen.smaller, study.seen.effects)
    monkeypatch.setattr(evaluating, "see", lambda *_: seen)
    monkeypatch.setattr(evaluating, "calibrations_by_fold", lambda *_: ([study.calibration], homes))
    judged = evaluate(study.corpus, study.models, study.calibration, "held_out")
    assert list(judged.sizes) == ["400", str(SMALL_PX)]
    assert judged.sizes["400"] == judged.scores[:9]
    small = judged.sizes[str(SMALL_PX)]
    assert [s.row for s in small] == [m.row for m in study.seen.smaller[SMALL_PX]]
    assert [s.side_px for s in small] == [SMALL_PX] * len(small)


def test_as_shipped_sizes_are_judged_where_they_are_asked_for(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluating, "measure", lambda *_, **__: iter(study.seen.native))
    monkeypatch.setattr(evaluating, "smaller_of", lambda *_: study.seen.smaller)
    judged = evaluate(study.corpus, study.models, study.calibration, "shipped", sizes=True)
    assert list(judged.sizes) == ["400", str(SMALL_PX)]
    assert len(judged.sizes[str(SMALL_PX)]) == sum(PICTURES.values())


def test_evasions_are_measured_on_changed_pictures(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = tuple(r for r in study.corpus.rows if r.source in ("maker_a", "people_a"))[:10]
    some = Corpus(study.corpus.root, rows, "0")
    chosen = {name: EVASIONS[name] for name in ("untouched", "white border 10 %")}
    monkeypatch.setattr(evaluating, "EVASIONS", chosen)
    judged = evaluate(some, study.models, study.calibration, "shipped", evasions=True)
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


COLUMNS = ["path", "label", "kind", "source", "outcome", "verdict", "llr"]


def columns_of(**cells: list[str]) -> list[str]:
    """Two cells a check in their order, empty unless given."""
    return [cell for check in CHECKS for cell in cells.get(check.name, ["", ""])]


def test_scores_have_exactly_these_columns(tmp_path: Path) -> None:
    scored = Scored(
        Row("a b,c.jpg", "generated", "stylegan2", "one"), "scored", "likely_generated",
        1.23456789, (1.0, 1.5), {"eye_alignment": (0.75, 1.5)}, 0.01,
        square=(0.5, 0.496, 0.01, -0.02),
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
    checks = [f"{c.name}_{part}" for c in CHECKS for part in ("value", "llr")]
    assert head == [*COLUMNS, *checks, *SQUARE]
    assert [line[-4:] for line in lines] == [["0.5", "0.496", "0.01", "-0.02"], *[[""] * 4] * 2]
    assert [line[:-4] for line in lines] == [
        ["a b,c.jpg", "generated", "stylegan2", "one", "scored", "likely_generated", "1.23457",
         *columns_of(eye_alignment=["0.75", "1.5"])],
        ["d.jpg", "real", "avatar", "two", "no_face", "not_applicable", "0", *columns_of()],
        ["e.jpg", "real", "avatar", "two", "scored", "inconclusive", "0", *columns_of()],
    ]  # fmt: skip


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.name)
def test_every_check_has_its_columns(check: Check, tmp_path: Path) -> None:
    row = Row("a.jpg", "real", "avatar", "one")
    held = {check.name: (-0.25, 0.125)}
    write_scores([Scored(row, "scored", "inconclusive", 0.5, (0.0, 1.0), held, 1.0)],
                 tmp_path / "scores.csv")  # fmt: skip
    with (tmp_path / "scores.csv").open(newline="", encoding="utf-8") as file:
        (line,) = csv.DictReader(file)
    assert (line[f"{check.name}_value"], line[f"{check.name}_llr"]) == ("-0.25", "0.125")
    assert line["llr"] == "0.5"


def test_an_evaluation_is_valid_json(study: Study, shipped_judged: Judged) -> None:
    likely = _likely(study.calibration)
    said = json.loads(json.dumps(report(shipped_judged, likely), allow_nan=False))
    assert said["counts"] == {"pictures": 150, "generated": 35, "real": 115}
    assert said["outcomes"].get(Outcome.SCORED, 0) > 145
    assert said["ordinary"]["auc"] > 0.95
    assert said["threshold_llr"] == likely


def _likely(calibration: Calibration) -> float:
    return next(t.llr for t in calibration.thresholds if t.verdict == "likely_generated")
