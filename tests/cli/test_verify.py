"""``eyeline verify``: what a list's bundle says of itself, and how the command ends."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.__main__ import cli
from app.analysis.analyzer import Analyzer
from app.cli import verify
from app.cli.startup import EXIT_FAILED
from app.settings import load_settings
from tests.api.picture_server import ShadeAnalyzer, shade_png

RUNNER = CliRunner()


@pytest.fixture
def stub_models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EYELINE_ISOLATE", "false")  # a child would not know of the stub
    monkeypatch.setattr(Analyzer, "load", lambda _: ShadeAnalyzer())


@pytest.fixture
def bundle(tmp_path: Path, stub_models: None) -> Path:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for shade in (40, 250):
        (pictures / f"{shade}.png").write_bytes(shade_png(shade))
    path = tmp_path / "evidence.zip"
    arguments = ["--out", str(tmp_path / "r.csv"), "--evidence", str(path), "--quiet"]
    result = RUNNER.invoke(cli, ["batch", str(pictures), *arguments])
    assert result.exit_code == 0, result.output
    return path


def test_a_bundle_holds_until_it_is_changed(bundle: Path) -> None:
    result = RUNNER.invoke(cli, ["verify", str(bundle)])
    assert result.exit_code == 0, result.output
    assert "files    ok" in result.output
    assert "answers  not computed" in result.output
    assert "table    ok" in result.output
    assert "counts   ok" in result.output
    data = bundle.read_bytes()
    bundle.write_bytes(data.replace(b"item-000000.jpg", b"item-000009.jpg"))
    changed = RUNNER.invoke(cli, ["verify", str(bundle), "--json"])
    assert changed.exit_code == EXIT_FAILED
    rows = [json.loads(line) for line in changed.output.splitlines() if line.startswith("{")]
    assert {"files": "mismatch"}.items() <= {r["name"]: r["status"] for r in rows}.items()


def test_a_picture_is_analyzed_with_what_is_installed(stub_models: None) -> None:
    data = shade_png(40)
    answer = verify._analyze(load_settings(), data)
    assert answer.image.sha256 == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("content", [b"", b"text", None])
def test_what_is_no_bundle_is_told(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "x.zip"
    if content is not None:
        path.write_bytes(content)
    result = RUNNER.invoke(cli, ["verify", str(path)])
    assert result.exit_code == EXIT_FAILED
    assert str(path) in result.output
