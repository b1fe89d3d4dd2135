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
from app.calibration.calibration import CALIBRATION_FILE
from app.checks import CHECKS
from app.cli import doctor
from app.cli.doctor import Diagnosis, Unhealthy, diagnose
from app.cli.startup import EXIT_FAILED
from app.networks.onnx import FACE_NETWORK_FILE, REGION_NETWORK_FILE, SEGMENTER_FILE, load_networks
from app.settings import Settings
from tests.conftest import ROOT
from tests.synthetic_faces import calibration_file, make_check_entries


def diagnose_models(models_dir: Path) -> dict[str, Diagnosis]:
    settings = Settings(models_dir=models_dir, data_dir=models_dir)
    return {f.name: f for f in diagnose(settings)}


def test_missing_models_are_found_and_each_finding_says_how_to_mend_it(tmp_path: Path) -> None:
    findings = diagnose_models(tmp_path)
    missing = ["model", "networks", "calibration", "canary", "processes", "cohort"]
    assert [name for name, f in findings.items() if not f.ok] == missing
    assert all(f.remedy for f in findings.values() if not f.ok)
    assert all(f.detail for f in findings.values())
    assert REGION_NETWORK_FILE in findings["networks"].detail


def test_another_model_is_not_the_model(tmp_path: Path) -> None:
    (tmp_path / "face_landmarker.task").write_bytes(b"another")
    assert "sha256" in diagnose_models(tmp_path)["model"].detail


@pytest.fixture
def models_dir(tmp_path: Path) -> Path:
    """Two networks that run, and a calibration that was fitted with them."""
    for name in (REGION_NETWORK_FILE, FACE_NETWORK_FILE, SEGMENTER_FILE):
        shutil.copy(ROOT / "models" / SEGMENTER_FILE, tmp_path / name)
    write_calibration(tmp_path, dict(load_networks(tmp_path).sha256))
    return tmp_path


def write_calibration(models_dir: Path, networks: dict[str, str]) -> None:
    file = calibration_file(checks=make_check_entries(CHECKS, {}), networks=networks)
    (models_dir / CALIBRATION_FILE).write_text(file.model_dump_json(), encoding="utf-8")


def test_networks_that_run_and_their_calibration_are_well(models_dir: Path) -> None:
    findings = diagnose_models(models_dir)
    assert findings["networks"].ok
    assert REGION_NETWORK_FILE in findings["networks"].detail
    assert SEGMENTER_FILE in findings["networks"].detail
    assert findings["calibration"].ok
    assert all(check.name in findings["calibration"].detail for check in CHECKS)


def test_a_network_that_cannot_be_run_is_found(models_dir: Path) -> None:
    (models_dir / REGION_NETWORK_FILE).write_bytes(b"no network")
    findings = diagnose_models(models_dir)
    assert not findings["networks"].ok
    assert "cannot be run" in findings["networks"].detail
    assert "restore models/" in findings["networks"].remedy


def test_a_calibration_for_other_networks_is_found(models_dir: Path) -> None:
    """Each is well by itself; together they are not."""
    write_calibration(models_dir, {REGION_NETWORK_FILE: "0a" * 32, SEGMENTER_FILE: "0b" * 32})
    findings = diagnose_models(models_dir)
    assert findings["networks"].ok
    assert not findings["calibration"].ok
    assert "0a0a0a" in findings["calibration"].detail
    assert "eyeline fit" in findings["calibration"].remedy
    assert not findings["canary"].ok


def _fail(_: Settings) -> str:
    raise Unhealthy("it hurts", "rest")


def _pass(_: Settings) -> str:
    return "fine"


def test_told_to_people_and_to_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "HEALTH_CHECKS", (("head", _pass), ("knee", _fail)))
    result = CliRunner().invoke(cli, ["doctor"])
    assert result.exit_code == EXIT_FAILED
    assert result.stdout.splitlines() == [
        "ok    head: fine",
        "FAIL  knee: it hurts",
        "      fix: rest",
    ]
    output = json.loads(CliRunner().invoke(cli, ["doctor", "--json"]).stdout)
    assert output["ok"] is False
    assert output["checks"][0] == {"name": "head", "ok": True, "detail": "fine", "remedy": ""}


def test_health_is_exit_code_0(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "HEALTH_CHECKS", (("head", _pass),))
    assert CliRunner().invoke(cli, ["doctor"]).exit_code == 0


def only_check(monkeypatch: pytest.MonkeyPatch, name: str) -> Callable[[Settings], Diagnosis]:
    """What the doctor finds at one place, without looking anywhere else."""
    monkeypatch.setattr(
        doctor, "HEALTH_CHECKS", tuple(look for look in doctor.HEALTH_CHECKS if look[0] == name)
    )

    def run_check(settings: Settings) -> Diagnosis:
        (diagnosis,) = diagnose(settings)
        return diagnosis

    return run_check


@pytest.fixture
def diagnose_processes(monkeypatch: pytest.MonkeyPatch) -> Callable[[Settings], Diagnosis]:
    """Of the processes that analyze."""
    return only_check(monkeypatch, "processes")


def test_the_child_processes_are_checked(
    diagnose_processes: Callable[[Settings], Diagnosis],
) -> None:
    assert re.fullmatch(
        r"a child process starts in [0-9.]+ s and uses [0-9]+ MB; a service has 4",
        diagnose_processes(Settings(workers=1, batch_workers=3)).detail,
    )
    assert "EYELINE_ISOLATE" in diagnose_processes(Settings(isolate=False)).detail
    _, hard = limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        result = diagnose_processes(Settings())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert not result.ok
    assert "Too many open files" in result.detail
    assert "ulimit" in result.remedy


@pytest.fixture
def diagnose_storage(monkeypatch: pytest.MonkeyPatch) -> Callable[[Settings], Diagnosis]:
    """Of where batches are kept."""
    return only_check(monkeypatch, "storage")


def test_the_batch_storage_is_checked(
    tmp_path: Path, diagnose_storage: Callable[[Settings], Diagnosis]
) -> None:
    a_file = tmp_path / "file"
    a_file.write_text("no folder", encoding="utf-8")
    assert diagnose_storage(Settings(data_dir=tmp_path / "new")).ok
    result = diagnose_storage(Settings(data_dir=a_file))
    assert not result.ok
    assert "EYELINE_DATA_DIR" in result.detail
    result = diagnose_storage(Settings.model_validate({"database_url": "mysql://user:secret@a/b"}))
    assert not result.ok
    assert "EYELINE_DATABASE_URL" in result.remedy
    assert "secret" not in result.detail


def test_a_running_service_is_healthy(
    tmp_path: Path, diagnose_storage: Callable[[Settings], Diagnosis]
) -> None:
    database = open_database(None, tmp_path)
    try:
        result = diagnose_storage(Settings(data_dir=tmp_path))
    finally:
        database.close()
    assert result.ok
    assert "in use" in result.detail
