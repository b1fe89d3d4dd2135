"""``eyeline batch``: a whole follower list without a server, through the very same desk."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.startup import (
    FAILED,
    INTERRUPTED,
    USAGE,
    no_native_chatter,
    opened_tools,
    settings_of,
    stop,
)

FORMATS = (".csv", ".ndjson")


def batch(
    source: Annotated[
        str,
        typer.Argument(
            metavar="LIST|DIR",
            help="A list or an archive in any shape that the service takes, a folder of pictures, "
            "or - for standard input.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Where the results go: a .csv or an .ndjson.")],
    montage: Annotated[
        Path | None, typer.Option(help="Also draw the first page of the montage (.png).")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Also write the report (.html).")] = None,
    prior: Annotated[
        float | None, typer.Option(help="Probability before looking (EYELINE_PRIOR).")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Pictures looked at together (EYELINE_BATCH_WORKERS).")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress, no summary.")] = False,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the state beside --out when done.")
    ] = False,
) -> None:
    """Analyse a follower list. If it is stopped, the same command goes on where it was.

    Items that cannot be read are lines of the results like any other; the exit code stays 0. What
    may succeed another time is tried again by the same command.
    """
    if out.suffix.lower() not in FORMATS:
        stop(f"--out {out} must end in {' or '.join(FORMATS)}", USAGE)
    changes: dict[str, Any] = {"prior": prior, "workers": workers, "batch_workers": workers}
    settings = settings_of(**changes)
    if settings.batch_workers == 0:
        stop("--workers 0 would never be done", USAGE)
    from app.batches.store.models import Unfinished
    from app.cohort import NumbersError
    from app.errors import AvatarError

    logging.getLogger("eyeline.jobs").setLevel(logging.ERROR)  # that it goes on is no news here
    try:
        with opened_tools(settings) as (analyst, look), no_native_chatter():
            # Only now: what takes a second to import does so while the children load.
            from app.cli.batch_run import Outputs, run

            outputs = Outputs(out, montage, report)
            run(source, outputs, settings, analyst, look, own_prior=prior, quiet=quiet, keep=keep)
    except AvatarError as error:
        stop(f"{source}: {error.code}: {error.detail}", FAILED)
    except (NumbersError, Unfinished) as error:
        stop(str(error), FAILED)
    except OSError as error:
        stop(f"{error.filename or source}: {error.strerror}", FAILED)
    except KeyboardInterrupt:
        stop("interrupted; the same command goes on where this one stopped", INTERRUPTED)
