"""A bundle's picture is analyzed again: what it shows is what was answered, or a difference."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest

from app.analysis.analyze import analyze
from app.analysis.schemas import AnalysisOut
from app.analysis.serialize import serialize_analysis
from app.calibration.calibration import Calibration
from app.errors import ImageTruncated, TooLarge
from app.face.landmarks import FaceFinder
from app.image.picture import decode
from app.networks.onnx import OnnxNetworks
from app.runtime.evidence.check_picture import PictureChecker, find_differences
from tests.conftest import FACES

DATA = (FACES / "astronaut_ffhq_zoom110.jpg").read_bytes()
SHA256 = hashlib.sha256(DATA).hexdigest()
Analyze = Callable[[bytes], AnalysisOut]


@pytest.fixture(scope="module")
def analyze_again(finder: FaceFinder, networks: OnnxNetworks, shipped: Calibration) -> Analyze:
    def answer(data: bytes) -> AnalysisOut:
        analysis = analyze(decode(data), finder, networks, shipped)
        return serialize_analysis(analysis, prior=0.5, base_rate=0.0005)

    return answer


@pytest.fixture(scope="module")
def answer(analyze_again: Analyze) -> AnalysisOut:
    return analyze_again(DATA)


def check(answer: AnalysisOut, analyze: Analyze | None, *, is_ours: bool = True) -> tuple[str, str]:
    """Status and text of the one line that a checker writes."""
    checker = PictureChecker(SHA256, lambda: DATA)
    checker.look_at(answer)
    ((status, detail),) = [
        (row.status, row.detail) for row in checker.check(analyze, is_ours=is_ours)
    ]
    return status, detail


def test_the_same_picture_gives_the_same_answer(
    answer: AnalysisOut, analyze_again: Analyze
) -> None:
    status, detail = check(answer, analyze_again)
    assert (status, "analyzed again" in detail) == ("ok", True)


def test_an_answer_that_the_picture_does_not_give_is_told(answer: AnalysisOut) -> None:
    eyes = answer.checks[0].model_copy(update={"llr": answer.checks[0].llr - 1.0})
    stated = answer.model_copy(update={"checks": [eyes, *answer.checks[1:]]})
    status, detail = check(stated, lambda _: answer)
    assert (status, "llr of eye_alignment" in detail) == ("mismatch", True)
    assert len(list(find_differences(stated, answer))) == 1
    image = answer.image.model_copy(update={"pdq": "0" * 64})
    assert check(answer.model_copy(update={"image": image}), lambda _: answer)[0] == "mismatch"
    assert list(find_differences(answer.model_copy(update={"checks": []}), answer))


def test_what_cannot_be_analyzed_here_is_said_so(answer: AnalysisOut) -> None:
    def refuse(data: bytes) -> AnalysisOut:
        raise TooLarge("more than 5 MB")

    def fail(data: bytes) -> AnalysisOut:
        raise ImageTruncated("it ends early")

    assert check(answer, refuse)[0] == "not computed"
    assert check(answer, fail)[0] == "mismatch"
    assert check(answer, None)[0] == "not computed"
    assert check(answer, fail, is_ours=False)[0] == "not computed"
    image = answer.image.model_copy(update={"sha256": "0" * 64})
    other = answer.model_copy(update={"image": image})
    assert check(other, fail)[0] == "mismatch"
