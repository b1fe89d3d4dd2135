"""The results of a bundle: answers from their measures, and the list's figures from the answers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from io import BufferedReader
from typing import Any, Final

from pydantic import ValidationError

from app.analysis.recompute import AnswerChecker
from app.analysis.record import record_from_answer
from app.analysis.schemas import AnalysisOut
from app.cohort.collector import CohortCollector
from app.cohort.parameters import CohortParameters
from app.cohort.summary import summarize_collected
from app.errors import ListUnreadable
from app.records import Failure, ItemResult
from app.runtime.evidence.compare import find_differences
from app.runtime.evidence.findings import BundleCheck, Mismatches

RESULTS_NAME: Final = "results.ndjson"
MAX_LINE_BYTES: Final = 2_000_000


def check_results(
    lines: BufferedReader,
    checker: AnswerChecker,
    parameters: CohortParameters,
    picture_sha256: str | None = None,
) -> Iterator[BundleCheck]:
    """``lines``: NDJSON. ``parameters``: of the cohort. ``picture_sha256``: of a picture beside.

    Raises ``ListUnreadable``.
    """
    mismatches, collector = Mismatches(), CohortCollector(parameters.concentration)
    answers = others = 0
    is_of_picture = False
    base_rate: float | None = None
    summary: Mapping[str, Any] | None = None
    for number, line in enumerate(_iter_lines(lines), start=1):
        try:
            members = json.loads(line)
            if set(members) == {"summary"} and summary is None:
                summary = members["summary"]
                continue
            result, answer = _read_result(members)
            if answer is not None:
                is_of_picture |= answer.image.sha256 == picture_sha256
                base_rate = answer.base_rate if base_rate is None else base_rate
                if checker.made(answer):
                    for mismatch in checker.find_mismatches(answer):
                        mismatches.add(f"item {result.seq}: {mismatch}")
                else:
                    others += 1
                answers += 1
            collector.add(result)
        except (ValueError, TypeError, KeyError, RecursionError, ValidationError) as error:
            mismatches.add(f"line {number} is no result: {str(error).splitlines()[0][:120]}")
    yield from mismatches.rows("answers")
    if others:
        detail = (
            f"{others:,} of {answers:,} were made with another calibration than "
            f"{checker.calibration_id}, which is installed here"
        )
        yield BundleCheck("answers", "not computed", detail)
    if not mismatches.count and answers > others:
        detail = f"{answers - others:,} follow from the measures of their checks"
        yield BundleCheck("answers", "ok", detail)
    if picture_sha256 is not None:
        yield _check_picture(picture_sha256, is_of_picture=is_of_picture)
    yield from _check_cohort(summary, collector, base_rate, parameters, is_ours=not others)


def _check_picture(sha256: str, *, is_of_picture: bool) -> BundleCheck:
    if is_of_picture:
        detail = "it is the one that was analyzed; `eyeline analyze` analyzes it again"
        return BundleCheck("picture", "ok", detail)
    return BundleCheck("picture", "mismatch", f"{sha256} is not the one that was analyzed")


def _iter_lines(file: BufferedReader) -> Iterator[bytes]:
    while line := file.readline(MAX_LINE_BYTES + 1):
        if len(line) > MAX_LINE_BYTES:
            raise ListUnreadable(
                f"A line of {RESULTS_NAME} is too long; this is no bundle of ours."
            )
        yield line


def _read_result(members: Any) -> tuple[ItemResult, AnalysisOut | None]:
    """Raises what a wrong shape raises."""
    seq, source, custom_id = int(members["seq"]), str(members["source"]), members["custom_id"]
    if "error" in members:
        error = members["error"]
        failure = Failure(str(error["code"]), str(error["title"]), str(error["detail"]))
        return ItemResult(seq, source, custom_id, failure=failure), None
    fields = {name: members[name] for name in AnalysisOut.model_fields if name in members}
    answer = AnalysisOut.model_validate_json(json.dumps(fields))
    return ItemResult(seq, source, custom_id, record=record_from_answer(answer)), answer


def _check_cohort(
    summary: Mapping[str, Any] | None,
    collector: CohortCollector,
    base_rate: float | None,
    parameters: CohortParameters,
    *,
    is_ours: bool,
) -> Iterator[BundleCheck]:
    """The list's figures from its results, where a list is what this is."""
    stated = (summary or {}).get("cohort")
    if not isinstance(stated, Mapping):
        return
    if not is_ours or base_rate is None:
        yield BundleCheck("list", "not computed", "its answers are of another calibration, or none")
        return
    prior = float((summary or {}).get("prior", 0.5))
    computed = summarize_collected(
        collector, prior=prior, base_rate=base_rate, parameters=parameters
    )
    mismatches = Mismatches()
    for difference in find_differences(stated, json.loads(json.dumps(computed))):
        mismatches.add(difference)
    yield from mismatches.rows("list")
    if not mismatches.count:
        yield BundleCheck("list", "ok", "shares, false flags, frames and copies follow from them")
