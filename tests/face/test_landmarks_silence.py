"""The library that finds faces tells its maker nothing."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.face.silence_program import HOST

NAMESPACE = ("unshare", "--user", "--map-root-user", "--net", "--mount")


def make_authority(folder: Path) -> None:
    """``ca.pem``, and ``host.pem`` with its key, signed by it."""

    def openssl(*arguments: str) -> None:
        command = ["openssl", *arguments]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    ca, host = ("ca.key", "ca.pem"), ("host.key", "host.csr")
    openssl("req", "-x509", *key, "-keyout", ca[0], "-out", ca[1], "-subj", "/CN=Authority")
    openssl("req", *key, "-keyout", host[0], "-out", host[1], "-subj", f"/CN={HOST}")
    (folder / "names").write_text(f"subjectAltName=DNS:{HOST}\n")
    signed = ("-CA", ca[1], "-CAkey", ca[0], "-CAcreateserial", "-extfile", "names")
    openssl("x509", "-req", "-in", host[1], *signed, "-out", "host.pem")


def test_mediapipe_reports_nothing_even_to_a_server_that_it_would_trust(tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("NOT TESTED: no openssl here")
    if subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False).returncode:
        pytest.skip("NOT TESTED: no network of its own can be made here")
    make_authority(tmp_path)
    program = [sys.executable, "-m", "tests.face.silence_program", str(tmp_path)]
    done = subprocess.run(
        [*NAMESPACE, *program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout) == {"tried": True, "read": []}
