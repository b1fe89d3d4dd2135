"""``eyeline analyze``: one result per picture."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.output_files import PICTURE_SUFFIXES, OutputError, require_new, write_picture
from app.cli.progress import loading_status
from app.cli.startup import (
    EXIT_FAILED,
    EXIT_FLAGGED,
    EXIT_USAGE,
    exit_with_error,
    load_settings_or_exit,
    open_analysis,
    silence_native_stderr,
)
from app.cli.terminal import echo
from app.evidence import Depth, Verdict
from app.settings import Settings

if TYPE_CHECKING:
    from app.analysis.child_pool import AnalyzeFn
    from app.analysis.schemas import AnalysisOut
    from app.cli.inputs import InputPicture


def analyze(
    sources: Annotated[
        list[str], typer.Argument(metavar="PATH|URL...", help="Files, folders, URLs; - is stdin.")
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="One Analysis a line, as over HTTP.")
    ] = False,
    overlay: Annotated[
        Path | None,
        typer.Option(help="Write the overlay: a .png or .jpg, or a folder for several."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the overlay if the file exists.")
    ] = False,
    prior: Annotated[float | None, typer.Option(help="Prior probability (EYELINE_PRIOR).")] = None,
    depth: Annotated[
        Depth, typer.Option(help="needed: as far as the answer needs it. full: every check looks.")
    ] = Depth.NEEDED,
    fail_on: Annotated[
        Verdict | None, typer.Option(help="Exit with 3 if any picture has this verdict.")
    ] = None,
) -> None:
    """Analyze pictures. Unreadable ones are reported on stderr; the others are still analyzed."""
    settings = load_settings_or_exit(prior=prior)
    inputs = _find_inputs(sources, settings)
    _prepare_overlay(overlay, inputs, force=force)
    from app.analysis.serialize import format_text
    from app.errors import RequestError

    exit_code = 0
    with open_analysis(settings, processes=1) as analyzer:
        # This also warms up the models.
        with silence_native_stderr(), loading_status(quiet=False):
            canary_error = analyzer.check_canary()
        if canary_error is not None:
            exit_with_error(canary_error, EXIT_FAILED)
        for input_picture in inputs:
            try:
                answer, png = _analyze_input(
                    analyzer, input_picture, settings, overlay=overlay is not None, depth=depth
                )
            except RequestError as error:
                echo(f"{input_picture.name}: {error.code}: {error.detail}", err=True)
                exit_code = EXIT_FAILED
                continue
            except OSError as error:
                echo(f"{input_picture.name}: {error.strerror}", err=True)
                exit_code = EXIT_FAILED
                continue
            echo(
                answer.model_dump_json()
                if as_json
                else f"{input_picture.name}: {format_text(answer)}"
            )
            if overlay is not None:
                _write_overlay(overlay, input_picture.name, answer.image.sha256, png)
            if answer.verdict is fail_on and exit_code == 0:
                exit_code = EXIT_FLAGGED
    raise typer.Exit(exit_code)


def _find_inputs(sources: list[str], settings: Settings) -> list[InputPicture]:
    from app.cli.inputs import NoPictures, find_inputs
    from app.fetch.policy import FetchPolicy
    from app.fetch.rate_limit import HostCooldowns

    policy = FetchPolicy(settings.max_bytes, settings.fetch_allow, settings.fetch_only)
    holds = HostCooldowns()
    try:
        return [item for source in sources for item in find_inputs(source, policy, holds)]
    except NoPictures as error:
        exit_with_error(str(error), EXIT_USAGE)


def _analyze_input(
    analyze_bytes: AnalyzeFn,
    input_picture: InputPicture,
    settings: Settings,
    *,
    overlay: bool,
    depth: Depth,
) -> tuple[AnalysisOut, bytes]:
    """The answer without its overlay, and the overlay's PNG, empty unless ``overlay``."""
    from app.analysis.record import complete_answer

    started_at = time.perf_counter()
    data = input_picture.read()
    fetch_ms = 1000.0 * (time.perf_counter() - started_at) if input_picture.remote else 0.0
    record = analyze_bytes(data, settings.prior, overlay=overlay, depth=depth)
    return complete_answer(replace(record, overlay=b""), fetch_ms=fetch_ms), record.overlay


def _prepare_overlay(overlay: Path | None, inputs: list[InputPicture], *, force: bool) -> None:
    if overlay is None:
        return
    if overlay.suffix.lower() not in PICTURE_SUFFIXES:
        overlay.mkdir(parents=True, exist_ok=True)
    elif len(inputs) != 1:
        exit_with_error(
            f"--overlay {overlay} holds one picture; give a folder for {len(inputs)}", EXIT_USAGE
        )
    elif not force:
        try:
            require_new(overlay)
        except OutputError as error:
            exit_with_error(f"--overlay: {error}", EXIT_USAGE)


def _write_overlay(overlay: Path, name: str, sha256: str, png: bytes) -> None:
    """Write the overlay as its suffix says; in a folder it is named by the picture's sha256."""
    is_file = overlay.suffix.lower() in PICTURE_SUFFIXES
    path = overlay if is_file else overlay / f"{sha256[:16]}.png"
    write_picture(path, png)
    echo(f"{name}: overlay in {path}", err=True)
