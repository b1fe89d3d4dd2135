"""The health checks of ``eyeline doctor``."""

from __future__ import annotations

import ctypes
import importlib.metadata
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from app.settings import Settings

MIN_PYTHON: Final = (3, 11)
_DISTRIBUTIONS: Final = (
    "mediapipe",
    "numpy",
    "pillow",
    "fastapi",
    "aiohttp",
    "pydantic",
    "onnxruntime",
)


@dataclass(frozen=True)
class Diagnosis:
    """The result of one check. ``remedy``: one line on how to fix it, if it is not ``ok``."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


class Unhealthy(Exception):
    """A failed health check; ``remedy`` says how to fix it."""

    def __init__(self, detail: str, remedy: str) -> None:
        super().__init__(detail)
        self.remedy = remedy


HealthCheck = Callable[[Settings], str]


def diagnose(settings: Settings) -> tuple[Diagnosis, ...]:
    """Every check's result, ordered by dependency."""
    return tuple(_run_check(name, health_check, settings) for name, health_check in HEALTH_CHECKS)


def _run_check(name: str, health_check: HealthCheck, settings: Settings) -> Diagnosis:
    try:
        return Diagnosis(name, True, health_check(settings))
    except Unhealthy as problem:
        return Diagnosis(name, False, str(problem), problem.remedy)
    except Exception as error:  # noqa: BLE001 - any error is a result, and the next check runs
        return Diagnosis(
            name, False, f"{type(error).__name__}: {error}", "fix the problems above first"
        )


def _check_python(_: Settings) -> str:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < MIN_PYTHON:
        raise Unhealthy(version, "install Python 3.11 or newer and run `make setup`")
    return version


def _check_libraries(_: Settings) -> str:
    try:
        return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _DISTRIBUTIONS)
    except importlib.metadata.PackageNotFoundError as error:
        raise Unhealthy(f"{error.name} is not installed", "run `make setup`") from error


def _check_opencv(_: Settings) -> str:
    installed = {
        d.name.lower()
        for d in importlib.metadata.distributions()
        if d.name.lower().startswith("opencv")
    }
    if installed != {"opencv-python-headless"}:
        raise Unhealthy(
            f"found {', '.join(sorted(installed)) or 'none'}, expected only opencv-python-headless",
            "create a new environment from requirements.lock (`make setup`, or `pip install "
            "--no-deps -r requirements.lock`): the packages overwrite each other",
        )
    return f"opencv-python-headless {importlib.metadata.version('opencv-python-headless')} alone"


def _check_graphics(_: Settings) -> str:
    try:
        for library in ("libEGL.so.1", "libGLESv2.so.2"):
            ctypes.CDLL(library)
    except OSError as error:
        raise Unhealthy(str(error), "apt-get install libegl1 libgles2") from error
    return "libEGL and libGLESv2 load"


def _check_model(settings: Settings) -> str:
    from app.face.landmarks import LANDMARK_MODEL_SHA256, LandmarkModelError, load_landmark_model

    try:
        load_landmark_model(settings.models_dir)
    except LandmarkModelError as error:
        raise Unhealthy(str(error), "restore models/ from the repository") from error
    return f"sha256 {LANDMARK_MODEL_SHA256[:12]}… as validated"


def _check_calibration(settings: Settings) -> str:
    from app.calibration import calibration
    from app.checks import CHECKS
    from app.networks.onnx import load_networks

    try:
        loaded = calibration.load_calibration(
            settings.models_dir / calibration.CALIBRATION_FILE, CHECKS
        )
    except calibration.CalibrationError as error:
        raise Unhealthy(
            str(error), "restore models/ from the repository, or run `eyeline fit`"
        ) from error
    try:
        loaded.require_networks(load_networks(settings.models_dir).sha256)
    except calibration.CalibrationError as error:
        raise Unhealthy(str(error), "restore models/, or run `eyeline fit`") from error
    return f"{loaded.id}, for {', '.join(check.name for check in CHECKS)}"


def _check_networks(settings: Settings) -> str:
    from app.networks.onnx import NetworkError, load_networks

    try:
        hashes = load_networks(settings.models_dir).sha256
    except NetworkError as error:
        raise Unhealthy(str(error), "restore models/ from the repository") from error
    return ", ".join(f"{name} {sha256[:12]}…" for name, sha256 in hashes.items())


def _check_processes(settings: Settings) -> str:
    from contextlib import closing

    from app.analysis.child_pool import service_processes, start_analyzer
    from app.image.sandbox.process import ProcessStartError

    if not settings.isolate:
        return "none: EYELINE_ISOLATE=false, and pictures are analyzed in the service itself"
    started_at = time.perf_counter()
    try:
        with closing(start_analyzer(settings)) as process:
            process.wait_until_ready()
            resident_mb = process.resident_bytes() / 2**20
    except ProcessStartError as error:
        raise Unhealthy(
            f"cannot start a child process: {error}",
            "raise the limits on processes, files and memory (`ulimit -a`), or run `make setup`",
        ) from error
    start_s = time.perf_counter() - started_at
    return (
        f"a child process starts in {start_s:.1f} s and uses {resident_mb:.0f} MB; "
        f"a service has {service_processes(settings)}"
    )


def _check_canary(settings: Settings) -> str:
    from contextlib import closing

    from app.analysis.analyzer import Analyzer

    with closing(Analyzer.load(settings)) as analyzer:
        problem = analyzer.check_canary()
    if problem is not None:
        raise Unhealthy(
            problem, "restore models/; if it was refitted here, run `eyeline fit` again"
        )
    return "scores as recorded"


def _check_cohort(settings: Settings) -> str:
    from app.cohort.parameters import COHORT_FILE, CohortParametersError, load_parameters

    try:
        load_parameters(settings.models_dir / COHORT_FILE)
    except CohortParametersError as error:
        raise Unhealthy(
            str(error), "restore models/ from the repository, or run `eyeline fit`"
        ) from error
    return "the cohort parameters load"


def _check_storage(settings: Settings) -> str:
    from app.batches.store.database import DatabaseInUse
    from app.runtime.storage import check_storage, disk_problem

    location = "the database" if settings.database_url else str(settings.data_dir)
    try:
        problem = check_storage(settings)
    except DatabaseInUse:
        return f"{location} is in use, for example by a running service"
    if problem is not None:
        raise Unhealthy(problem, "make EYELINE_DATA_DIR writable, or correct EYELINE_DATABASE_URL")
    if (problem := disk_problem(settings)) is not None:
        raise Unhealthy(problem, "free space, erase batches, or set EYELINE_MIN_FREE_BYTES")
    return f"batches can be stored in {location}"


def _check_permissions(settings: Settings) -> str:
    from app.runtime.storage import exposed_files

    exposed = exposed_files(settings)
    if exposed:
        raise Unhealthy(
            f"others may read {', '.join(map(str, exposed))}",
            f"chmod -R go= {settings.data_dir}",
        )
    return "what is kept is for this user alone"


HEALTH_CHECKS: Final[Sequence[tuple[str, HealthCheck]]] = (
    ("python", _check_python),
    ("libraries", _check_libraries),
    ("opencv", _check_opencv),
    ("graphics", _check_graphics),
    ("model", _check_model),
    ("networks", _check_networks),
    ("calibration", _check_calibration),
    ("canary", _check_canary),
    ("processes", _check_processes),
    ("cohort", _check_cohort),
    ("storage", _check_storage),
    ("permissions", _check_permissions),
)
