"""``eyeline cohort``: what results in Parquet say as one list."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from app.cli.startup import EXIT_FAILED, exit_with_error, load_settings_or_exit
from app.cli.terminal import echo


def cohort(
    files: Annotated[
        list[str],
        typer.Argument(help="Parquet files, or folders of them: paths, or URIs such as s3://…"),
    ],
    prior: Annotated[
        float | None, typer.Option(min=0.0, max=1.0, help="Prior probability (EYELINE_PRIOR).")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="The whole cohort as one object.")
    ] = False,
) -> None:
    """Say of FILES what a list of the same pictures says; they are read once, a little at a time.

    They are what `python -m app.integrations.ray` writes. Several files are one list, in the order
    given; the order changes no figure.
    """
    settings = load_settings_or_exit(prior=prior)
    try:
        from app.integrations.results_parquet import NotResults, find_results, iter_results
    except ModuleNotFoundError as error:
        exit_with_error(f"{error.name} is missing: pip install 'eyeline[parquet]'", EXIT_FAILED)
    from app.cohort.parameters import COHORT_FILE, CohortParametersError, load_parameters
    from app.cohort.summary import summarize_results
    from app.cohort.text import caveat_sentences, summary_sentences

    try:
        parameters = load_parameters(settings.models_dir / COHORT_FILE)
        summary = summarize_results(
            iter_results(find_results(files)),
            prior=settings.prior,
            base_rate=settings.base_rate,
            parameters=parameters,
        )
    except (CohortParametersError, NotResults) as error:
        exit_with_error(str(error), EXIT_FAILED)
    except OSError as error:
        exit_with_error(str(error), EXIT_FAILED)
    if as_json:
        echo(json.dumps(summary))
        return
    for sentence in (*summary_sentences(summary), *caveat_sentences(summary)):
        echo(sentence)
