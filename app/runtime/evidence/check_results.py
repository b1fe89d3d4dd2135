"""The results of a bundle: answers from their measures, and the list's figures from the answers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
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
from app.runtime.evidence.check_counts import ResultCounts, TableChecker
from app.runtime.evidence.check_picture import NO_PICTURE, AnalyzeAgain, PictureChecker
from app.runtime.evidence.compare import find_differences
from app.runtime.evidence.findings import BundleCheck, Mismatches

RESULTS_NAME: Final = "results.ndjson"
BATCH_NAME: Final = "batch.json"
MAX_LINE_BYTES: Final = 2_000_000


@dataclass(frozen=True, eq=False)
class Installed:
    """What answers are computed again with. ``analyze``: ``None`` analyzes no picture again."""

    checker: AnswerChecker
    parameters: CohortParameters
    analyze: AnalyzeAgain | None = None


@dataclass(eq=False)
class BundleResults:
    """The results of a bundle, read to their end: once, in pieces.

    ``picture``: the one beside them. ``table``: the same results in CSV. ``batch``: ``batch.json``.
    """

    installed: Installed
    picture: PictureChecker | None = None
    table: TableChecker | None = None
    batch: Mapping[str, Any] | None = None
    _mismatches: Mismatches = field(default_factory=Mismatches, init=False)
    _counts: ResultCounts = field(default_factory=ResultCounts, init=False)
    _answers: int = field(default=0, init=False)
    _others: int = field(default=0, init=False)
    """Answers of another calibration."""
    _base_rate: float | None = field(default=None, init=False)
    _summary: Mapping[str, Any] | None = field(default=None, init=False)

    def check(self, lines: BufferedReader) -> Iterator[BundleCheck]:
        """Everything that can be computed again. ``lines``: NDJSON. Raises ``ListUnreadable``."""
        collector = CohortCollector(self.installed.parameters.concentration)
        for number, line in enumerate(_iter_lines(lines), start=1):
            try:
                self._read(json.loads(line), collector)
            except (ValueError, TypeError, KeyError, RecursionError, ValidationError) as error:
                reason = str(error).splitlines()[0][:120]
                self._mismatches.add(f"line {number} is no result: {reason}")
        yield from self._answer_rows()
        if self.picture is not None:
            yield from self.picture.check(self.installed.analyze, is_ours=not self._others)
        elif self._answers:
            yield NO_PICTURE
        if self.table is not None:
            yield from self.table.finish()
        for where, stated in ((RESULTS_NAME, self._summary), (BATCH_NAME, self.batch)):
            if stated is not None:
                yield from self._counts.check(stated, where)
        yield from self._cohort_rows(collector)

    def _read(self, members: Any, collector: CohortCollector) -> None:
        """A line. Raises what a wrong shape raises."""
        if set(members) == {"summary"} and self._summary is None:
            self._summary = dict(members["summary"])
            return
        if self.table is not None:
            self.table.compare(members)
        result, answer = _read_result(members)
        if answer is not None:
            self._answers += 1
            self._base_rate = answer.base_rate if self._base_rate is None else self._base_rate
            if self.picture is not None:
                self.picture.look_at(answer)
            self._check_answer(result.seq, answer)
        collector.add(result)
        self._counts.add(result)

    def _check_answer(self, seq: int, answer: AnalysisOut) -> None:
        if not self.installed.checker.made(answer):
            self._others += 1
            return
        for mismatch in self.installed.checker.find_mismatches(answer):
            self._mismatches.add(f"item {seq}: {mismatch}")

    def _answer_rows(self) -> Iterator[BundleCheck]:
        yield from self._mismatches.rows("answers")
        if self._others:
            detail = (
                f"{self._others:,} of {self._answers:,} were made with another calibration than "
                f"{self.installed.checker.calibration_id}, which is installed here"
            )
            yield BundleCheck("answers", "not computed", detail)
        if not self._mismatches.count and self._answers > self._others:
            detail = f"{self._answers - self._others:,} follow from the measures of their checks"
            yield BundleCheck("answers", "ok", detail)

    def _cohort_rows(self, collector: CohortCollector) -> Iterator[BundleCheck]:
        """The list's figures from its results, where a list is what this is."""
        summary = self._summary or {}
        stated = summary.get("cohort")
        if not isinstance(stated, Mapping):
            return
        if self._others or self._base_rate is None:
            reason = "its answers are of another calibration, or none"
            yield BundleCheck("list", "not computed", reason)
            return
        computed = summarize_collected(
            collector,
            prior=float(summary.get("prior", 0.5)),
            base_rate=self._base_rate,
            parameters=self.installed.parameters,
        )
        mismatches = Mismatches()
        for difference in find_differences(stated, json.loads(json.dumps(computed))):
            mismatches.add(difference)
        yield from mismatches.rows("list")
        if not mismatches.count:
            detail = "shares, false flags, frames and copies follow from them"
            yield BundleCheck("list", "ok", detail)


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
