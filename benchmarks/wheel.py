"""A wheel, installed where nothing of the repository is, does everything: ``make check-wheel``.

The environment sees the libraries of the one that runs this, and of Eyeline only the wheel.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
import urllib.error
import urllib.request
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
PICTURE: Final = ROOT / "fixtures" / "faces" / "astronaut_ffhq_frame.jpg"
START_S: Final = 60.0


def main() -> None:
    """Build, install, and run every command that needs more than code."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        python = _install(folder)
        (folder / "pictures").mkdir()
        (folder / "pictures" / "a.jpg").write_bytes(PICTURE.read_bytes())
        for check in (_check_location, _check_analyze, _check_batch, _check_serve):
            began = time.perf_counter()
            check(python, folder)
            print(
                f"ok  {check.__name__.removeprefix('_check_')} {time.perf_counter() - began:.1f} s"
            )


def _install(folder: Path) -> Path:
    """The Python of a new environment with the wheel in it."""
    _call([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], ROOT)
    (wheel,) = folder.glob("*.whl")
    print(f"built {wheel.name}, {wheel.stat().st_size:,} bytes")
    venv.create(folder / "venv", with_pip=True)
    python = folder / "venv" / "bin" / "python"
    _call([str(python), "-m", "pip", "install", "--no-deps", "--no-index", str(wheel)], folder)
    (site_packages,) = (folder / "venv" / "lib").glob("python3*/site-packages")
    (site_packages / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


def _environment(folder: Path) -> dict[str, str]:
    """Nothing that leads back to the repository."""
    return {"PATH": os.environ["PATH"], "EYELINE_DATA_DIR": str(folder / "data")}


def _call(command: list[str], folder: Path) -> str:
    """What ``command`` writes to its standard output; ends this program if it fails."""
    done = subprocess.run(  # noqa: S603 - nothing but our own words
        command, cwd=folder, env=_environment(folder), capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def _check_location(python: Path, folder: Path) -> None:
    lines = _call([str(python), "-c", "import app; print(app.__file__, app.MODELS_DIR)"], folder)
    for path in lines.split():
        assert Path(path).is_relative_to(folder), path
    assert _call([str(python.with_name("eyeline")), "--version"], folder).startswith("eyeline ")


def _check_analyze(python: Path, folder: Path) -> None:
    answer = json.loads(
        _call([str(python), "-m", "app", "analyze", "pictures/a.jpg", "--json"], folder)
    )
    assert answer["outcome"] == "scored", answer


def _check_batch(python: Path, folder: Path) -> None:
    outputs = {"--out": "a.csv", "--report": "a.html", "--montage": "m.png", "--scatter": "s.png"}
    options = [part for pair in outputs.items() for part in pair]
    _call([str(python), "-m", "app", "batch", "pictures", *options], folder)
    for name in outputs.values():
        assert (folder / name).stat().st_size > 100, name
    assert "scored" in (folder / "a.csv").read_text(encoding="utf-8")


@contextmanager
def _serve(python: Path, folder: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [str(python.with_name("eyeline")), "serve", "--port", str(port)]
    environment = _environment(folder)
    with subprocess.Popen(command, cwd=folder, env=environment) as process:  # noqa: S603 - as above
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def _check_serve(python: Path, folder: Path) -> None:
    """Readiness (which scores the canary), one analysis, the page of the interface."""
    with _serve(python, folder) as url:
        _wait_until_ready(url)
        picture = PICTURE.read_bytes()
        assert _request(f"{url}/v1/analyses", picture, "image/jpeg")["outcome"] == "scored"
        page = urllib.request.urlopen(f"{url}/docs", timeout=10).read()  # noqa: S310 - loopback
        assert b"<html" in page.lower()


def _request(url: str, data: bytes, content_type: str) -> dict[str, Any]:
    request = urllib.request.Request(url, data, {"Content-Type": content_type})  # noqa: S310
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - loopback
        answer: dict[str, Any] = json.load(response)
    return answer


def _wait_until_ready(url: str) -> None:
    deadline = time.monotonic() + START_S
    while True:
        try:
            urllib.request.urlopen(f"{url}/readyz", timeout=5).close()  # noqa: S310 - loopback
            return
        except (urllib.error.URLError, ConnectionError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


if __name__ == "__main__":
    main()
