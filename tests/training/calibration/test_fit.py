import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.calibration.calibration import parse
from app.calibration.file import (
    AlignmentEntry,
    Entry,
    FusionEntry,
    MeasuresEntry,
    NoiseEntry,
    StampEntry,
)
from app.calibration.fusion import FRAME, STAMP
from app.checks import CHECKS
from app.checks.eye_alignment import CHECK
from app.evidence import Reading, Reason, Unmeasurable
from app.training.calibration import alignment_model
from app.training.calibration import fit as fitting
from app.training.calibration.alignment import FLAT, alignment_entry
from app.training.calibration.fit import calibrations_by_fold, entries, fit, judged, provisional
from app.training.calibration.fusion import ALIGNED_SHARE, pixel_checks
from app.training.calibration.measurements import Seen
from app.training.calibration.sample_weights import ALIGNED_KINDS, takes_part
from app.training.calibration.size_effects import SizeEffects, faces_of, samples, sightings_of
from app.training.calibration.thresholds import (
    LEAST_LIKELY_LLR,
    TARGET_FALSE_POSITIVE_RATE,
    UNLIKELY_LLR,
    threshold_for,
    total_bounds,
)
from app.training.corpus import Corpus, CorpusError, Row
from app.training.evaluation.metrics import auc
from app.training.measure import Measured, Models
from tests.sitters import entry, eyes_alone, sightings_at
from tests.training.conftest import CAST, NETWORKS, PICTURES, SMALL_PX, Study

NO_NOISE = NoiseEntry(floor=[1e-7] * 4, per_px=[1e-4] * 4)
NO_EFFECTS = SizeEffects((), NO_NOISE, NO_NOISE)


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


def test_what_was_seen_is_kept_by_row_at_every_size(study: Study) -> None:
    makers = study.seen.kept(lambda row: row.generated)
    assert {m.row.path for m in makers.native} == {r.path for r in study.corpus.rows if r.generated}
    assert {m.row.path for m in makers.smaller[SMALL_PX]} == {m.row.path for m in makers.native}
    assert makers.effects is study.seen.effects
    twice = study.seen.repeated(lambda row: 2 * (row.kind == "aligned"))
    assert [m.row.path for m in twice.native] == [
        r.path for r in study.corpus.rows for _ in range(2) if r.kind == "aligned"
    ]


def test_pixels_are_seen_at_every_size_and_only_where_the_kind_has_a_share(study: Study) -> None:
    seen = study.seen
    assert [m.row for m in seen.native] == list(study.corpus.rows)
    assert [m.row for m in seen.smaller[SMALL_PX]] == [
        r for r in study.corpus.rows if takes_part(r)
    ]
    assert {m.side_px for m in seen.native} == {200}
    assert {m.side_px for m in seen.smaller[SMALL_PX]} == {SMALL_PX}
    assert len(seen.pixels) == 2 * sum(map(takes_part, study.corpus.rows))
    diffused = replace(seen.native[0], row=Row("d", "generated", "diffusion", "other"))
    assert Seen([diffused], {}, seen.effects).pixels == []


# Thresholds


@given(st.lists(st.floats(-3.0, 5.5), min_size=1, max_size=300), st.floats(0.0, 0.3))
def test_the_threshold_is_the_lowest_that_keeps_its_promise(llrs: list[float], rate: float) -> None:
    real = np.array(llrs)
    found = threshold_for(real, rate)
    assert (real >= found).mean() <= rate
    lower = found - 0.05
    assert found >= LEAST_LIKELY_LLR
    assert lower < LEAST_LIKELY_LLR - 1e-9 or (real >= lower - 1e-9).mean() > rate


def test_the_threshold_by_hand() -> None:
    real = np.append(np.full(999, -2.0), 1.42)
    assert threshold_for(real, 0.0) == 1.45
    assert threshold_for(real, 0.001) == 1.0  # below a ratio of ten nothing is likely


# A whole fit


def eyes(study: Study) -> AlignmentEntry:
    found = study.calibration.file.checks[FRAME]
    assert isinstance(found, AlignmentEntry)
    return found


def looks(study: Study) -> dict[str, MeasuresEntry]:
    """The entries of the checks that look at the face's pixels."""
    held = study.calibration.file.checks
    return {name: e for name, e in held.items() if isinstance(e, MeasuresEntry)}


def test_the_file_says_what_it_was_fitted_on(study: Study) -> None:
    file = study.calibration.file
    assert file.fitted_on.manifest_sha256 == study.corpus.manifest_sha256
    assert file.fitted_on.pictures == PICTURES
    assert file.fitted_on.collectors == sum(len(sources) for _, _, sources, _ in CAST)
    assert file.networks == NETWORKS


def test_the_file_is_small_and_loads_strictly(study: Study) -> None:
    assert study.data.endswith(b"}\n")
    assert len(study.data) < 100_000
    assert parse(study.data, CHECKS).id == study.calibration.id
    json.loads(study.data)


def test_every_check_has_its_kind_of_entry(study: Study) -> None:
    held = study.calibration.file.checks
    assert list(held) == [c.name for c in CHECKS]
    assert [e.version for e in held.values()] == [c.version for c in CHECKS]
    kinds = {FRAME: AlignmentEntry, STAMP: StampEntry}
    assert [type(e) for e in held.values()] == [kinds.get(c.name, MeasuresEntry) for c in CHECKS]
    assert list(looks(study)) == pixel_checks()


def test_fitting_again_gives_the_same_bytes(study: Study) -> None:
    assert fit(study.corpus, study.models, NETWORKS, study.seen) == study.data


def test_the_template_is_the_frame_that_the_pictures_have(study: Study) -> None:
    (template,) = eyes(study).templates
    assert (template.name, template.pictures) == ("ffhq", 35)
    np.testing.assert_allclose(template.mean, [0.5, 0.5, 0.0, 0.0], atol=0.02)
    np.testing.assert_allclose(template.eyes, [[0.374, 0.48], [0.626, 0.48]], atol=0.02)


def test_bounds_are_what_so_many_pictures_can_carry(study: Study) -> None:
    """The eyes': ordinary ones; the total's: also photographs in the frame."""
    carried = round(math.log10(PICTURES["avatar"] / 3.0), 2)
    assert eyes(study).bounds == [-carried, carried]
    together = round(math.log10((PICTURES["avatar"] + PICTURES["aligned"]) / 3.0), 2)
    assert study.calibration.bounds == (-together, together)
    assert total_bounds([m for m in study.seen.native if m.row.generated]) == [-1.0, 1.0]
    for found in looks(study).values():
        assert found.bounds[0] < 0.0 < found.bounds[1]
        assert max(map(abs, found.bounds)) <= math.log10(2 * 115 / 3.0) + 0.01


def test_thresholds_and_figures_are_those_of_pictures_not_fitted_on(
    study: Study,
) -> None:
    held_out = judged(study.seen.native, *calibrations_by_fold(study.seen))
    assert [s.row for s in held_out] == list(study.corpus.rows)
    made = np.array([s.llr for s in held_out if s.row.generated])
    real = np.array([s.llr for s in held_out if s.row.kind == "avatar"])
    assert auc(made, real) > 0.95
    likely, unlikely = study.calibration.thresholds
    assert likely.llr == threshold_for(real, TARGET_FALSE_POSITIVE_RATE)
    assert (likely.negatives, likely.positives) == (100, 35)
    assert likely.false_positives == (real >= likely.llr).sum()
    assert likely.upper_95 > likely.false_positive_rate
    assert likely.true_positive_rate == (made >= likely.llr).mean()
    assert unlikely.llr == UNLIKELY_LLR
    figures = study.calibration.file.figures
    assert set(figures) == {"cllr", "cllr_min", "cllr_aligned", "cllr_min_aligned"}
    assert 0.0 <= figures["cllr_min"] <= figures["cllr"]
    assert 0.0 <= figures["cllr_min_aligned"] <= figures["cllr_aligned"]


def test_pixels_tell_what_the_frame_cannot(study: Study) -> None:
    """Photographs in the frame: the eyes are no help, what is light and dark is some."""
    held_out = [
        s
        for s in judged(study.seen.native, *calibrations_by_fold(study.seen))
        if s.row.kind != "avatar"
    ]

    def by(name: str) -> float:
        made, real = (
            np.array([s.checks[name][1] for s in held_out if s.row.generated is side])
            for side in (True, False)
        )
        return auc(made, real)

    assert by("texture") > 0.75
    assert by("texture") > by(FRAME) + 0.1


def test_uncertainty_is_a_table_in_ascending_llr(study: Study) -> None:
    tables = [eyes(study).uncertainty, study.calibration.file.fusion.uncertainty]
    for rows in (*tables, *(found.uncertainty for found in looks(study).values())):
        table = np.array(rows)
        assert (np.diff(table[:, 0]) > 0).all()
        assert (table[:, 1] >= 0).all()
        assert table[:, 1].max() > 0.0


def test_the_fusion_weighs_every_check_of_pixels_and_no_other(study: Study) -> None:
    fused = study.calibration.file.fusion
    assert list(fused.weights) == pixel_checks()
    assert min(fused.weights.values()) >= 0.0
    assert sum(fused.weights.values()) > 0.1
    assert fused.aligned_share == ALIGNED_SHARE


def test_figures_say_how_good_a_check_is_alone_and_how_often_it_can_measure(study: Study) -> None:
    """No picture here is large enough for figures at 400 px."""
    names = {f"{word}_{SMALL_PX}px" for word in ("auc", "measured")}
    for name, found in looks(study).items():
        assert set(found.figures) in (names, set()), name
        assert all(0.0 <= value <= 1.0 for value in found.figures.values())
    texture = looks(study)["texture"].figures
    assert texture[f"measured_{SMALL_PX}px"] > 0.9
    assert texture[f"auc_{SMALL_PX}px"] > 0.75


def collectors(part: Sequence[Measured]) -> set[str]:
    return {m.row.collector for m in part}


def test_no_picture_is_judged_by_a_calibration_that_saw_its_collector(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither its collector's pictures nor small copies of them."""
    fitted_on: list[set[str]] = []

    def spy(seen: Seen, uncertain: object) -> tuple[dict[str, Entry], FusionEntry]:
        fitted_on.append(collectors(seen.native))
        for part in seen.smaller.values():
            assert collectors(part) == fitted_on[-1]
        return dict(study.calibration.file.checks), eyes_alone()

    monkeypatch.setattr(fitting, "entries", spy)
    judges, fold_of = calibrations_by_fold(study.seen)
    everyone = collectors(study.seen.native)
    assert set(fold_of) == everyone
    assert len(judges) == len(fitted_on) == fitting.FOLDS
    for collector, fold in fold_of.items():
        assert collector not in fitted_on[fold]
    assert set().union(*fitted_on) == everyone


def test_small_copies_of_a_collector_that_was_left_out_are_left_out(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_of: list[set[str]] = []

    def see(chosen: list[alignment_model.Sample], small: list[alignment_model.Sample]) -> None:
        small_of.append({s.row.collector for s in small})
        raise StopAsyncIteration

    monkeypatch.setattr(alignment_model, "fit_correction", see)
    native = study.seen.native
    copies = tuple(alignment_model.Sample(m.row, faces_of(m)[0]) for m in native if faces_of(m))
    without = [m for m in native if m.row.collector != "maker_a"]
    with pytest.raises(StopAsyncIteration):
        alignment_entry(without, replace(study.seen.effects, small=copies), FLAT)
    assert small_of == [collectors(native) - {"maker_a"}]


def test_small_copies_and_their_noise(study: Study) -> None:
    effects = study.seen.effects
    assert {s.row.kind for s in effects.small} == {"stylegan1", "stylegan2"}
    assert 0 < len(effects.small) <= 2 * 35
    assert max(s.sightings[0].eye_distance_px for s in effects.small) < 40.0
    for noise in (effects.resolution, effects.jitter):
        assert min(*noise.floor, *noise.per_px) >= 0.0
        assert max(noise.per_px) > 0.0


def test_studio_portraits_get_a_template_of_their_own(study: Study) -> None:
    seen = [
        replace(m, row=replace(m.row, kind="studio")) if m.row.source == "maker_e" else m
        for m in study.seen.native
    ]
    found = alignment_entry(seen, study.seen.effects, FLAT)
    ffhq, studio = found.templates
    assert (ffhq.name, studio.name) == ("ffhq", "studio")
    assert ffhq.share + studio.share == pytest.approx(1.0)
    assert (ffhq.pictures, studio.pictures) == (28, 7)


def test_photographs_in_the_frame_take_no_part_in_where_people_have_their_faces(
    study: Study,
) -> None:
    """Or the eyes would learn that the frame is ordinary: how often it is, is judged apart."""
    without = [m for m in study.seen.native if m.row.kind not in ALIGNED_KINDS]
    found = alignment_entry(without, study.seen.effects, FLAT)
    assert found == alignment_entry(study.seen.native, study.seen.effects, FLAT)


def test_a_provisional_calibration_is_of_what_it_was_given_alone(study: Study) -> None:
    held = dict(study.calibration.file.checks) | {FRAME: entry(bounds=[-1.5, 2.5])}
    found = provisional(study.seen, held, eyes_alone(aligned_share=0.25))
    assert found.file.checks == held
    assert found.fusion.aligned_share == 0.25
    assert found.bounds == study.calibration.bounds
    assert found.file.networks == {}


def test_what_is_fitted_knows_every_check_that_measures(study: Study) -> None:
    """Whatever a check says of a picture, its scale can weigh it."""
    found, fused = entries(study.seen, FLAT)
    calibration = provisional(study.seen, found, fused)
    for measured in study.seen.native[::20]:
        for testimony in measured.testimonies:
            assert [c.name for c, _ in testimony] == list(found)
            for check, one in testimony:
                evidence, _ = calibration.weigh(check, one)
                assert math.isfinite(evidence.llr)


def test_a_corpus_too_small_to_fit_on_is_refused_in_words(models: Models) -> None:
    rows = (Row("a.jpg", "real", "avatar", "one"), Row("b.jpg", "generated", "stylegan2", "two"))
    with pytest.raises(CorpusError, match=r"1 ordinary pictures .* 1 generated .* 2 collectors"):
        fit(Corpus(Path(), rows, ""), models, {})
