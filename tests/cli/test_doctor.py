from __future__ import annotations

import json
import re
import resource
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.__main__ import cli
from app.batches.store.database import open_database
from app.calibration.calibration import FILE
from app.checks import CHECKS
from app.cli import doctor
from app.cli.doctor import Finding, Ill, examine_machine
from app.cli.startup import FAILED
from app.networks.onnx import PERSON_FILE, WITNESS_FILE, load_networks
from app.settings import Settings
from tests.conftest import ROOT
from tests.sitters import calibration_file, entries_for


def examined(models_dir: Path) -> dict[str, Finding]:
    settings = Settings(models_dir=models_dir, data_dir=models_dir)
    return {f.name: f for f in examine_machine(settings)}


def test_missing_models_are_found_and_each_finding_says_how_to_mend_it(tmp_path: Path) -> None:
    findings = examined(tmp_path)
    missing = ["model", "networks", "calibration", "canary", "examiners", "cohort"]
    assert [name for name, f in findings.items() if not f.ok] == missing
    assert all(f.remedy for f in findings.values() if not f.ok)
    assert all(f.detail for f in findings.values())
    assert WITNESS_FILE in findings["networks"].detail


def test_another_model_is_not_the_model(tmp_path: Path) -> None:
    (tmp_path / "face_landmarker.task").write_bytes(b"another")
    assert "sha256" in examined(tmp_path)["model"].detail


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """Two networks that run, and a calibration that was fitted with them."""
    for name in (WITNESS_FILE, PERSON_FILE):
        shutil.copy(ROOT / "models" / PERSON_FILE, tmp_path / name)
    write_calibration(tmp_path, dict(load_networks(tmp_path).sha256))
    return tmp_path


def write_calibration(models_dir: Path, networks: dict[str, str]) -> None:
    file = calibration_file(checks=entries_for(CHECKS, {}), networks=networks)
    (models_dir / FILE).write_text(file.model_dump_json(), encoding="utf-8")


def test_networks_that_run_and_their_calibration_are_well(models: Path) -> None:
    findings = examined(models)
    assert findings["networks"].ok
    assert WITNESS_FILE in findings["networks"].detail
    assert PERSON_FILE in findings["networks"].detail
    assert findings["calibration"].ok
    assert all(check.name in findings["calibration"].detail for check in CHECKS)


def test_a_network_that_cannot_be_run_is_found(models: Path) -> None:
    (models / WITNESS_FILE).write_bytes(b"no network")
    findings = examined(models)
    assert not findings["networks"].ok
    assert "cannot be run" in findings["networks"].detail
    assert "restore models/" in findings["networks"].remedy


def test_a_calibration_for_other_networks_is_found(models: Path) -> None:
    """Each is well by itself; together they are not."""
    write_calibration(models, {WITNESS_FILE: "0a" * 32, PERSON_FILE: "0b" * 32})
    findings = examined(models)
    assert findings["networks"].ok
    assert not findings["calibration"].ok
    assert "0a0a0a" in findings["calibration"].detail
    assert "eyeline fit" in findings["calibration"].remedy
    assert not findings["canary"].ok


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


def alone(monkeypatch: pytest.MonkeyPatch, name: str) -> Callable[[Settings], Finding]:
    """What the doctor finds at one place, without looking anywhere else."""
    monkeypatch.setattr(doctor, "LOOKS", tuple(look for look in doctor.LOOKS if look[0] == name))

    def look(settings: Settings) -> Finding:
        (found,) = examine_machine(settings)
        return found

    return look


@pytest.fixture
def decoders(monkeypatch: pytest.MonkeyPatch) -> Callable[[Settings], Finding]:
    """Of the processes that decode."""
    return alone(monkeypatch, "decoders")


def test_the_processes_that_decode_are_looked_at(
    decoders: Callable[[Settings], Finding],
) -> None:
    assert re.fullmatch(
        r"a child starts in [0-9.]+ s and holds [0-9]+ MB", decoders(Settings()).detail
    )
    assert "EYELINE_ISOLATE" in decoders(Settings(isolate=False)).detail
    _, hard = limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        found = decoders(Settings())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert not found.ok
    assert "Too many open files" in found.detail
    assert "ulimit" in found.remedy


def test_the_processes_that_look_at_lists_are_looked_at() -> None:
    assert re.fullmatch(
        r"a child starts in [0-9.]+ s and holds [0-9]+ MB; there will be 3",
        doctor._examiners(Settings(batch_workers=3)),
    )
    assert "EYELINE_ISOLATE" in doctor._examiners(Settings(isolate=False))
    assert "eyeline worker" in doctor._examiners(Settings(batch_workers=0))


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> Callable[[Settings], Finding]:
    """Of where batches are kept."""
    return alone(monkeypatch, "storage")


def test_where_batches_are_kept_is_looked_at(
    tmp_path: Path, storage: Callable[[Settings], Finding]
) -> None:
    a_file = tmp_path / "file"
    a_file.write_text("no folder", encoding="utf-8")
    assert storage(Settings(data_dir=tmp_path / "new")).ok
    found = storage(Settings(data_dir=a_file))
    assert not found.ok
    assert "EYELINE_DATA_DIR" in found.detail
    found = storage(Settings.model_validate({"database_url": "mysql://user:secret@a/b"}))
    assert not found.ok
    assert "EYELINE_DATABASE_URL" in found.remedy
    assert "secret" not in found.detail


def test_a_service_that_runs_is_no_illness(
    tmp_path: Path, storage: Callable[[Settings], Finding]
) -> None:
    database = open_database(None, tmp_path)
    try:
        found = storage(Settings(data_dir=tmp_path))
    finally:
        database.close()
    assert found.ok
    assert "in use" in found.detail
