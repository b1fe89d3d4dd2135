from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
from typer.testing import CliRunner

from app.__main__ import cli
from app.integrations.results_parquet import build_row, build_table
from app.records import Item
from tests.integrations.make_results import make_record

RUNNER = CliRunner()
STORED = b'{"checks": [], "model": {"calibration": "0"}}'


def test_what_the_files_say_in_sentences_and_in_json(tmp_path: Path) -> None:
    rows = [
        build_row(Item(n, f"s#{n}"), make_record(-2.0, pdq=f"{n:064x}", analysis=STORED))
        for n in range(20)
    ]
    for name in ("a", "b"):
        pq.write_table(build_table(rows), tmp_path / f"{name}.parquet")
    command = ["cohort", str(tmp_path / "a.parquet"), str(tmp_path / "b.parquet")]
    shown = RUNNER.invoke(cli, [*command, "--json"])
    assert shown.exit_code == 0, shown.output
    summary = json.loads(shown.stdout)
    assert summary["counts"]["pictures"] == 40
    told = RUNNER.invoke(cli, command)
    assert told.stdout.splitlines() == [*summary["summary"], *summary["caveats"]]


def test_what_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.parquet"):
        refused = RUNNER.invoke(cli, ["cohort", str(path)])
        assert (refused.exit_code, refused.stderr.count("\n")) == (1, 1)
