from collections.abc import Callable
from pathlib import Path

import pytest

from app.analysis.analyze import analyze
from app.calibration.calibration import Calibration
from app.checks import CHECKS
from app.checks.eye_alignment import CHECK
from app.checks.texture import CHECK as TEXTURE
from app.evidence import Evidence, Outcome, Reading, Reason, Unmeasurable, Verdict
from app.face.landmarks import FaceFinder
from app.image.picture import Picture
from app.training.corpus import Corpus, ManifestRow
from app.training.evaluation.scoring import score_picture
from app.training.measure import MeasuredPicture, Models, measure_pictures
from tests.conftest import FACES
from tests.synthetic_faces import (
    ConstantNetwork,
    make_alignment_entry,
    make_check_entries,
    make_eyes_only_fusion,
    make_face_measurements,
    make_logistic_entry,
    small_calibration,
)

ROW = ManifestRow("a.jpg", "real", "avatar", "one")
SMALL = small_calibration()
NAMES = sorted(p.name for p in FACES.iterdir() if p.suffix in (".jpg", ".png"))


def calibration_for(pictures: list[MeasuredPicture]) -> Calibration:
    """A calibration for all checks, of the measures that they were seen to give."""
    names = {
        check.name: tuple(reading.measures)
        for measured in pictures
        for measurements in measured.faces
        for check, reading in measurements
        if isinstance(reading, Reading)
    }
    fusion_weights = {name: 0.3 for name, measures in names.items() if "ln_side" in measures}
    return small_calibration(
        CHECKS,
        checks=make_check_entries(CHECKS, names),
        fusion=make_eyes_only_fusion(framed_share=0.02, weights=fusion_weights, offset=0.1),
    )


def test_the_answer_is_the_services(
    model: bytes, finder: FaceFinder, faces: Callable[[str], Picture]
) -> None:
    rows = tuple(ManifestRow(name, "real", "avatar", "one") for name in NAMES)
    corpus = Corpus(Path(FACES), rows, "")
    network = ConstantNetwork(1.25)
    pictures = list(measure_pictures(corpus, rows, Models(model, lambda _: network)))
    calibration = calibration_for(pictures)
    for name, measured in zip(NAMES, pictures, strict=True):
        scored = score_picture(measured, calibration)
        analysis = analyze(faces(name), finder, network, calibration)
        assert scored.row.path == name
        assert (scored.outcome, scored.verdict) == (analysis.outcome, analysis.verdict), name
        assert scored.llr == pytest.approx(analysis.llr)
        assert scored.interval == pytest.approx(analysis.llr_interval)
        if analysis.outcome is Outcome.SCORED:
            assert scored.side_px == max(analysis.size)
            assert scored.checks == {e.check.name: format_check(e) for e in analysis.evidence}
            assert list(scored.checks) == [c.name for c in CHECKS]
        else:
            assert scored.checks == {}


def format_check(evidence: Evidence) -> tuple[float, float] | str:
    if isinstance(evidence.measurement, Reading):
        return (evidence.measurement.value, evidence.llr)
    return evidence.measurement.reason


def test_a_check_that_could_not_measure_is_told_by_its_reason() -> None:
    calibration = small_calibration(
        (CHECK, TEXTURE),
        checks={
            CHECK.name: make_alignment_entry(),
            TEXTURE.name: make_logistic_entry(version=TEXTURE.version),
        },
    )
    eyes = Reading(0.5, (), make_face_measurements())
    measurements = ((CHECK, eyes), (TEXTURE, Unmeasurable(Reason.OUT_OF_PICTURE)))
    scored = score_picture(MeasuredPicture(ROW, (measurements,), 0.1), calibration)
    assert scored.checks == {CHECK.name: (0.5, 3.0), TEXTURE.name: "out_of_picture"}
    assert scored.outcome == Outcome.SCORED


def test_the_strongest_face_answers() -> None:
    there, here = (
        ((CHECK, Reading(value, (), make_face_measurements(square))),)
        for value, square in ((30.0, (0.4, 0.4, -0.6, 0.0)), (0.5, (0.5, 0.5, 0.0, 0.0)))
    )
    nothing = ((CHECK, Unmeasurable(Reason.TOO_SMALL)),)
    judged = score_picture(MeasuredPicture(ROW, (nothing, there, here), 0.1), SMALL)
    assert judged.checks == {CHECK.name: (0.5, 3.0)}
    assert judged.verdict is Verdict.LIKELY_STYLEGAN
    assert judged.gan_eye_distance == 0.1


@pytest.mark.parametrize("outcome", ["no_face", "not_a_photo", "image_truncated"])
def test_without_a_face_there_is_an_outcome_and_no_score(outcome: str) -> None:
    judged = score_picture(MeasuredPicture(ROW, (), 1.0, outcome), SMALL)
    assert (judged.outcome, judged.verdict) == (outcome, Verdict.NOT_APPLICABLE)
    assert (judged.llr, judged.interval) == (0.0, (0.0, 0.0))


def test_a_face_that_cannot_be_measured_is_no_score() -> None:
    judged = score_picture(
        MeasuredPicture(ROW, (((CHECK, Unmeasurable(Reason.TOO_SMALL)),),), 1.0), SMALL
    )
    assert (judged.outcome, judged.verdict) == (Outcome.TOO_SMALL, Verdict.NOT_APPLICABLE)
