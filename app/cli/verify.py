"""``eyeline verify``: whether an evidence bundle still holds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.progress import loading_status
from app.cli.startup import (
    EXIT_FAILED,
    exit_with_error,
    load_settings_or_exit,
    open_analysis,
    silence_native_stderr,
)
from app.settings import Settings

if TYPE_CHECKING:
    from app.analysis.schemas import AnalysisOut
    from app.runtime.evidence.findings import BundleCheck


def verify(
    bundle: Annotated[Path, typer.Argument(metavar="EVIDENCE.ZIP", help="An evidence bundle.")],
    as_json: Annotated[bool, typer.Option("--json", help="One object a line.")] = False,
) -> None:
    """Compare every file of a bundle with its sums, and compute its numbers again.

    A picture in it is analyzed again. Exits with 1 if anything differs. The zip may come from
    anybody; nothing of it is unpacked to the disk.
    """
    settings = load_settings_or_exit()
    from app.calibration.calibration import CalibrationError
    from app.cli.terminal import echo
    from app.cohort.parameters import CohortParametersError
    from app.errors import RequestError

    is_sound = True
    try:
        for check in _verify(bundle, settings):
            is_sound &= check.status != "mismatch"
            line = json.dumps(vars(check)) if as_json else _format_row(check)
            echo(line)
    except RequestError as error:
        exit_with_error(f"{bundle}: {error.detail}", EXIT_FAILED)
    except (CalibrationError, CohortParametersError) as error:
        exit_with_error(str(error), EXIT_FAILED)
    except OSError as error:
        exit_with_error(f"{bundle}: {error.strerror}", EXIT_FAILED)
    if not is_sound:
        exit_with_error(f"{bundle}: this is not what Eyeline wrote", EXIT_FAILED)


def _verify(path: Path, settings: Settings) -> Iterator[BundleCheck]:
    from app.analysis.recompute import AnswerChecker
    from app.cohort.parameters import COHORT_FILE, load_parameters
    from app.runtime.evidence.check_results import Installed
    from app.runtime.evidence.verify import verify_bundle

    installed = Installed(
        AnswerChecker.load(settings),
        load_parameters(settings.models_dir / COHORT_FILE),
        partial(_analyze, settings),
    )
    with path.open("rb") as file:
        yield from verify_bundle(file, installed)


def _analyze(settings: Settings, data: bytes) -> AnalysisOut:
    """The answer about a picture; the models are loaded only here, for most bundles hold none.

    Raises a ``RequestError``.
    """
    from app.analysis.record import complete_answer

    with (
        open_analysis(settings, processes=1) as analyzer,
        silence_native_stderr(),
        loading_status(quiet=False),
    ):
        return complete_answer(analyzer(data, settings.prior))


def _format_row(check: BundleCheck) -> str:
    return f"{check.name:<8} {check.status:<13} {check.detail}"
