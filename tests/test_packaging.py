"""What is installed, pinned and shipped is what the project says."""

import hashlib
import re
import stat
import tomllib
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest

import app

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("requirements.lock", "requirements-dev.lock")
UNWANTED = {
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
    "opencv-python",
    "sounddevice",
}
TARGETS = {"setup", "serve", "test", "check", "bench", "evaluate", "fit", "lock", "clean", "help"}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _entries(lock: str) -> list[str]:
    """The requirements of a lock file, each with its hashes joined to one line."""
    text = (ROOT / lock).read_text(encoding="utf-8").replace("\\\n", " ")
    return [line for line in text.splitlines() if line.strip()]


def _pins(lock: str) -> dict[str, str]:
    pairs = (entry.split(" ", 1)[0].split("==") for entry in _entries(lock))
    return {_normal(name): version for name, version in pairs}


def _project() -> dict[str, list[str]]:
    """The names this project asks for directly, by who asks."""
    toml = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = {
        "service": toml["project"]["dependencies"],
        "fit": toml["project"]["optional-dependencies"]["fit"],
        "build": toml["dependency-groups"]["build"],
        "dev": toml["dependency-groups"]["dev"],
        "backend": toml["build-system"]["requires"],
    }
    return {key: [_normal(re.split(r"[<>=~! ;\[]", r)[0]) for r in groups[key]] for key in groups}


def test_the_only_cv2_is_the_headless_one() -> None:
    assert set(packages_distributions()["cv2"]) == {"opencv-python-headless"}


@pytest.mark.parametrize("lock", LOCKS)
def test_no_gui_and_no_audio_in_the_lock(lock: str) -> None:
    assert not _pins(lock).keys() & UNWANTED


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_is_exact_and_hashed(lock: str) -> None:
    pin = re.compile(r"[A-Za-z0-9._-]+==[^ ]+ (; [^-]+ )?( *--hash=sha256:[0-9a-f]{64})+ *")
    assert _entries(lock)
    assert [entry for entry in _entries(lock) if not pin.fullmatch(entry)] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_the_lock_names_no_registry(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert re.findall(r"://|--(?:extra-)?index|--find-links|--trusted| @ ", text) == []


def test_the_two_locks_agree() -> None:
    assert _pins("requirements.lock").items() <= _pins("requirements-dev.lock").items()


def test_every_direct_dependency_is_locked() -> None:
    asked = _project()
    assert {*asked["service"], *asked["build"], *asked["backend"]} <= _pins(LOCKS[0]).keys()
    assert {name for names in asked.values() for name in names} <= _pins(LOCKS[1]).keys()


def test_what_only_development_needs_stays_out_of_the_service() -> None:
    asked = _project()
    assert not {*asked["fit"], *asked["dev"]} & _pins("requirements.lock").keys()


def test_this_environment_is_the_lock() -> None:
    pins = _pins("requirements-dev.lock")
    assert {name: distribution(name).version for name in pins} == pins


def test_the_version_has_one_source() -> None:
    assert distribution("eyeline").version == app.__version__


def test_each_shipped_model_is_the_one_on_its_card() -> None:
    card = (ROOT / "models" / "README.md").read_text(encoding="utf-8")
    models = sorted((ROOT / "models").glob("*.task"))
    assert models
    for model in models:
        section = card.split(f"## {model.name}\n")[1].split("\n## ")[0]
        assert hashlib.sha256(model.read_bytes()).hexdigest() in section
        assert f"{model.stat().st_size:,} bytes" in section
        assert (model.parent / f"LICENSE-{model.stem}.txt").is_file()


def test_the_makefile_has_every_promised_target() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert set(re.findall(r"^([a-z]+):.*## ", makefile, re.MULTILINE)) >= TARGETS


def test_ci_is_an_executable_that_runs_the_tests() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & stat.S_IXUSR
    assert "make test" in script.read_text(encoding="utf-8")


def test_the_image_copies_all_that_the_service_reads() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert re.search(r"^COPY .*\bapp\b", dockerfile, re.MULTILINE)
    assert re.search(r"^COPY .*\bmodels\b", dockerfile, re.MULTILINE)
    assert re.search(r"^USER (?!root\b|0\b)", dockerfile, re.MULTILINE)
