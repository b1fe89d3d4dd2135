import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.calibration.calibration import parse_calibration
from app.calibration.file import (
    AlignmentEntry,
    CheckEntry,
    FusionEntry,
    LogisticEntry,
    NoiseEntry,
    StampEntry,
)
from app.calibration.fusion import EYE_ALIGNMENT_NAME, STAMP_NAME
from app.checks import CHECKS
from app.checks.eye_alignment import CHECK
from app.evidence import Reading, Reason, Unmeasurable
from app.training.calibration import alignment_model
from app.training.calibration import fit as fitting
from app.training.calibration.alignment import NO_UNCERTAINTY, fit_alignment
from app.training.calibration.fit import (
    fit,
    fit_entries,
    fit_folds,
    provisional_calibration,
    score_held_out,
)
from app.training.calibration.fusion import FRAMED_SHARE, pixel_check_names
from app.training.calibration.measurements import MeasuredCorpus
from app.training.calibration.sample_weights import ALIGNED_KINDS, has_share
from app.training.calibration.size_effects import (
    SizeEffects,
    face_measurements_of,
    measurable_faces,
    select_samples,
)
from app.training.calibration.thresholds import (
    MIN_LIKELY_LLR,
    TARGET_FALSE_POSITIVE_RATE,
    UNLIKELY_LLR,
    find_threshold,
    total_bounds,
)
from app.training.corpus import Corpus, CorpusError, ManifestRow
from app.training.evaluation.metrics import auc
from app.training.measure import MeasuredPicture, Models
from tests.synthetic_faces import (
    make_alignment_entry,
    make_eyes_only_fusion,
    make_face_measurements,
)
from tests.training.conftest import CORPUS_KINDS, NETWORKS, PICTURE_COUNTS, SMALL_PX, FittedCorpus

NO_NOISE = NoiseEntry(floor=[1e-7] * 4, per_px=[1e-4] * 4)
NO_EFFECTS = SizeEffects((), NO_NOISE, NO_NOISE)


def make_picture(
    row: ManifestRow, *squares: tuple[float, float, float, float], reason: Reason | None = None
) -> MeasuredPicture:
    readings: list[Reading | Unmeasurable] = [Unmeasurable(reason)] if reason else []
    readings += [Reading(1.0, (), make_face_measurements(square)) for square in squares]
    testimonies = tuple(((CHECK, reading),) for reading in readings)
    return MeasuredPicture(row, testimonies, 0.5)


FRAMED_SQUARE, DISTANT_SQUARE = (0.5, 0.5, 0.0, 0.0), (0.9, 0.1, -1.0, 0.0)
GENERATED_ROW, REAL_ROW = (
    ManifestRow("a", "generated", "stylegan2", "one"),
    ManifestRow("b", "real", "avatar", "two"),
)


# What is taken from a picture


def test_only_faces_that_could_be_measured_count() -> None:
    both = make_picture(GENERATED_ROW, FRAMED_SQUARE, DISTANT_SQUARE, reason=Reason.TOO_SMALL)
    assert len(both.faces) == 3
    assert face_measurements_of(both.faces[0]) == ()
    assert len(measurable_faces(both)) == 2


def test_a_sample_is_the_face_in_the_frame_of_a_picture_of_its_kind() -> None:
    seen = [
        make_picture(GENERATED_ROW, DISTANT_SQUARE, FRAMED_SQUARE),
        make_picture(GENERATED_ROW, DISTANT_SQUARE),
        make_picture(REAL_ROW, FRAMED_SQUARE),
        make_picture(GENERATED_ROW),
    ]
    result = select_samples(seen, ("stylegan2",))
    assert [s.row for s in result] == [GENERATED_ROW]
    assert result[0].face_measurements[0].candidate_frames[0].alignment.centre == pytest.approx(
        (0.5, 0.5)
    )


def test_what_was_seen_is_kept_by_row_at_every_size(study: FittedCorpus) -> None:
    makers = study.measured_corpus.filter(lambda row: row.is_generated)
    assert {m.row.path for m in makers.native} == {
        r.path for r in study.corpus.rows if r.is_generated
    }
    assert {m.row.path for m in makers.downscaled[SMALL_PX]} == {m.row.path for m in makers.native}
    assert makers.size_effects is study.measured_corpus.size_effects
    twice = study.measured_corpus.resample(lambda row: 2 * (row.kind == "aligned"))
    assert [m.row.path for m in twice.native] == [
        r.path for r in study.corpus.rows for _ in range(2) if r.kind == "aligned"
    ]


def test_pixels_are_seen_at_every_size_and_only_where_the_kind_has_a_share(
    study: FittedCorpus,
) -> None:
    seen = study.measured_corpus
    assert [m.row for m in seen.native] == list(study.corpus.rows)
    assert [m.row for m in seen.downscaled[SMALL_PX]] == [
        r for r in study.corpus.rows if has_share(r)
    ]
    assert {m.side_px for m in seen.native} == {200}
    assert {m.side_px for m in seen.downscaled[SMALL_PX]} == {SMALL_PX}
    assert len(seen.pixel_pictures) == 2 * sum(map(has_share, study.corpus.rows))
    diffused = replace(seen.native[0], row=ManifestRow("d", "generated", "diffusion", "other"))
    assert MeasuredCorpus([diffused], {}, seen.size_effects).pixel_pictures == []


# Thresholds


@given(st.lists(st.floats(-3.0, 5.5), min_size=1, max_size=300), st.floats(0.0, 0.3))
def test_the_threshold_is_the_lowest_that_keeps_its_promise(llrs: list[float], rate: float) -> None:
    real = np.array(llrs)
    result = find_threshold(real, rate)
    assert (real >= result).mean() <= rate
    lower = result - 0.05
    assert result >= MIN_LIKELY_LLR
    assert lower < MIN_LIKELY_LLR - 1e-9 or (real >= lower - 1e-9).mean() > rate


def test_the_threshold_by_hand() -> None:
    real = np.append(np.full(999, -2.0), 1.42)
    assert find_threshold(real, 0.0) == 1.45
    assert find_threshold(real, 0.001) == 1.0  # below a ratio of ten nothing is likely


# A whole fit


def alignment_entry_of(study: FittedCorpus) -> AlignmentEntry:
    entry = study.calibration.file.checks[EYE_ALIGNMENT_NAME]
    assert isinstance(entry, AlignmentEntry)
    return entry


def measures_entries(study: FittedCorpus) -> dict[str, LogisticEntry]:
    """The entries of the checks that look at the face's pixels."""
    checks = study.calibration.file.checks
    return {name: e for name, e in checks.items() if isinstance(e, LogisticEntry)}


def test_the_file_says_what_it_was_fitted_on(study: FittedCorpus) -> None:
    file = study.calibration.file
    assert file.fitted_on.manifest_sha256 == study.corpus.manifest_sha256
    assert file.fitted_on.pictures == PICTURE_COUNTS
    assert file.fitted_on.collectors == sum(len(sources) for _, _, sources, _ in CORPUS_KINDS)
    assert file.networks == NETWORKS


def test_the_file_is_small_and_loads_strictly(study: FittedCorpus) -> None:
    assert study.data.endswith(b"}\n")
    assert len(study.data) < 100_000
    assert parse_calibration(study.data, CHECKS).id == study.calibration.id
    json.loads(study.data)


def test_every_check_has_its_kind_of_entry(study: FittedCorpus) -> None:
    held = study.calibration.file.checks
    assert list(held) == [c.name for c in CHECKS]
    assert [e.version for e in held.values()] == [c.version for c in CHECKS]
    kinds = {EYE_ALIGNMENT_NAME: AlignmentEntry, STAMP_NAME: StampEntry}
    assert [type(e) for e in held.values()] == [kinds.get(c.name, LogisticEntry) for c in CHECKS]
    assert list(measures_entries(study)) == pixel_check_names()


def test_fitting_again_gives_the_same_bytes(study: FittedCorpus) -> None:
    assert fit(study.corpus, study.models, NETWORKS, study.measured_corpus) == study.data


def test_the_template_is_the_frame_that_the_pictures_have(study: FittedCorpus) -> None:
    (template,) = alignment_entry_of(study).templates
    assert (template.name, template.pictures) == ("ffhq", 35)
    np.testing.assert_allclose(template.mean, [0.5, 0.5, 0.0, 0.0], atol=0.02)
    np.testing.assert_allclose(template.eyes, [[0.374, 0.48], [0.626, 0.48]], atol=0.02)


def test_bounds_are_what_so_many_pictures_can_carry(study: FittedCorpus) -> None:
    """The eyes': ordinary ones; the total's: also photographs in the frame."""
    carried = round(math.log10(PICTURE_COUNTS["avatar"] / 3.0), 2)
    assert alignment_entry_of(study).bounds == [-carried, carried]
    together = round(math.log10((PICTURE_COUNTS["avatar"] + PICTURE_COUNTS["aligned"]) / 3.0), 2)
    assert study.calibration.bounds == (-together, together)
    assert total_bounds([m for m in study.measured_corpus.native if m.row.is_generated]) == [
        -1.0,
        1.0,
    ]
    for result in measures_entries(study).values():
        assert result.bounds[0] < 0.0 < result.bounds[1]
        assert max(map(abs, result.bounds)) <= math.log10(2 * 115 / 3.0) + 0.01


def test_thresholds_and_figures_are_those_of_pictures_not_fitted_on(
    study: FittedCorpus,
) -> None:
    held_out = score_held_out(study.measured_corpus.native, *fit_folds(study.measured_corpus))
    assert [s.row for s in held_out] == list(study.corpus.rows)
    made = np.array([s.llr for s in held_out if s.row.is_generated])
    real = np.array([s.llr for s in held_out if s.row.kind == "avatar"])
    assert auc(made, real) > 0.95
    likely, unlikely = study.calibration.thresholds
    assert likely.llr == find_threshold(real, TARGET_FALSE_POSITIVE_RATE)
    assert (likely.negatives, likely.positives) == (100, 35)
    assert likely.false_positives == (real >= likely.llr).sum()
    assert likely.upper_95 > likely.false_positive_rate
    assert likely.true_positive_rate == (made >= likely.llr).mean()
    assert unlikely.llr == UNLIKELY_LLR
    figures = study.calibration.file.figures
    totals = {"cllr", "cllr_min", "cllr_aligned", "cllr_min_aligned"}
    assert totals <= set(figures)
    breakdowns = ("against_framed_", "skin_tone_", "side_px_")
    assert all(name.startswith(breakdowns) for name in set(figures) - totals)
    assert 0.0 <= figures["cllr_min"] <= figures["cllr"]
    assert 0.0 <= figures["cllr_min_aligned"] <= figures["cllr_aligned"]


def test_pixels_tell_what_the_frame_cannot(study: FittedCorpus) -> None:
    """Photographs in the frame: the eyes are no help, what is light and dark is some."""
    held_out = [
        s
        for s in score_held_out(study.measured_corpus.native, *fit_folds(study.measured_corpus))
        if s.row.kind != "avatar"
    ]

    def auc_by(name: str) -> float:
        generated, real = (
            np.array([s.checks[name][1] for s in held_out if s.row.is_generated is side])
            for side in (True, False)
        )
        return auc(generated, real)

    assert auc_by("texture") > 0.75
    assert auc_by("texture") > auc_by(EYE_ALIGNMENT_NAME) + 0.1


def test_uncertainty_is_a_table_in_ascending_llr(study: FittedCorpus) -> None:
    fusion = study.calibration.file.fusion
    tables = [
        alignment_entry_of(study).uncertainty,
        fusion.ordinary.uncertainty,
        fusion.framed.uncertainty,
    ]
    for rows in (*tables, *(result.uncertainty for result in measures_entries(study).values())):
        table = np.array(rows)
        assert (np.diff(table[:, 0]) > 0).all()
        assert (table[:, 1] >= 0).all()
        assert table[:, 1].max() > 0.0


def test_the_fusion_weighs_every_check_of_pixels_and_no_other(study: FittedCorpus) -> None:
    fused = study.calibration.file.fusion
    assert list(fused.weights) == pixel_check_names()
    assert min(fused.weights.values()) >= 0.0
    assert sum(fused.weights.values()) > 0.1
    assert fused.framed_share == FRAMED_SHARE


def test_figures_say_how_good_a_check_is_alone_and_how_often_it_can_measure(
    study: FittedCorpus,
) -> None:
    """No picture here is large enough for figures at 400 px."""
    names = {f"{word}_{SMALL_PX}px" for word in ("auc", "measured")}
    for name, result in measures_entries(study).items():
        assert set(result.figures) in (names, set()), name
        assert all(0.0 <= value <= 1.0 for value in result.figures.values())
    texture = measures_entries(study)["texture"].figures
    assert texture[f"measured_{SMALL_PX}px"] > 0.9
    assert texture[f"auc_{SMALL_PX}px"] > 0.75


def collectors_of(pictures: Sequence[MeasuredPicture]) -> set[str]:
    return {m.row.collector for m in pictures}


def test_no_picture_is_judged_by_a_calibration_that_saw_its_collector(
    study: FittedCorpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither its collector's pictures nor small copies of them."""
    fitted_on: list[set[str]] = []

    def fake_fit_entries(
        measured_corpus: MeasuredCorpus, uncertainty_table: object
    ) -> tuple[dict[str, CheckEntry], FusionEntry]:
        fitted_on.append(collectors_of(measured_corpus.native))
        for pictures in measured_corpus.downscaled.values():
            assert collectors_of(pictures) == fitted_on[-1]
        return dict(study.calibration.file.checks), make_eyes_only_fusion()

    monkeypatch.setattr(fitting, "fit_entries", fake_fit_entries)
    judges, fold_of = fit_folds(study.measured_corpus)
    everyone = collectors_of(study.measured_corpus.native)
    assert set(fold_of) == everyone
    assert len(judges) == len(fitted_on) == fitting.FOLD_COUNT
    for collector, fold in fold_of.items():
        assert collector not in fitted_on[fold]
    assert set().union(*fitted_on) == everyone


def test_small_copies_of_a_collector_that_was_left_out_are_left_out(
    study: FittedCorpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_of: list[set[str]] = []

    def record_small(
        samples: list[alignment_model.FaceSample], small: list[alignment_model.FaceSample]
    ) -> None:
        small_of.append({s.row.collector for s in small})
        raise StopAsyncIteration

    monkeypatch.setattr(alignment_model, "fit_correction", record_small)
    native = study.measured_corpus.native
    copies = tuple(
        alignment_model.FaceSample(m.row, measurable_faces(m)[0])
        for m in native
        if measurable_faces(m)
    )
    without = [m for m in native if m.row.collector != "maker_a"]
    with pytest.raises(StopAsyncIteration):
        fit_alignment(
            without,
            replace(study.measured_corpus.size_effects, small_samples=copies),
            NO_UNCERTAINTY,
        )
    assert small_of == [collectors_of(native) - {"maker_a"}]


def test_small_copies_and_their_noise(study: FittedCorpus) -> None:
    effects = study.measured_corpus.size_effects
    assert {s.row.kind for s in effects.small_samples} == {"stylegan1", "stylegan2"}
    assert 0 < len(effects.small_samples) <= 2 * 35
    assert max(s.face_measurements[0].eye_distance_px for s in effects.small_samples) < 40.0
    for noise in (effects.resolution, effects.jitter):
        assert min(*noise.floor, *noise.per_px) >= 0.0
        assert max(noise.per_px) > 0.0


def test_studio_portraits_get_a_template_of_their_own(study: FittedCorpus) -> None:
    seen = [
        replace(m, row=replace(m.row, kind="studio")) if m.row.source == "maker_e" else m
        for m in study.measured_corpus.native
    ]
    result = fit_alignment(seen, study.measured_corpus.size_effects, NO_UNCERTAINTY)
    ffhq, studio = result.templates
    assert (ffhq.name, studio.name) == ("ffhq", "studio")
    assert ffhq.share + studio.share == pytest.approx(1.0)
    assert (ffhq.pictures, studio.pictures) == (28, 7)


def test_photographs_in_the_frame_take_no_part_in_where_people_have_their_faces(
    study: FittedCorpus,
) -> None:
    """Or the eyes would learn that the frame is ordinary: how often it is, is judged apart."""
    without = [m for m in study.measured_corpus.native if m.row.kind not in ALIGNED_KINDS]
    result = fit_alignment(without, study.measured_corpus.size_effects, NO_UNCERTAINTY)
    assert result == fit_alignment(
        study.measured_corpus.native, study.measured_corpus.size_effects, NO_UNCERTAINTY
    )


def test_a_provisional_calibration_is_of_what_it_was_given_alone(study: FittedCorpus) -> None:
    held = dict(study.calibration.file.checks) | {
        EYE_ALIGNMENT_NAME: make_alignment_entry(bounds=[-1.5, 2.5])
    }
    result = provisional_calibration(
        study.measured_corpus, held, make_eyes_only_fusion(framed_share=0.25)
    )
    assert result.file.checks == held
    assert result.fusion.framed_share == 0.25
    assert result.bounds == study.calibration.bounds
    assert result.file.networks == {}


def test_what_is_fitted_knows_every_check_that_measures(study: FittedCorpus) -> None:
    """Whatever a check says of a picture, its scale can weigh it."""
    result, fused = fit_entries(study.measured_corpus, NO_UNCERTAINTY)
    calibration = provisional_calibration(study.measured_corpus, result, fused)
    for measured in study.measured_corpus.native[::20]:
        for testimony in measured.faces:
            assert [c.name for c, _ in testimony] == list(result)
            for check, one in testimony:
                evidence, _ = calibration.weigh(check, one)
                assert math.isfinite(evidence.llr)


def test_a_corpus_too_small_to_fit_on_is_refused_in_words(models: Models) -> None:
    rows = (
        ManifestRow("a.jpg", "real", "avatar", "one"),
        ManifestRow("b.jpg", "generated", "stylegan2", "two"),
    )
    with pytest.raises(CorpusError, match=r"1 ordinary pictures .* 1 generated .* 2 collectors"):
        fit(Corpus(Path(), rows, ""), models, {})
