"""What several tests need: the models, a finder for this thread, pictures that may ship."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

import pytest
from hypothesis import settings

from app.calibration.calibration import CALIBRATION_FILE, Calibration, load_calibration
from app.checks import CHECKS
from app.face.landmarks import FaceFinder, load_landmark_model
from app.image.picture import Picture, decode
from app.networks.onnx import OnnxNetworks, load_networks

ROOT = Path(__file__).resolve().parent.parent
FACES = ROOT / "fixtures" / "faces"

# No timing assertions, and the same examples every time: half of hypothesis' usual number.
# HYPOTHESIS_PROFILE=thorough tries six times that number, others each time.
settings.register_profile("eyeline", deadline=None, derandomize=True, max_examples=50)
settings.register_profile("thorough", deadline=None, max_examples=300)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "eyeline"))

RAM_DISK = Path("/dev/shm")
MIN_RAM_DISK_BYTES = 2 * 2**30


def _keep_temporary_files_in_memory() -> None:
    """Some hundred tests commit to SQLite, and each commit waits for the disk.

    Left alone where TMPDIR says otherwise, or where memory is short.
    """
    if "TMPDIR" in os.environ or not os.access(RAM_DISK, os.W_OK):
        return
    if shutil.disk_usage(RAM_DISK).free >= MIN_RAM_DISK_BYTES:
        os.environ["TMPDIR"] = tempfile.tempdir = str(RAM_DISK)


_keep_temporary_files_in_memory()


@lru_cache
def _load_fixture(name: str) -> Picture:
    return decode((FACES / name).read_bytes())


@pytest.fixture(scope="session")
def faces() -> Callable[[str], Picture]:
    """A picture of fixtures/faces by its name."""
    return _load_fixture


@pytest.fixture(autouse=True)
def restore_umask() -> Iterator[None]:
    """``serve`` and ``worker`` keep files from others for as long as their process lives."""
    mask = os.umask(0o022)
    os.umask(mask)
    yield
    os.umask(mask)


@pytest.fixture(scope="session")
def model() -> bytes:
    """The landmark model's bytes."""
    return load_landmark_model(ROOT / "models")


@pytest.fixture(scope="session")
def finder(model: bytes) -> Iterator[FaceFinder]:
    """A finder for the thread that tests run in."""
    with FaceFinder(model) as face_finder:
        yield face_finder


@pytest.fixture(scope="session")
def networks() -> OnnxNetworks:
    """The networks that ship."""
    return load_networks(ROOT / "models")


@pytest.fixture(scope="session")
def shipped() -> Calibration:
    """The calibration that ships."""
    return load_calibration(ROOT / "models" / CALIBRATION_FILE, CHECKS)
