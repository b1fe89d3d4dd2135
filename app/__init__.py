"""Eyeline: how strongly does a profile picture look made by a StyleGAN-family face generator?"""

from pathlib import Path
from typing import Final

__version__ = "0.1.0"

_PACKAGE: Final = Path(__file__).resolve().parent
_INSTALLED: Final = _PACKAGE / "models"
MODELS_DIR: Final = _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parent / "models"
"""The artefacts that came with the program: in the package where a wheel was installed, beside it
in the repository and in the image."""
