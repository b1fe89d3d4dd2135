"""Eyeline: how strongly does a profile picture look made by a StyleGAN-family face generator?"""

import os
from pathlib import Path
from typing import Final

__version__ = "0.1.0"

# From its version 1.29 on onnxruntime keeps an id of the machine and reports sessions to its maker,
# unless this is set before it is loaded. Our processes all import this file first.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

_PACKAGE: Final = Path(__file__).resolve().parent
_INSTALLED: Final = _PACKAGE / "models"
MODELS_DIR: Final = _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parent / "models"
"""The artefacts that came with the program: in the package where a wheel was installed, beside it
in the repository and in the image."""
