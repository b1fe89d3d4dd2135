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
from app.training.corpus import Corpus, Row
from app.training.evaluation.scoring import score
from app.training.measure import Measured, Models, measure
from tests.conftest import FACES
from tests.sitters import (
    Steady,
    entries_for,
    entry,
    eyes_alone,
    measures_entry,
    sightings_at,
    small_calibration,
)

ROW = Row("a.jpg", "real", "avatar", "one")
SMALL = small_calibration()
NAMES = sorted(p.name for p in FACES.iterdir() if p.suffix in (".jpg", ".png"))


def knowing(seen: list[Measured]) -> Calibration:
    """A calibration for all checks, of the measures that they were seen to give."""
    names = {
        check.name: tuple(found.measures)
        for measured in seen
        for testimony in measured.testimonies
        for check, found in testimony
        if isinstance(found, Reading)
    }
    looking = {name: 0.3 for name, given in names.items() if "ln_side" in given}
    return small_calibration(
        CHECKS,
        checks=entries_for(CHECKS, names),
        fusion=eyes_alone(aligned_share=0.02, weights=looking, offset=0.1),
    )


def test_the_answer_is_the_services(
    model: bytes, finder: FaceFinder, faces: Callable[[str], Picture]
) -> None:
    rows = tuple(Row(name, "real", "avatar", "one") for name in NAMES)
    corpus = Corpus(Path(FACES), rows, "")
    network = Steady(1.25)
    seen = list(measure(corpus, rows, Models(model, lambda _: network)))
    calibration = knowing(seen)
    for name, measured in zip(NAMES, seen, strict=True):
        judged = score(measured, calibration)
        said = analyze(faces(name), finder, network, calibration)
        assert judged.row.path == name
        assert (judged.outcome, judged.verdict) == (said.outcome, said.verdict), name
        assert judged.llr == pytest.approx(said.llr)
        assert judged.interval == pytest.approx(said.llr_interval)
        if said.outcome is Outcome.SCORED:
            assert judged.side_px == max(said.size)
            assert judged.checks == {e.check.name: told(e) for e in said.evidence}
            assert list(judged.checks) == [c.name for c in CHECKS]
        else:
            assert judged.checks == {}


def told(evidence: Evidence) -> tuple[float, float] | str:
    if isinstance(evidence.measured, Reading):
        return (evidence.measured.value, evidence.llr)
    return evidence.measured.reason


def test_a_check_that_could_not_measure_is_told_by_its_reason() -> None:
    calibration = small_calibration(
        (CHECK, TEXTURE),
        checks={CHECK.name: entry(), TEXTURE.name: measures_entry(version=TEXTURE.version)},
    )
    eyes = Reading(0.5, (), sightings_at())
    testimony = ((CHECK, eyes), (TEXTURE, Unmeasurable(Reason.OUT_OF_PICTURE)))
    judged = score(Measured(ROW, (testimony,), 0.1), calibration)
    assert judged.checks == {CHECK.name: (0.5, 3.0), TEXTURE.name: "out_of_picture"}
    assert judged.outcome == Outcome.SCORED


def test_the_strongest_face_answers() -> None:
    there, here = (
        ((CHECK, Reading(value, (), sightings_at(square))),)
        for value, square in ((30.0, (0.4, 0.4, -0.6, 0.0)), (0.5, (0.5, 0.5, 0.0, 0.0)))
    )
    nothing = ((CHECK, Unmeasurable(Reason.TOO_SMALL)),)
    judged = score(Measured(ROW, (nothing, there, here), 0.1), SMALL)
    assert judged.checks == {CHECK.name: (0.5, 3.0)}
    assert judged.verdict is Verdict.LIKELY_GENERATED
    assert judged.gan_eye_distance == 0.1


@pytest.mark.parametrize("outcome", ["no_face", "not_a_photo", "image_truncated"])
def test_without_a_face_there_is_an_outcome_and_no_score(outcome: str) -> None:
    judged = score(Measured(ROW, (), 1.0, outcome), SMALL)
    assert (judged.outcome, judged.verdict) == (outcome, Verdict.NOT_APPLICABLE)
    assert (judged.llr, judged.interval) == (0.0, (0.0, 0.0))


def test_a_face_that_cannot_be_measured_is_no_score() -> None:
    judged = score(Measured(ROW, (((CHECK, Unmeasurable(Reason.TOO_SMALL)),),), 1.0), SMALL)
    assert (judged.outcome, judged.verdict) == (Outcome.TOO_SMALL, Verdict.NOT_APPLICABLE)
