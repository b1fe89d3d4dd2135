from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from app.__main__ import cli
from tests.integrations.make_results import make_line


def test_hashes_are_printed_as_a_bank_file(tmp_path: Path) -> None:
    path = tmp_path / "results.ndjson"
    path.write_text("\n".join(map(json.dumps, [make_line(3.0), make_line(0.0)])), encoding="utf-8")
    shown = CliRunner().invoke(cli, ["hashes", str(path)])
    assert (shown.exit_code, shown.stdout) == (0, f"pdq {'0f' * 32}\n")
    missing = CliRunner().invoke(cli, ["hashes", str(tmp_path / "none")])
    assert (missing.exit_code, missing.stderr.count("\n")) == (1, 1)
