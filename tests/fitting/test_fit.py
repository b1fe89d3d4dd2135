import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.calibration import parse
from app.calibration_file import AlignmentEntry, NoiseEntry
from app.checks import CHECKS
from app.evidence import Reading, Reason, Unmeasurable
from app.fitting import fit as fitting
from app.fitting import geometry
from app.fitting.corpus import Corpus, CorpusError, Row
from app.fitting.fit import (
    alignment_entry,
    calibrations_by_fold,
    cross_fit,
    fit,
    provisional,
)
from app.fitting.measure import Measured
from app.fitting.metrics import auc
from app.fitting.sizes import SizeEffects, faces_of, samples, sightings_of
from app.fitting.verdicts import TARGET_FALSE_POSITIVE_RATE, UNLIKELY_LLR, threshold_for
from tests.fitting.conftest import CAST, Study
from tests.sitters import entry, sightings_at

(CHECK,) = CHECKS
NO_NOISE = NoiseEntry(floor=[1e-7] * 4, per_px=[1e-4] * 4)


def measured(
    row: Row, *squares: tuple[float, float, float, float], reason: Reason | None = None
) -> Measured:
    found: list[Reading | Unmeasurable] = [Unmeasurable(reason)] if reason else []
    found += [Reading(1.0, (), sightings_at(square)) for square in squares]
    testimonies = tuple(((CHECK, one),) for one in found)
    return Measured(row, testimonies, 0.5)


HERE, THERE = (0.5, 0.5, 0.0, 0.0), (0.9, 0.1, -1.0, 0.0)
MADE, REAL = Row("a", "generated", "stylegan2", "one"), Row("b", "real", "avatar", "two")


# What is taken from a picture


def test_only_faces_that_could_be_measured_count() -> None:
    both = measured(MADE, HERE, THERE, reason=Reason.TOO_SMALL)
    assert len(both.testimonies) == 3
    assert sightings_of(both.testimonies[0]) == ()
    assert len(faces_of(both)) == 2


def test_a_sample_is_the_face_in_the_frame_of_a_picture_of_its_kind() -> None:
    seen = [
        measured(MADE, THERE, HERE),
        measured(MADE, THERE),
        measured(REAL, HERE),
        measured(MADE),
    ]
    found = samples(seen, ("stylegan2",))
    assert [s.row for s in found] == [MADE]
    assert found[0].sightings[0].framings[0].alignment.centre == pytest.approx((0.5, 0.5))


# Thresholds


@given(st.lists(st.floats(-3.0, 3.5), min_size=1, max_size=300), st.floats(0.0, 0.3))
def test_the_threshold_is_the_lowest_that_keeps_its_promise(llrs: list[float], rate: float) -> None:
    real = np.array(llrs)
    found = threshold_for(real, rate)
    assert (real >= found).mean() <= rate
    lower = found - 0.05
    assert lower < 0.5 - 1e-9 or (real >= lower - 1e-9).mean() > rate


def test_the_threshold_by_hand() -> None:
    real = np.append(np.full(999, -2.0), 1.42)
    assert threshold_for(real, 0.0) == 1.45
    assert threshold_for(real, 0.001) == 0.5


# A whole fit


def test_the_file_says_what_it_was_fitted_on(study: Study) -> None:
    said = study.calibration.file.fitted_on
    assert said.manifest_sha256 == study.corpus.manifest_sha256
    assert said.pictures == {kind: len(sources) * n for kind, _, sources, n in CAST}
    assert said.collectors == sum(len(sources) for _, _, sources, _ in CAST)


def test_the_file_is_small_and_loads_strictly(study: Study) -> None:
    assert study.data.endswith(b"}\n")
    assert len(study.data) < 100_000
    assert parse(study.data, CHECKS).id == study.calibration.id
    json.loads(study.data)


def test_fitting_again_gives_the_same_bytes(study: Study, model: bytes) -> None:
    assert fit(study.corpus, model, study.seen) == study.data


def test_the_template_is_the_frame_that_the_pictures_have(study: Study) -> None:
    (template,) = study.calibration.file.checks[CHECK.name].templates
    assert (template.name, template.pictures) == ("ffhq", 35)
    np.testing.assert_allclose(template.mean, [0.5, 0.5, 0.0, 0.0], atol=0.02)
    np.testing.assert_allclose(template.eyes, [[0.374, 0.48], [0.626, 0.48]], atol=0.02)


def test_bounds_are_what_so_many_ordinary_pictures_can_carry(study: Study) -> None:
    carried = round(math.log10(100 / 3.0), 2)
    assert study.calibration.bounds == (-carried, carried)
    assert study.calibration.file.checks[CHECK.name].bounds == [-carried, carried]


def test_thresholds_and_figures_are_those_of_pictures_not_fitted_on(
    study: Study,
) -> None:
    held_out = cross_fit(study.seen, study.effects)
    assert [s.row for s in held_out] == list(study.corpus.rows)
    made = np.array([s.llr for s in held_out if s.row.generated])
    real = np.array([s.llr for s in held_out if not s.row.generated])
    assert auc(made, real) > 0.95
    likely, unlikely = study.calibration.thresholds
    assert likely.llr == threshold_for(real, TARGET_FALSE_POSITIVE_RATE)
    assert (likely.negatives, likely.positives) == (100, 35)
    assert likely.false_positives == (real >= likely.llr).sum()
    assert likely.upper_95 > likely.false_positive_rate
    assert likely.true_positive_rate == (made >= likely.llr).mean()
    assert unlikely.llr == UNLIKELY_LLR
    assert (
        0.0 <= study.calibration.file.figures["cllr_min"] <= study.calibration.file.figures["cllr"]
    )


def test_uncertainty_is_a_table_in_ascending_llr(study: Study) -> None:
    table = np.array(study.calibration.file.checks[CHECK.name].uncertainty)
    assert (np.diff(table[:, 0]) > 0).all()
    assert (table[:, 1] >= 0).all()
    assert table[:, 1].max() > 0.0


def test_no_picture_is_judged_by_a_calibration_that_saw_its_collector(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither its collector's pictures nor small copies of them."""
    fitted_on: list[set[str]] = []
    small_of: list[set[str]] = []

    def spy(seen: list[Measured], effects: SizeEffects, uncertain: object) -> AlignmentEntry:
        fitted_on.append({m.row.collector for m in seen})
        return entry()

    monkeypatch.setattr(fitting, "alignment_entry", spy)
    effects = SizeEffects((), NO_NOISE, NO_NOISE)
    judges, fold_of = calibrations_by_fold(study.seen, effects)
    everyone = {m.row.collector for m in study.seen}
    assert set(fold_of) == everyone
    assert len(judges) == len(fitted_on) == fitting.FOLDS
    for collector, fold in fold_of.items():
        assert collector not in fitted_on[fold]
    assert set().union(*fitted_on) == everyone
    monkeypatch.undo()

    def see(chosen: list[geometry.Sample], small: list[geometry.Sample]) -> None:
        small_of.append({s.row.collector for s in small})
        raise StopAsyncIteration

    monkeypatch.setattr(geometry, "fit_correction", see)
    copies = tuple(geometry.Sample(m.row, faces_of(m)[0]) for m in study.seen if faces_of(m))
    without = [m for m in study.seen if m.row.collector != "maker_a"]
    with pytest.raises(StopAsyncIteration):
        alignment_entry(without, replace(effects, small=copies), [[-9.0, 0.0], [9.0, 0.0]])
    assert small_of == [everyone - {"maker_a"}]


def test_small_copies_and_their_noise(study: Study) -> None:
    effects = study.effects
    assert {s.row.kind for s in effects.small} == {"stylegan1", "stylegan2"}
    assert 0 < len(effects.small) <= 2 * 35
    assert max(s.sightings[0].eye_distance_px for s in effects.small) < 40.0
    for noise in (effects.resolution, effects.jitter):
        assert min(*noise.floor, *noise.per_px) >= 0.0
        assert max(noise.per_px) > 0.0


def test_studio_portraits_get_a_template_of_their_own(study: Study) -> None:
    seen = [
        replace(m, row=replace(m.row, kind="studio")) if m.row.source == "maker_e" else m
        for m in study.seen
    ]
    found = alignment_entry(seen, study.effects, [[-9.0, 0.0], [9.0, 0.0]])
    ffhq, studio = found.templates
    assert (ffhq.name, studio.name) == ("ffhq", "studio")
    assert ffhq.share + studio.share == pytest.approx(1.0)
    assert (ffhq.pictures, studio.pictures) == (28, 7)


def test_a_provisional_calibration_is_of_one_entry_alone() -> None:
    known = entry(bounds=[-1.5, 2.5])
    found = provisional(known)
    assert found.file.checks == {CHECK.name: known}
    assert found.bounds == (-1.5, 2.5)


def test_a_corpus_too_small_to_fit_on_is_refused_in_words() -> None:
    rows = (Row("a.jpg", "real", "avatar", "one"), Row("b.jpg", "generated", "stylegan2", "two"))
    with pytest.raises(CorpusError, match=r"1 ordinary pictures .* 1 generated .* 2 collectors"):
        fit(Corpus(Path(), rows, ""), b"")
