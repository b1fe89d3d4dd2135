"""What several tests need: the models, a finder for this thread, pictures that may ship."""

from __future__ import annotations

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

# No timing assertions, and the same examples every time.
settings.register_profile("eyeline", deadline=None, derandomize=True)
settings.load_profile("eyeline")


@lru_cache
def _load_fixture(name: str) -> Picture:
    return decode((FACES / name).read_bytes())


@pytest.fixture(scope="session")
def faces() -> Callable[[str], Picture]:
    """A picture of fixtures/faces by its name."""
    return _load_fixture


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
