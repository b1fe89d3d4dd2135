"""Counts and the table of a bundle, beside its results."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import replace
from io import BufferedReader
from typing import cast

import pytest

from app.batches import export
from app.records import Failure, ItemResult
from app.runtime.evidence.check_counts import ResultCounts, TableChecker
from app.runtime.evidence.findings import BundleCheck
from tests.cohort.network.made_lists import make_list

FAILED = ItemResult(3, "d.jpg", None, failure=Failure("fetch_failed", "T", "=1+1"))
ANSWER = json.dumps({"outcome": "scored", "verdict": "unlikely_stylegan", "llr": -2.0}).encode()
RESULTS = [
    *(
        replace(each, record=replace(each.record, analysis=ANSWER))
        for each in make_list(3)
        if each.record is not None
    ),
    FAILED,
]
COLUMNS = ("llr", "eyeline_llr", "=seq")


def check_table(table: bytes, results: Sequence[ItemResult] = RESULTS) -> list[BundleCheck]:
    checker = TableChecker(cast(BufferedReader, io.BytesIO(table)))
    for result in results:
        checker.compare(json.loads(export.format_line(result)))
    return list(checker.finish())


@pytest.mark.parametrize("columns", [(), COLUMNS])
def test_the_table_says_what_the_results_say(columns: tuple[str, ...]) -> None:
    table = b"".join(export.stream_csv(RESULTS, columns, ()))
    (row,) = check_table(table)
    assert (row.status, row.detail) == ("ok", "4 rows say what the results say")


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (b"fetch_failed", b"fetch_passed", "error of item 3"),
        (b",scored,", b",no_face,", "outcome of item 0"),
        (b"\r\n", b"\r\n1,2\r\n", "seq of item 0"),
        (b",scored,", b',"' + b"x" * 200_000 + b'",', "is no CSV"),
        (b",scored,", b"\n" + b"x" * 3_000_000, "is no CSV"),
    ],
)
def test_a_table_that_was_changed_is_told(old: bytes, new: bytes, told: str) -> None:
    table = b"".join(export.stream_csv(RESULTS, (), ())).replace(old, new, 1)
    rows = check_table(table)
    assert {row.status for row in rows} == {"mismatch"}
    assert any(told in row.detail for row in rows)


def test_a_table_of_another_length_is_told() -> None:
    rows = check_table(b"")
    assert "item 0 is not in results.csv" in rows[0].detail
    (row,) = check_table(b"".join(export.stream_csv([*RESULTS, FAILED], (), ())))
    assert "rows that the results do not have" in row.detail


def test_counts_are_those_of_the_results() -> None:
    counts = ResultCounts()
    for result in RESULTS:
        counts.add(result)
    verdicts = dict(counts.verdicts)
    stated = {
        "request_counts": {"total": 9, "completed": 3, "failed": 1},
        "outcomes": {"scored": 3, "no_face": 0},
        "verdicts": verdicts,
    }
    assert [row.status for row in counts.check(stated, "batch.json")] == ["ok"]
    wrong = {**stated, "request_counts": {"completed": 4, "failed": 1}, "outcomes": []}
    assert [row.status for row in counts.check(wrong, "batch.json")] == ["mismatch"] * 2
    assert len(list(counts.check({}, "batch.json"))) == 4
