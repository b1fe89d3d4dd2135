"""A client generated from ``/openapi.json``, in an environment of its own, completes everything."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import venv
from pathlib import Path

import httpx
import pytest

from app.analysis.analyzer import Analyzer
from app.settings import Settings
from tests.api.picture_server import ShadeAnalyzer, shade_png

GENERATOR = "openapi-python-client"
CONFIG = {
    "content_type_overrides": {
        "image/png": "application/octet-stream",
        "image/*": "application/octet-stream",
    }
}
DRIVER = Path(__file__).with_name("drive_generated_client.py")


@pytest.fixture(scope="module")
def server_parts() -> tuple[Settings, Analyzer]:
    return Settings(
        workers=1, batch_workers=1, fetch_allow=("127.0.0.1",), reuse_answers=9
    ), ShadeAnalyzer()


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the generator and nothing of ours; needs a package index."""
    folder = tmp_path_factory.mktemp("generator")
    venv.create(folder, with_pip=True)
    install = subprocess.run(
        [folder / "bin" / "pip", "install", "--quiet", "--only-binary", ":all:", GENERATOR],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    if install.returncode:
        pytest.skip(f"NOT TESTED: {GENERATOR} cannot be installed here: {install.stderr[-300:]}")
    return folder


@pytest.mark.slow
def test_a_generated_client_completes_every_operation(
    environment: Path, client: httpx.Client, tmp_path: Path
) -> None:
    document = client.get("/openapi.json")
    (tmp_path / "openapi.json").write_bytes(document.content)
    (tmp_path / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    (tmp_path / "a.png").write_bytes(shade_png(255))
    generate = subprocess.run(
        [
            environment / "bin" / GENERATOR, "generate", "--meta", "none",
            "--path", tmp_path / "openapi.json", "--output-path", tmp_path / "client",
            "--config", tmp_path / "config.json",
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )  # fmt: skip
    assert generate.returncode == 0, generate.stdout + generate.stderr
    drive = subprocess.run(
        [environment / "bin" / "python", DRIVER, str(client.base_url), tmp_path / "a.png"],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "NO_PROXY": "127.0.0.1"},
        check=False,
    )
    assert drive.returncode == 0, drive.stdout + drive.stderr
    statuses = json.loads(drive.stdout)
    operations = {
        re.sub("[A-Z]", lambda match: f"_{match[0].lower()}", operation["operationId"])
        for methods in document.json()["paths"].values()
        for operation in methods.values()
    }
    assert statuses.keys() == operations
    assert {name for name, status in statuses.items() if status >= 300} == {
        "resend_webhook",
        "receive_mastodon_event",
    }
    assert sys.prefix != str(environment)
