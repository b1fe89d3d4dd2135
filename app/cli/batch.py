"""``eyeline batch``: analyzes a follower list without a server, by the same batch service."""

from __future__ import annotations

import logging
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.output_files import OutputError, OutputPaths
from app.cli.progress import loading_status
from app.cli.startup import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_USAGE,
    exit_with_error,
    load_settings_or_exit,
    open_analysis,
    silence_native_stderr,
)


class ResultFormat(StrEnum):
    """What results can be written as."""

    CSV = "csv"
    NDJSON = "ndjson"


class ResultOrder(StrEnum):
    """In which order results can be written."""

    INPUT = "input"
    STRONGEST_FIRST = "-llr"


def batch(
    source: Annotated[
        str,
        typer.Argument(
            metavar="LIST|DIR",
            help="A list or an archive in any shape that the service takes, a folder of pictures, "
            "or - for standard input.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(help="Where the results go: a .csv, an .ndjson, or - for standard output."),
    ] = None,
    format_: Annotated[
        ResultFormat | None,
        typer.Option("--format", help="Of the results; by default as --out ends, for - ndjson."),
    ] = None,
    order: Annotated[
        ResultOrder, typer.Option(help="Of the results: the list's, or the strongest first.")
    ] = ResultOrder.INPUT,
    min_llr: Annotated[
        float | None, typer.Option(help="Write only results of this llr or more.")
    ] = None,
    montage: Annotated[
        Path | None,
        typer.Option(
            help="Also draw the montage (.png or .jpg); further pages are NAME-2.png and so on."
        ),
    ] = None,
    composite: Annotated[
        Path | None, typer.Option(help="Also draw the average pictures (.png or .jpg).")
    ] = None,
    scatter: Annotated[
        Path | None, typer.Option(help="Also draw where all eyes lie (.png or .jpg).")
    ] = None,
    network: Annotated[
        Path | None,
        typer.Option(
            help="Also write which accounts belong together (.svg, .png, .json, .graphml, .gexf)."
        ),
    ] = None,
    edges: Annotated[
        Path | None,
        typer.Option(help="Lines of your own for --network: a CSV source,target,weight."),
    ] = None,
    lines: Annotated[
        bool, typer.Option(help="Lines through the template's eyes in montage and composite.")
    ] = True,
    report: Annotated[Path | None, typer.Option(help="Also write the report (.html).")] = None,
    evidence: Annotated[
        Path | None,
        typer.Option(help="Also write the evidence bundle (.zip), which `eyeline verify` checks."),
    ] = None,
    case: Annotated[
        str, typer.Option(help="A case number for the head of the report.", metavar="NUMBER")
    ] = "",
    prior: Annotated[float | None, typer.Option(help="Prior probability (EYELINE_PRIOR).")] = None,
    flagged_threshold: Annotated[
        int | None,
        typer.Option(min=1, help="Say so as soon as so many are likely_stylegan, and go on."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Pictures analyzed in parallel (EYELINE_BATCH_WORKERS).")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress, no summary.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace outputs that exist.")] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Keep the state folder next to --out.")
    ] = False,
    keep_column: Annotated[
        list[str] | None,
        typer.Option(
            help="A column of e-mail or IP addresses, phone numbers or tokens to keep; such "
            "columns are dropped otherwise. May be given several times."
        ),
    ] = None,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Show how the list is read; fetch and keep nothing."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --dry-run: as JSON.")] = False,
) -> None:
    """Analyze a follower list. If interrupted, run the same command again to resume.

    Items that fail are reported in the results, and the exit code stays 0. Running the same command
    again retries failures that may be temporary.
    """
    if dry_run:
        _show_preview(source, keep_column or [], as_json=as_json)
        return
    if out is None:
        exit_with_error("--out is needed: where the results go", EXIT_USAGE)
    outputs = OutputPaths(
        results=out,
        result_format=None if format_ is None else format_.value,
        order=order.value,
        min_llr=min_llr,
        montage=montage,
        composite=composite,
        scatter=scatter,
        network=network,
        edges=edges,
        report=report,
        evidence=evidence,
        lines=lines,
        case_number=case,
    )
    _require_outputs(outputs, force=force)
    changes: dict[str, Any] = {"prior": prior, "workers": workers, "batch_workers": workers}
    settings = load_settings_or_exit(**changes)
    if settings.batch_workers == 0:
        exit_with_error("--workers must be at least 1", EXIT_USAGE)
    from app.batches.store.models import BatchIncomplete
    from app.cohort.parameters import CohortParametersError
    from app.errors import RequestError

    logging.getLogger("eyeline.jobs").setLevel(logging.ERROR)  # resuming is normal here
    try:
        with open_analysis(settings, settings.batch_workers) as analyzer, silence_native_stderr():
            # Imported here, so that the slow import overlaps with the start of the child processes.
            with loading_status(quiet=quiet):
                from app.cli.batch_run import run_batch

            run_batch(
                source,
                outputs,
                settings,
                analyzer,
                cli_prior=prior,
                flagged_threshold=flagged_threshold,
                quiet=quiet,
                keep=keep,
                force=force,
                keep_columns=keep_column or [],
            )
    except RequestError as error:
        exit_with_error(f"{source}: {error.code}: {error.detail}", EXIT_FAILED)
    except (CohortParametersError, BatchIncomplete) as error:
        exit_with_error(str(error), EXIT_FAILED)
    except OutputError as error:
        exit_with_error(str(error), EXIT_USAGE)
    except BrokenPipeError:  # whoever read our results has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(EXIT_FAILED) from None
    except OSError as error:
        exit_with_error(f"{error.filename or source}: {error.strerror}", EXIT_FAILED)
    except KeyboardInterrupt:
        exit_with_error("interrupted; run the same command again to resume", EXIT_INTERRUPTED)


def _require_outputs(outputs: OutputPaths, *, force: bool) -> None:
    """Exit unless every output can be written, before anything is loaded."""
    try:
        outputs.require_known_formats()
        if not force and not outputs.is_begun:
            outputs.require_new()
    except OutputError as error:
        exit_with_error(str(error), EXIT_USAGE)


def _show_preview(source: str, keep_columns: list[str], *, as_json: bool) -> None:
    settings = load_settings_or_exit()
    from app.cli.batch_run import print_preview
    from app.errors import RequestError

    try:
        print_preview(source, settings, keep_columns, as_json=as_json)
    except RequestError as error:
        exit_with_error(f"{source}: {error.code}: {error.detail}", EXIT_FAILED)
    except OSError as error:
        exit_with_error(f"{error.filename or source}: {error.strerror}", EXIT_FAILED)
