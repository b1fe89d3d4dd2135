"""``eyeline hashes``: the PDQ hashes of a list's flagged pictures as a bank file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.startup import EXIT_FAILED, exit_with_error
from app.cli.terminal import echo


def hashes(
    results: Annotated[Path, typer.Argument(help="Results of a list in NDJSON.")],
    min_llr: Annotated[
        float | None, typer.Option(help="From this llr; default: every likely_stylegan.")
    ] = None,
) -> None:
    """Print the PDQ hashes of flagged pictures, as ThreatExchange's `local_file` reads them.

    What a person decided to be real is left out.
    """
    from app.errors import RequestError
    from app.integrations.hash_bank import bank_lines, flagged_hashes
    from app.integrations.results import iter_lines

    try:
        for line in bank_lines(flagged_hashes(iter_lines(results), min_llr)):
            echo(line, nl=False)
    except RequestError as error:
        exit_with_error(error.detail, EXIT_FAILED)
    except OSError as error:
        exit_with_error(f"{error.filename}: {error.strerror}", EXIT_FAILED)
