"""Settings and models of every command, or an exit with one line that says why. Exit codes.

0 all done; 1 something failed; 2 wrong usage or settings; 3 a picture had the verdict named by
``--fail-on``; 130 interrupted.
"""

from __future__ import annotations

import errno
import logging
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, redirect_stderr
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, TextIO

import typer

from app.cli.terminal import echo
from app.settings import InvalidSettings, Settings, SettingsError, load_settings

if TYPE_CHECKING:
    from app.analysis.child_pool import AnyAnalyzer

EXIT_FAILED: Final = 1
EXIT_USAGE: Final = 2
EXIT_FLAGGED: Final = 3
EXIT_INTERRUPTED: Final = 130
PRIVATE_UMASK: Final = 0o077
"""What a service writes is its user's alone."""


def load_settings_or_exit(**overrides: Any) -> Settings:
    """The settings, or an exit with a message. ``overrides``: of options; ``None`` if not given.

    A value that an option gave is called by the option's name.
    """
    try:
        return load_settings(**overrides)
    except InvalidSettings as error:
        options = {
            name: _option_name(name) for name, value in overrides.items() if value is not None
        }
        exit_with_error(error.describe(error.reasons, options), EXIT_USAGE)
    except SettingsError as error:
        exit_with_error(str(error), EXIT_USAGE)


def _option_name(field: str) -> str:
    return f"--{field.removeprefix('batch_').replace('_', '-')}"


def open_analyzer_or_exit(settings: Settings, processes: int) -> AnyAnalyzer:
    """An analyzer, with ``processes`` child processes if pictures are isolated, or an exit."""
    from app.analysis.child_pool import open_analyzer
    from app.calibration.calibration import CalibrationError
    from app.face.landmarks import LandmarkModelError
    from app.networks.onnx import NetworkError

    try:
        return open_analyzer(settings, processes)
    except (CalibrationError, LandmarkModelError, NetworkError) as error:
        exit_with_error(str(error), EXIT_FAILED)


@contextmanager
def open_analysis(settings: Settings, processes: int) -> Iterator[AnyAnalyzer]:
    """``open_analyzer_or_exit``, closed at the end of the block."""
    with closing(open_analyzer_or_exit(settings, processes)) as analyzer:
        yield analyzer


def exit_if_unready(settings: Settings) -> None:
    """Exit if batches could not be stored or summarised, instead of failing on every request."""
    from app.batches.store.database import DatabaseInUse
    from app.cohort.parameters import COHORT_FILE, CohortParametersError, load_parameters
    from app.runtime.storage import check_storage, disk_problem

    os.umask(PRIVATE_UMASK)
    try:
        load_parameters(settings.models_dir / COHORT_FILE)
    except CohortParametersError as error:
        exit_with_error(str(error), EXIT_FAILED)
    # The problem is told in the line below; what the database says of it stays out of stderr.
    logging.getLogger("eyeline.database").addFilter(_no_record)
    try:
        problem = check_storage(settings)
    except DatabaseInUse as error:
        problem = str(error)
    finally:
        logging.getLogger("eyeline.database").removeFilter(_no_record)
    if problem is not None:
        exit_with_error(problem, EXIT_USAGE)
    if (shortage := disk_problem(settings)) is not None:
        echo(f"eyeline: {shortage}", err=True)  # what is there can be read and erased


def _no_record(_: logging.LogRecord) -> bool:
    return False


def describe_bind_error(error: OSError | UnicodeError, host: str, port: int, variable: str) -> str:
    """Why an address cannot be listened on, and what to do. ``variable``: of the port."""
    if isinstance(error, socket.gaierror | UnicodeError):
        return f"EYELINE_HOST={host} is no address of this machine"
    remedies = {
        errno.EADDRINUSE: f"another program listens there; stop it, or set {variable}",
        errno.EADDRNOTAVAIL: "this machine has no such address; set EYELINE_HOST",
        errno.EACCES: f"ports below 1024 are root's; set {variable} to a higher one",
    }
    reason = remedies.get(error.errno or 0, error.strerror or str(error))
    return f"cannot listen on {host} port {port}: {reason}"


def exit_with_error(reason: str, code: int) -> NoReturn:
    """Exit with the first line of ``reason``; `eyeline doctor` shows the rest."""
    echo(f"eyeline: {reason.splitlines()[0]}", err=True)
    raise typer.Exit(code)


@contextmanager
def silence_native_stderr() -> Iterator[None]:
    """Discard what native code writes to file descriptor 2; MediaPipe has no option for this.

    Python's own output to ``sys.stderr`` still appears.
    """
    saved_stderr = os.dup(2)
    try:
        with (
            Path(os.devnull).open("wb") as devnull,
            os.fdopen(os.dup(2), "w", encoding="utf-8", errors="replace") as python_stderr,
            ExitStack() as stack,
        ):
            sys.stderr.flush()
            if _is_native_stderr(sys.stderr):
                stack.enter_context(redirect_stderr(python_stderr))
            os.dup2(devnull.fileno(), 2)
            yield
    finally:
        os.dup2(saved_stderr, 2)
        os.close(saved_stderr)


def _is_native_stderr(stream: TextIO) -> bool:
    try:
        return stream.fileno() == 2
    except (OSError, ValueError):  # an in-memory stream in tests
        return False
