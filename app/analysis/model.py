"""What is known of the models without loading them: for whoever leaves the analysis to others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.calibration.calibration import CALIBRATION_FILE, Calibration, load_calibration
from app.calibration.file import AlignmentEntry, EyesEntry
from app.checks import CHECKS
from app.face.landmarks import load_landmark_model
from app.networks.onnx import read_network_hashes
from app.settings import Settings


@dataclass(frozen=True)
class ModelInfo:
    """``description``: the calibration as it is served. ``template_eyes``: by generator family.

    Where each puts the iris centres: unit coordinates, left first.
    """

    description: Mapping[str, Any]
    template_eyes: Mapping[str, EyesEntry]


def build_model_info(calibration: Calibration) -> ModelInfo:
    """What ``calibration`` says of itself."""
    entries = calibration.file.checks.values()
    eyes = {
        template.name: template.eyes
        for entry in entries
        if isinstance(entry, AlignmentEntry)
        for template in entry.templates
    }
    return ModelInfo(calibration.describe(), eyes)


def load_model_info(settings: Settings) -> ModelInfo:
    """Check every artefact, and load none but the calibration.

    Raises ``LandmarkModelError``, ``NetworkError`` or ``CalibrationError`` if one is missing, or
    not the one that the others were made with.
    """
    calibration = load_calibration(
        settings.models_dir / CALIBRATION_FILE, CHECKS
    ).with_framed_share(settings.framed_share)
    calibration.require_networks(read_network_hashes(settings.models_dir))
    load_landmark_model(settings.models_dir)
    return build_model_info(calibration)
