from collections.abc import Callable
from pathlib import Path

import pytest

from app.analysis import analyze
from app.checks import CHECKS
from app.evidence import Outcome, Reading, Reason, Unmeasurable, Verdict
from app.fitting.corpus import Corpus, Row
from app.fitting.judge import score
from app.fitting.measure import Measured, measure
from app.landmarks import FaceFinder
from app.picture import Picture
from tests.conftest import FACES
from tests.sitters import sightings_at, small_calibration

(CHECK,) = CHECKS
ROW = Row("a.jpg", "real", "avatar", "one")
SMALL = small_calibration()
NAMES = sorted(p.name for p in FACES.iterdir() if p.suffix in (".jpg", ".png"))


def test_the_answer_is_the_services(
    model: bytes, finder: FaceFinder, faces: Callable[[str], Picture]
) -> None:
    rows = tuple(Row(name, "real", "avatar", "one") for name in NAMES)
    corpus = Corpus(Path(FACES), rows, "")
    for name, measured in zip(NAMES, measure(corpus, rows, model), strict=True):
        judged, said = score(measured, SMALL), analyze(faces(name), finder, SMALL)
        assert judged.row.path == name
        assert (judged.outcome, judged.verdict) == (said.outcome, said.verdict), name
        assert judged.llr == pytest.approx(said.llr)
        assert judged.interval == pytest.approx(said.llr_interval)
        if said.outcome is Outcome.SCORED:
            (evidence,) = said.evidence
            assert isinstance(evidence.measured, Reading)
            assert judged.checks == {CHECK.name: (evidence.measured.value, evidence.llr)}
        else:
            assert judged.checks == {}


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
