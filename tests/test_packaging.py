"""What is installed, pinned and shipped is what the project says."""

import hashlib
import re
import runpy
import shutil
import stat
import tomllib
import zipfile
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

import app
from app.api.request_body import BODY_GRACE_S
from app.face.landmarks import LANDMARK_MODEL_FILE
from app.fetch.policy import TOTAL_S
from app.networks.onnx import FACE_NETWORK_FILE, REGION_NETWORK_FILE, SEGMENTER_FILE

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ("requirements.lock", "requirements-dev.lock")
MODELS = (LANDMARK_MODEL_FILE, SEGMENTER_FILE, REGION_NETWORK_FILE, FACE_NETWORK_FILE)
MODEL_CALIBRATION = ROOT / "models" / "calibration.json"
UNWANTED = {
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
    "opencv-python",
    "sounddevice",
}
TARGETS = {
    "setup", "serve", "test", "test-fast", "check", "check-wheel", "bench", "bench-load",
    "bench-bombs", "fuzz", "evaluate", "fit", "fit-texture", "lock", "clean", "help",
}  # fmt: skip


def _normalize(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _read_entries(lock: str) -> list[str]:
    """The requirements of a lock file, each with its hashes joined to one line."""
    text = (ROOT / lock).read_text(encoding="utf-8").replace("\\\n", " ")
    return [line for line in text.splitlines() if line.strip()]


def _read_pins(lock: str) -> dict[str, str]:
    pairs = (entry.split(" ", 1)[0].split("==") for entry in _read_entries(lock))
    return {_normalize(name): version for name, version in pairs}


def _read_dependencies() -> dict[str, list[str]]:
    """The names this project asks for directly, by who asks."""
    toml = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    groups = {
        "service": toml["project"]["dependencies"],
        "fit": toml["project"]["optional-dependencies"]["fit"],
        "train": toml["project"]["optional-dependencies"]["train"],
        "build": toml["dependency-groups"]["build"],
        "dev": toml["dependency-groups"]["dev"],
        "backend": toml["build-system"]["requires"],
    }
    return {
        key: [_normalize(re.split(r"[<>=~! ;\[]", r)[0]) for r in groups[key]] for key in groups
    }


def test_the_only_cv2_is_the_headless_one() -> None:
    assert set(packages_distributions()["cv2"]) == {"opencv-python-headless"}


@pytest.mark.parametrize("lock", LOCKS)
def test_no_gui_and_no_audio_in_the_lock(lock: str) -> None:
    assert not _read_pins(lock).keys() & UNWANTED


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_is_exact_and_hashed(lock: str) -> None:
    pin = re.compile(r"[A-Za-z0-9._-]+==[^ ]+ (; [^-]+ )?( *--hash=sha256:[0-9a-f]{64})+ *")
    assert _read_entries(lock)
    assert [entry for entry in _read_entries(lock) if not pin.fullmatch(entry)] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_the_lock_names_no_registry(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert re.findall(r"://|--(?:extra-)?index|--find-links|--trusted| @ ", text) == []


def test_the_two_locks_agree() -> None:
    assert _read_pins("requirements.lock").items() <= _read_pins("requirements-dev.lock").items()


def test_every_direct_dependency_is_locked() -> None:
    asked = _read_dependencies()
    assert {*asked["service"], *asked["build"], *asked["backend"]} <= _read_pins(LOCKS[0]).keys()
    locked = (name for by, names in asked.items() if by != "train" for name in names)
    assert set(locked) <= _read_pins(LOCKS[1]).keys()


def test_what_only_development_needs_stays_out_of_the_service() -> None:
    asked = _read_dependencies()
    pins = _read_pins("requirements.lock")
    assert not {*asked["fit"], *asked["dev"]} & pins.keys()
    assert "mastodon-py" in pins  # reports are sent by the service itself, so the image has it


def test_what_trains_networks_has_exact_pins_and_an_environment_of_its_own() -> None:
    """Neither the service nor a test wants torch: no lock names it."""
    toml = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = toml["project"]["optional-dependencies"]["train"]
    assert wanted
    assert [one for one in wanted if not re.fullmatch(r"[a-z0-9-]+==[0-9.]+", one)] == []
    for lock in LOCKS:
        assert not set(_read_dependencies()["train"]) & _read_pins(lock).keys()
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "TRAIN := .venv-train\n" in makefile
    assert '--editable ".[fit,train]"' in makefile
    (clean,) = re.findall(r"^clean:.*\n\trm -rf (.*)$", makefile, re.MULTILINE)
    assert {"$(VENV)", "$(TRAIN)"} <= set(clean.split())
    assert "/.venv-train/" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()


def test_this_environment_is_the_lock() -> None:
    pins = _read_pins("requirements-dev.lock")
    assert {name: distribution(name).version for name in pins} == pins


def test_the_version_has_one_source() -> None:
    assert distribution("eyeline").version == app.__version__


@pytest.mark.parametrize("model", MODELS)
def test_each_shipped_model_is_the_one_on_its_card(model: str) -> None:
    card = (ROOT / "models" / "README.md").read_text(encoding="utf-8")
    assert f"## {model}\n" in card
    section = card.split(f"## {model}\n")[1].split("\n## ")[0]
    path = ROOT / "models" / model
    assert hashlib.sha256(path.read_bytes()).hexdigest() in section
    assert f"{path.stat().st_size:,} bytes" in section
    licences = re.findall(r"LICENSE-[a-z0-9_-]+\.txt", section)
    assert licences
    assert all((path.parent / licence).is_file() for licence in licences)


def test_these_are_all_the_models_that_ship() -> None:
    result = {p.name for end in ("*.task", "*.onnx") for p in (ROOT / "models").glob(end)}
    assert result == set(MODELS)


def test_the_makefile_has_every_promised_target() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE)) >= TARGETS


def test_ci_is_an_executable_that_runs_the_tests() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & stat.S_IXUSR
    assert "make test" in script.read_text(encoding="utf-8")


def test_a_wheel_holds_the_program_and_its_models(tmp_path: Path) -> None:
    """Built as pip builds it; ``make check-wheel`` installs one and runs it."""
    path = next(WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"]))
    with zipfile.ZipFile(path) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
        (entry_points,) = (n for n in wheel.namelist() if n.endswith("entry_points.txt"))
        assert b"eyeline = app.__main__:main" in wheel.read(entry_points)
        assert wheel.read("app/models/calibration.json") == MODEL_CALIBRATION.read_bytes()
    program = {p.relative_to(ROOT) for p in (ROOT / "app").rglob("*") if p.is_file()}
    models = {p.relative_to(ROOT) for p in (ROOT / "models").rglob("*") if p.is_file()}
    assert names == {
        *(p.as_posix() for p in program if p.suffix != ".pyc"),
        *(f"app/{p.as_posix()}" for p in models if p.suffix not in {".py", ".pyc"}),
    }


def test_the_models_are_found_beside_the_program_and_inside_an_installed_one(
    tmp_path: Path,
) -> None:
    assert ROOT / "models" == app.MODELS_DIR
    package = tmp_path / "app"
    (package / "models").mkdir(parents=True)
    shutil.copy(ROOT / "app" / "__init__.py", package)
    assert runpy.run_path(str(package / "__init__.py"))["MODELS_DIR"] == package / "models"


def test_the_image_copies_all_that_the_service_reads() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert re.search(r"^COPY .*\bapp\b", dockerfile, re.MULTILINE)
    assert re.search(r"^COPY .*\bmodels\b", dockerfile, re.MULTILINE)
    assert re.search(r"^USER (?!root\b|0\b)", dockerfile, re.MULTILINE)


def test_whoever_stops_a_container_waits_for_what_it_began() -> None:
    """Ten seconds are the default, after which it is killed."""
    compose = (ROOT / "compose.yaml").read_text(encoding="utf-8")
    (confined, rest) = compose.split("\nservices:\n")
    (grace_s,) = re.findall(r"^  stop_grace_period: (\d+)s$", confined, re.MULTILINE)
    assert int(grace_s) > BODY_GRACE_S + TOTAL_S
    assert rest.count("<<: *confined") == 2


def test_the_image_has_no_use_for_the_networks_that_only_judge() -> None:
    """The last word counts in this file: what the models' line lets in, a later one takes out."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert lines.index("models/held_out") > lines.index("!models") > lines.index("*")
