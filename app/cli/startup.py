"""What every command starts from, or the one line that says why it cannot. Exit codes.

0 all done; 1 something failed; 2 wrong usage or settings; 3 a picture had the verdict named by
``--fail-on``; 130 interrupted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, redirect_stderr
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, TextIO

import typer

from app.settings import Settings, SettingsError, load_settings

if TYPE_CHECKING:
    from app.analysis.analyzer import Analyst
    from app.analysis.child_pool import Look

FAILED: Final = 1
USAGE: Final = 2
FLAGGED: Final = 3
INTERRUPTED: Final = 130


def settings_of(**overrides: Any) -> Settings:
    """The settings, or the end."""
    try:
        return load_settings(**overrides)
    except SettingsError as error:
        stop(str(error), USAGE)


def loaded_analyst(settings: Settings) -> Analyst:
    """Everything that looks at pictures, or the end."""
    from app.analysis.analyzer import Analyst
    from app.calibration.calibration import CalibrationError
    from app.face.landmarks import ModelError
    from app.networks.onnx import NetworkError

    try:
        return Analyst.load(settings)
    except (CalibrationError, ModelError, NetworkError) as error:
        stop(str(error), FAILED)


@contextmanager
def opened_tools(settings: Settings) -> Iterator[tuple[Analyst, Look]]:
    """Who knows the models, and who looks at lists; the children that look load meanwhile."""
    from app.analysis.child_pool import Examiners, look_here

    with ExitStack() as stack:
        apart = stack.enter_context(closing(Examiners(settings))) if settings.isolate else None
        # Nothing is unpacked here then: no child is needed for that.
        here = settings.model_copy(update={"isolate": False}) if apart else settings
        analyst = stack.enter_context(closing(loaded_analyst(here)))
        yield analyst, apart or look_here(analyst, settings)


def stop(reason: str, code: int) -> NoReturn:
    """End with the first line of ``reason``; what follows it is for `eyeline doctor`."""
    typer.echo(f"eyeline: {reason.splitlines()[0]}", err=True)
    raise typer.Exit(code)


@contextmanager
def no_native_chatter() -> Iterator[None]:
    """MediaPipe's C++ tells file descriptor 2 what it is about to do, and no option stops it.

    What Python itself writes to ``sys.stderr`` meanwhile arrives as always.
    """
    kept = os.dup(2)
    try:
        with (
            Path(os.devnull).open("wb") as nowhere,
            os.fdopen(os.dup(2), "w", encoding="utf-8", errors="replace") as ours,
            ExitStack() as stack,
        ):
            sys.stderr.flush()
            if _is_descriptor_2(sys.stderr):
                stack.enter_context(redirect_stderr(ours))
            os.dup2(nowhere.fileno(), 2)
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _is_descriptor_2(stream: TextIO) -> bool:
    try:
        return stream.fileno() == 2
    except (OSError, ValueError):  # a test's stream in memory
        return False
