from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app import doctor
from app.__main__ import FAILED, cli
from app.doctor import Ill, examine_machine
from app.settings import Settings


def test_missing_models_are_found_and_each_finding_says_how_to_mend_it(tmp_path: Path) -> None:
    findings = {f.name: f for f in examine_machine(Settings(models_dir=tmp_path))}
    assert [name for name, f in findings.items() if not f.ok] == ["model", "calibration", "canary"]
    assert all(f.remedy for f in findings.values() if not f.ok)
    assert all(f.detail for f in findings.values())


def test_another_model_is_not_the_model(tmp_path: Path) -> None:
    (tmp_path / "face_landmarker.task").write_bytes(b"another")
    finding = next(f for f in examine_machine(Settings(models_dir=tmp_path)) if f.name == "model")
    assert "sha256" in finding.detail


def _ill(_: Settings) -> str:
    raise Ill("it hurts", "rest")


def _well(_: Settings) -> str:
    return "fine"


def test_told_to_people_and_to_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "LOOKS", (("head", _well), ("knee", _ill)))
    result = CliRunner().invoke(cli, ["doctor"])
    assert result.exit_code == FAILED
    assert result.stdout.splitlines() == [
        "ok    head: fine",
        "FAIL  knee: it hurts",
        "      mend it: rest",
    ]
    told = json.loads(CliRunner().invoke(cli, ["doctor", "--json"]).stdout)
    assert told["ok"] is False
    assert told["checks"][0] == {"name": "head", "ok": True, "detail": "fine", "remedy": ""}


def test_health_is_exit_code_0(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "LOOKS", (("head", _well),))
    assert CliRunner().invoke(cli, ["doctor"]).exit_code == 0
