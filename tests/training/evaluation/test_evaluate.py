import csv
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from app.calibration.calibration import Calibration
from app.checks import CHECKS
from app.evidence import Check, Outcome
from app.training.calibration.measurements import MeasuredCorpus
from app.training.corpus import Corpus, ManifestRow
from app.training.evaluation import evaluate as evaluating
from app.training.evaluation.evaluate import (
    MIN_LARGE_SIDE_PX,
    PERTURBED_PICTURE_COUNT,
    SQUARE_COLUMNS,
    Evaluation,
    default_mode,
    evaluate,
    select_perturbation_rows,
    write_all_scores,
    write_scores,
)
from app.training.evaluation.perturbations import PERTURBATIONS
from app.training.evaluation.report import build_evaluation_report
from app.training.evaluation.scoring import ScoredPicture
from app.training.measure import Models
from tests.likelihood_ratios import make_ratios
from tests.synthetic_faces import small_calibration
from tests.training.conftest import PICTURE_COUNTS, SMALL_PX, FittedCorpus


@pytest.fixture(scope="module")
def shipped_evaluation(study: FittedCorpus) -> Evaluation:
    return evaluate(study.corpus, study.models, study.calibration, "shipped")


def test_the_corpus_that_was_fitted_on_is_judged_by_others(study: FittedCorpus) -> None:
    assert default_mode(study.corpus, study.calibration) == "held_out"
    assert default_mode(study.corpus, small_calibration()) == "shipped"


def test_every_picture_is_judged_in_the_manifests_order(
    study: FittedCorpus, shipped_evaluation: Evaluation
) -> None:
    assert [s.row for s in shipped_evaluation.scores] == list(study.corpus.rows)
    assert shipped_evaluation.mode == "shipped"
    assert (shipped_evaluation.perturbed_scores, shipped_evaluation.scores_by_size) == ({}, {})
    assert shipped_evaluation.pictures_per_second > 0.0


def test_held_out_each_collector_has_its_own_judge(
    study: FittedCorpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five judges that can be told apart by how far they may go."""
    fitted = replace(study.calibration, thresholds=())
    calibrations = [replace(fitted, bounds=(-1.0 - k / 4, 1.0 + k / 4)) for k in range(5)]
    fold_of = {r.collector: i % 5 for i, r in enumerate(study.corpus.rows)}
    monkeypatch.setattr(evaluating, "measure_corpus", lambda *_: study.measured_corpus)
    monkeypatch.setattr(evaluating, "fit_folds", lambda *_: (calibrations, fold_of))
    evaluation = evaluate(study.corpus, study.models, study.calibration, "held_out")
    assert evaluation.mode == "held_out"
    assert [s.row for s in evaluation.scores] == list(study.corpus.rows)
    for scored in (*evaluation.scores, *evaluation.scores_by_size[str(SMALL_PX)]):
        fold = fold_of[scored.row.collector]
        assert abs(scored.llr) <= 1.0 + fold / 4
        if scored.outcome == Outcome.SCORED:  # other fits, the same words
            assert scored.verdict == study.calibration.verdict(scored.llr, scored.eye_distance_px)
    reached = {
        fold
        for s in evaluation.scores
        if (fold := fold_of[s.row.collector]) and abs(s.llr) > 1.0 + (fold - 1) / 4
    }
    assert reached >= {1, 2}  # the bounds are in use, or the loop above would say nothing


def test_held_out_everything_is_judged_at_every_size(
    study: FittedCorpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    fold_of = dict.fromkeys((r.collector for r in study.corpus.rows), 0)
    large = [
        replace(m, side_px=MIN_LARGE_SIDE_PX) if i < 9 else m
        for i, m in enumerate(study.measured_corpus.native)
    ]
    seen = MeasuredCorpus(
        large, study.measured_corpus.downscaled, study.measured_corpus.size_effects
    )
    monkeypatch.setattr(evaluating, "measure_corpus", lambda *_: seen)
    monkeypatch.setattr(evaluating, "fit_folds", lambda *_: ([study.calibration], fold_of))
    judged = evaluate(study.corpus, study.models, study.calibration, "held_out")
    assert list(judged.scores_by_size) == ["400", str(SMALL_PX)]
    assert judged.scores_by_size["400"] == judged.scores[:9]
    small = judged.scores_by_size[str(SMALL_PX)]
    assert [s.row for s in small] == [m.row for m in study.measured_corpus.downscaled[SMALL_PX]]
    assert [s.side_px for s in small] == [SMALL_PX] * len(small)


def test_as_shipped_sizes_are_judged_where_they_are_asked_for(
    study: FittedCorpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        evaluating, "measure_pictures", lambda *_, **__: iter(study.measured_corpus.native)
    )
    monkeypatch.setattr(
        evaluating,
        "measure_downscaled",
        lambda *arguments: study.measured_corpus.downscaled if arguments[-1] else {},
    )
    judged = evaluate(study.corpus, study.models, study.calibration, "shipped", with_sizes=True)
    assert list(judged.scores_by_size) == ["400", str(SMALL_PX)]
    assert len(judged.scores_by_size[str(SMALL_PX)]) == sum(PICTURE_COUNTS.values())


def test_further_sizes_are_measured_once_and_written_beside_the_scores(
    study: FittedCorpus, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[int] = []

    def measure(_corpus: Corpus, _models: Models, sides: Sequence[int]) -> object:
        asked.extend(sides)
        return dict.fromkeys(sides, study.measured_corpus.downscaled[SMALL_PX])

    monkeypatch.setattr(
        evaluating, "measure_pictures", lambda *_, **__: iter(study.measured_corpus.native)
    )
    monkeypatch.setattr(evaluating, "measure_downscaled", measure)
    judged = evaluate(
        study.corpus,
        study.models,
        study.calibration,
        "shipped",
        with_sizes=True,
        sides_px=(62, SMALL_PX),
    )
    assert asked == [SMALL_PX, 62]
    write_all_scores(judged, tmp_path / "scores.csv")
    written = {path.name: len(path.read_text().splitlines()) for path in tmp_path.iterdir()}
    count = 1 + sum(PICTURE_COUNTS.values())
    assert written == {"scores.csv": count, f"scores.{SMALL_PX}.csv": count, "scores.62.csv": count}


def test_evasions_are_measured_on_changed_pictures(
    study: FittedCorpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = tuple(r for r in study.corpus.rows if r.source in ("maker_a", "people_a"))[:10]
    some = Corpus(study.corpus.root, rows, "0")
    chosen = {name: PERTURBATIONS[name] for name in ("untouched", "white border 10 %")}
    monkeypatch.setattr(evaluating, "PERTURBATIONS", chosen)
    judged = evaluate(some, study.models, study.calibration, "shipped", with_perturbations=True)
    assert list(judged.perturbed_scores) == list(chosen)
    makers = {r.path for r in rows if r.is_generated}
    for scored in judged.perturbed_scores.values():
        assert {s.row.path for s in scored} == makers
    as_they_are = {s.row.path: s.checks for s in judged.scores}
    assert all(s.checks == as_they_are[s.row.path] for s in judged.perturbed_scores["untouched"])
    assert all(
        s.checks != as_they_are[s.row.path] for s in judged.perturbed_scores["white border 10 %"]
    )


def test_evasions_are_tried_on_some_of_every_kind() -> None:
    rows = tuple(
        ManifestRow(f"{kind}{n}", "generated", kind, "s")
        for kind, count in (("stylegan1", 900), ("stylegan2", 1500), ("stylegan3", 30))
        for n in range(count)
    )
    real = tuple(ManifestRow(f"r{n}", "real", "avatar", "s") for n in range(50))
    result = select_perturbation_rows(Corpus(Path(), real + rows, ""))
    assert all(r.is_generated for r in result)
    assert PERTURBED_PICTURE_COUNT <= len(result) <= 1.5 * PERTURBED_PICTURE_COUNT
    assert {r.kind for r in result} == {"stylegan1", "stylegan2", "stylegan3"}
    few = select_perturbation_rows(Corpus(Path(), rows[:5], ""))
    assert len(few) == 5


# What is written


COLUMNS = [
    "path",
    "label",
    "kind",
    "source",
    "outcome",
    "verdict",
    "llr",
    "llr_ordinary",
    "llr_framed",
    "warnings",
]


def check_cells(**cells: list[str]) -> list[str]:
    """Two cells a check in their order, empty unless given."""
    return [cell for check in CHECKS for cell in cells.get(check.name, ["", ""])]


def test_scores_have_exactly_these_columns(tmp_path: Path) -> None:
    scored = ScoredPicture(
        ManifestRow("a b,c.jpg", "generated", "stylegan2", "one"), "scored", "likely_stylegan",
        make_ratios(1.23456789, (1.0, 1.5), framed=0.25), {"eye_alignment": (0.75, 1.5)}, 0.01,
        square=(0.5, 0.496, 0.01, -0.02), warnings=("several_faces", "animated"),
    )  # fmt: skip
    unscored = ScoredPicture(
        ManifestRow("d.jpg", "real", "avatar", "two"),
        "no_face",
        "not_applicable",
        make_ratios(0.0),
        {},
        1.0,
    )
    small = ScoredPicture(
        ManifestRow("e.jpg", "real", "avatar", "two"), "scored", "inconclusive", make_ratios(0.0),
        {"eye_alignment": "too_small"}, 1.0,
    )  # fmt: skip
    write_scores([scored, unscored, small], tmp_path / "scores.csv")
    with (tmp_path / "scores.csv").open(newline="", encoding="utf-8") as file:
        head, *lines = csv.reader(file)
    checks = [f"{c.name}_{part}" for c in CHECKS for part in ("value", "llr")]
    assert head == [*COLUMNS, *checks, *SQUARE_COLUMNS]
    assert [line[-4:] for line in lines] == [["0.5", "0.496", "0.01", "-0.02"], *[[""] * 4] * 2]
    assert [line[:-4] for line in lines] == [
        ["a b,c.jpg", "generated", "stylegan2", "one", "scored", "likely_stylegan", "1.23457",
         "1.23457", "0.25", "several_faces animated",
         *check_cells(eye_alignment=["0.75", "1.5"])],
        ["d.jpg", "real", "avatar", "two", "no_face", "not_applicable", "0", "0", "0", "",
         *check_cells()],
        ["e.jpg", "real", "avatar", "two", "scored", "inconclusive", "0", "0", "0", "",
         *check_cells()],
    ]  # fmt: skip


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.name)
def test_every_check_has_its_columns(check: Check, tmp_path: Path) -> None:
    row = ManifestRow("a.jpg", "real", "avatar", "one")
    checks = {check.name: (-0.25, 0.125)}
    scored = ScoredPicture(row, "scored", "inconclusive", make_ratios(0.5), checks, 1.0)
    write_scores([scored], tmp_path / "scores.csv")
    with (tmp_path / "scores.csv").open(newline="", encoding="utf-8") as file:
        (line,) = csv.DictReader(file)
    assert (line[f"{check.name}_value"], line[f"{check.name}_llr"]) == ("-0.25", "0.125")
    assert line["llr"] == "0.5"


def test_an_evaluation_is_valid_json(study: FittedCorpus, shipped_evaluation: Evaluation) -> None:
    likely = _likely_llr(study.calibration)
    parsed = json.loads(
        json.dumps(build_evaluation_report(shipped_evaluation, likely), allow_nan=False)
    )
    assert parsed["counts"] == {"pictures": 150, "generated": 35, "real": 115}
    assert parsed["outcomes"].get(Outcome.SCORED, 0) > 145
    assert parsed["ordinary"]["auc"] > 0.95
    assert parsed["threshold_llr"] == likely


def _likely_llr(calibration: Calibration) -> float:
    return next(t.llr for t in calibration.thresholds if t.verdict == "likely_stylegan")
