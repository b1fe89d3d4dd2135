"""What ``eyeline doctor`` looks at: everything that has to be right before a picture can be."""

from __future__ import annotations

import ctypes
import importlib.metadata
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from app.settings import Settings

if TYPE_CHECKING:
    from app.image.sandbox.process import Child

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
class Finding:
    """One thing looked at. ``remedy``: one line on how to mend it, if it is not ``ok``."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""

    def told(self) -> dict[str, Any]:
        return asdict(self)


class Ill(Exception):
    """Something is wrong, and how to mend it."""

    def __init__(self, detail: str, remedy: str) -> None:
        super().__init__(detail)
        self.remedy = remedy


Look = Callable[[Settings], str]


def examine_machine(settings: Settings) -> tuple[Finding, ...]:
    """Every finding, in the order in which things depend on each other."""
    return tuple(_find(name, look, settings) for name, look in LOOKS)


def _find(name: str, look: Look, settings: Settings) -> Finding:
    try:
        return Finding(name, True, look(settings))
    except Ill as ill:
        return Finding(name, False, str(ill), ill.remedy)
    except Exception as error:  # noqa: BLE001 - a doctor reports whatever it meets, and goes on
        return Finding(
            name, False, f"{type(error).__name__}: {error}", "mend what is above it first"
        )


def _python(_: Settings) -> str:
    said = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < MIN_PYTHON:
        raise Ill(said, "install Python 3.11 or newer and run `make setup`")
    return said


def _libraries(_: Settings) -> str:
    try:
        return ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _DISTRIBUTIONS)
    except importlib.metadata.PackageNotFoundError as error:
        raise Ill(f"{error.name} is not installed", "run `make setup`") from error


def _opencv(_: Settings) -> str:
    installed = {
        d.name.lower()
        for d in importlib.metadata.distributions()
        if d.name.lower().startswith("opencv")
    }
    if installed != {"opencv-python-headless"}:
        raise Ill(
            f"found {', '.join(sorted(installed)) or 'none'}, wanted opencv-python-headless alone",
            "make a new environment with `make setup`: two of them overwrite each other",
        )
    return f"opencv-python-headless {importlib.metadata.version('opencv-python-headless')} alone"


def _graphics(_: Settings) -> str:
    try:
        for library in ("libEGL.so.1", "libGLESv2.so.2"):
            ctypes.CDLL(library)
    except OSError as error:
        raise Ill(str(error), "apt-get install libegl1 libgles2") from error
    return "libEGL and libGLESv2 load"


def _model(settings: Settings) -> str:
    from app.face.landmarks import MODEL_SHA256, ModelError, load_model

    try:
        load_model(settings.models_dir)
    except ModelError as error:
        raise Ill(str(error), "restore models/ from the repository") from error
    return f"sha256 {MODEL_SHA256[:12]}… as validated"


def _calibration(settings: Settings) -> str:
    from app.calibration import calibration
    from app.checks import CHECKS
    from app.networks.onnx import load_networks

    try:
        weights = calibration.load(settings.models_dir / calibration.FILE, CHECKS)
    except calibration.CalibrationError as error:
        raise Ill(
            str(error), "restore models/ from the repository, or run `eyeline fit`"
        ) from error
    try:
        weights.refuse_other_networks(load_networks(settings.models_dir).sha256)
    except calibration.CalibrationError as error:
        raise Ill(str(error), "restore models/, or run `eyeline fit`") from error
    return f"{weights.id}, for {', '.join(check.name for check in CHECKS)}"


def _networks(settings: Settings) -> str:
    from app.networks.onnx import NetworkError, load_networks

    try:
        found = load_networks(settings.models_dir).sha256
    except NetworkError as error:
        raise Ill(str(error), "restore models/ from the repository") from error
    return ", ".join(f"{name} {sha256[:12]}…" for name, sha256 in found.items())


def _decoders(settings: Settings) -> str:
    from app.image.picture import DecodeLimits
    from app.image.sandbox.process import Child

    if not settings.isolate:
        return "none: EYELINE_ISOLATE=false, and pictures are unpacked in the service itself"
    limits = DecodeLimits(settings.max_bytes, settings.max_pixels)
    return _started(lambda: Child(limits), "unpack pictures")


def _examiners(settings: Settings) -> str:
    from app.analysis.child_pool import examiner

    if not settings.isolate:
        return "none: EYELINE_ISOLATE=false, and lists are looked at in the service itself"
    if not settings.batch_workers:
        return "none: EYELINE_BATCH_WORKERS=0, and lists are left to `eyeline worker`"
    said = _started(lambda: examiner(settings), "look at lists")
    return f"{said}; there will be {settings.batch_workers}"


def _started(make: Callable[[], Child], what_for: str) -> str:
    from contextlib import closing

    from app.image.sandbox.process import NotStartedError

    began = time.perf_counter()
    try:
        with closing(make()) as child:
            child.start()
            held_mb = child.resident_bytes() / 2**20
    except NotStartedError as error:
        raise Ill(
            f"no child process to {what_for} in: {error}",
            "let this user have more processes, files and memory (`ulimit -a`), or `make setup`",
        ) from error
    return f"a child starts in {time.perf_counter() - began:.1f} s and holds {held_mb:.0f} MB"


def _canary(settings: Settings) -> str:
    from contextlib import closing

    from app.analysis.analyzer import Analyst

    with closing(Analyst.load(settings)) as analyst:
        complaint = analyst.complaint()
    if complaint is not None:
        raise Ill(complaint, "restore models/; if it was refitted here, run `eyeline fit` again")
    return "scores as recorded"


def _cohort(settings: Settings) -> str:
    from app.cohort import FILE, NumbersError, load

    try:
        load(settings.models_dir / FILE)
    except NumbersError as error:
        raise Ill(
            str(error), "restore models/ from the repository, or run `eyeline fit`"
        ) from error
    return "what lists are judged by is there"


def _storage(settings: Settings) -> str:
    from app.batches.store.database import InUse
    from app.runtime.storage import storage_complaint

    kept = "the database" if settings.database_url else str(settings.data_dir)
    try:
        complaint = storage_complaint(settings)
    except InUse:
        return f"{kept} is in use, as by a service that runs"
    if complaint is not None:
        raise Ill(complaint, "make EYELINE_DATA_DIR writable, or mend EYELINE_DATABASE_URL")
    return f"batches can be kept in {kept}"


LOOKS: Final[Sequence[tuple[str, Look]]] = (
    ("python", _python),
    ("libraries", _libraries),
    ("opencv", _opencv),
    ("graphics", _graphics),
    ("model", _model),
    ("networks", _networks),
    ("calibration", _calibration),
    ("decoders", _decoders),
    ("canary", _canary),
    ("examiners", _examiners),
    ("cohort", _cohort),
    ("storage", _storage),
)
