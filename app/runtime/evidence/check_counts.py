"""What a list's bundle says of its results beside them: counts, and the table in CSV."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import BufferedReader
from typing import Any, Final

from app.batches.export import COLUMN_PREFIX
from app.records import ItemResult
from app.runtime.evidence.findings import BundleCheck, Mismatches

TABLE_NAME: Final = "results.csv"
_COMPARED: Final = ("seq", "outcome", "verdict", "llr", "error", "decision")
_MAX_ROW_BYTES: Final = 2_000_000


@dataclass(eq=False)
class ResultCounts:
    """Results, counted as they come."""

    completed: int = 0
    failed: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)

    def add(self, result: ItemResult) -> None:
        if result.record is None:
            self.failed += 1
            return
        self.completed += 1
        self.outcomes[str(result.record.outcome)] += 1
        self.verdicts[str(result.record.verdict)] += 1

    def check(self, stated: Mapping[str, Any], where: str) -> Iterator[BundleCheck]:
        """``stated``: a batch's JSON in the file ``where``.

        The total is not compared: of a list that was cancelled some items have no result.
        """
        mismatches = Mismatches()
        counts = stated.get("request_counts")
        counts = counts if isinstance(counts, Mapping) else {}
        for name, counted in (
            ("completed", self.completed),
            ("failed", self.failed),
            ("outcomes", dict(self.outcomes)),
            ("verdicts", dict(self.verdicts)),
        ):
            told = (counts if isinstance(counted, int) else stated).get(name)
            told = _without_zeros(told)
            if told != counted:
                mismatches.add(f"{name} of {where} are {told}, and {counted} in the results")
        yield from mismatches.rows("counts")
        if not mismatches.count:
            detail = f"{self.completed:,} answers and {self.failed:,} errors, as {where} says"
            yield BundleCheck("counts", "ok", detail)


def _without_zeros(counts: Any) -> Any:
    """Counts by name; anything else as it is."""
    return {k: v for k, v in counts.items() if v} if isinstance(counts, Mapping) else counts


class TableChecker:
    """``results.csv`` beside the results: read along with them, a row at a time."""

    def __init__(self, file: BufferedReader) -> None:
        self._file = file
        self._rows = csv.reader(self._iter_lines())
        self._row_bytes = 0
        self._places: dict[str, int] | None = None
        self._mismatches = Mismatches()
        self._count = 0

    def compare(self, members: Mapping[str, Any]) -> None:
        """The next row with the next result, a JSON object."""
        seq, row = members.get("seq"), self._next()
        if row is None or self._places is None:
            self._mismatches.add(f"item {seq} is not in {TABLE_NAME}")
            return
        self._count += 1
        stated = dict(zip(_COMPARED, self._select(row), strict=True))
        for name, cell in _expected_cells(members).items():
            if stated[name] != cell:
                told = f"{name} of item {seq} is {stated[name][:60]!r} in {TABLE_NAME}"
                self._mismatches.add(f"{told}, and {cell[:60]!r} in the results")

    def finish(self) -> Iterator[BundleCheck]:
        if self._next() is not None:
            self._mismatches.add(f"{TABLE_NAME} has rows that the results do not have")
        yield from self._mismatches.rows("table")
        if not self._mismatches.count:
            yield BundleCheck("table", "ok", f"{self._count:,} rows say what the results say")

    def _iter_lines(self) -> Iterator[str]:
        """Raises ``csv.Error`` for a row that is longer than ours are."""
        while line := self._file.readline(_MAX_ROW_BYTES):
            self._row_bytes += len(line)
            if self._row_bytes > _MAX_ROW_BYTES:
                raise csv.Error("a row is too long")
            yield line.decode("utf-8", "replace")

    def _next(self) -> list[str] | None:
        self._row_bytes = 0
        try:
            if self._places is None:
                self._places = _find_columns(next(self._rows, []))
            return next(self._rows, None)
        except csv.Error as error:
            self._mismatches.add(f"{TABLE_NAME} is no CSV: {error}")
            return None

    def _select(self, row: list[str]) -> Iterator[str]:
        assert self._places is not None
        for name in _COMPARED:
            place = self._places.get(name, len(row))
            yield row[place] if place < len(row) else ""


def _find_columns(header: list[str]) -> dict[str, int]:
    """Where our columns stand: behind the list's own, which may have the same names."""
    places = {}
    for place, name in enumerate(header):
        while name.startswith(COLUMN_PREFIX):
            name = name.removeprefix(COLUMN_PREFIX)
        places[name] = place
    return places


def _expected_cells(members: Mapping[str, Any]) -> dict[str, str]:
    """A result's cells, as ``app.batches.export`` writes them."""
    error = members.get("error")
    values = {name: members.get(name) for name in _COMPARED}
    values["error"] = error.get("code") if isinstance(error, Mapping) else None
    return {name: "" if value is None else str(value) for name, value in values.items()}
