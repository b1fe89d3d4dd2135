"""``eyeline fit | fit-texture | evaluate``: what is done with a corpus, far from any service."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import typer

from app.cli.startup import EXIT_FAILED, exit_with_error, load_settings_or_exit


def fit(
    corpus: Annotated[Path, typer.Argument(help="A folder with manifest.csv.")],
) -> None:
    """Fit everything on CORPUS and write it, with what the canary scores, to the models."""
    from app.training.commands import run_fit

    _run_with_models(lambda models_dir: run_fit(corpus, models_dir))


def fit_texture(
    corpus: Annotated[Path, typer.Argument(help="A folder with manifest.csv.")],
    work: Annotated[
        Path, typer.Option(help="Crops and checkpoints; a run that was stopped goes on from here.")
    ] = Path("data/texture"),
    steps_share: Annotated[
        float, typer.Option(min=0.0001, max=10.0, help="Train so many times as long.")
    ] = 1.0,
) -> None:
    """Train the network that looks at pixels on CORPUS (needs the `train` extra). Then fit."""
    try:
        from app.training.network.commands import run_fit_texture
    except ModuleNotFoundError as error:
        exit_with_error(
            f"{error.name} is not installed: run `make fit-texture CORPUS=...`", EXIT_FAILED
        )

    def report_progress(message: str) -> None:
        typer.echo(message, err=True)

    _run_with_models(
        lambda models_dir: run_fit_texture(corpus, models_dir, work, steps_share, report_progress)
    )


def evaluate(
    corpus: Annotated[Path, typer.Argument(help="A folder with manifest.csv.")],
    as_json: Annotated[bool, typer.Option("--json", help="One object.")] = False,
    scores: Annotated[Path | None, typer.Option(help="Write a CSV, a line a picture.")] = None,
    held_out: Annotated[
        bool | None,
        typer.Option(
            "--held-out/--shipped",
            help="Refit without each collector judged, or take the calibration as it is. "
            "By default the first for the corpus it was fitted on, the second for others.",
        ),
    ] = None,
    evasions: Annotated[bool, typer.Option(help="Also judge changed pictures.")] = False,
    sizes: Annotated[
        bool, typer.Option(help="Also judge everything made small (always where held out).")
    ] = False,
    kept_out: Annotated[
        bool,
        typer.Option(help="Only collectors that the shipped network never saw, by that network."),
    ] = False,
) -> None:
    """Judge CORPUS, never by a calibration that saw the collector of the picture."""
    from app.training.commands import run_evaluate

    modes: dict[bool | None, Literal["held_out", "shipped"] | None] = {
        True: "held_out",
        False: "shipped",
        None: None,
    }
    _run_with_models(
        lambda models_dir: run_evaluate(
            corpus,
            models_dir,
            mode=modes[held_out],
            with_perturbations=evasions,
            with_sizes=sizes,
            unseen_only=kept_out,
            scores_path=scores,
            as_json=as_json,
        )
    )


def _run_with_models(command: Callable[[Path], str]) -> None:
    from app.calibration.calibration import CalibrationError
    from app.face.landmarks import LandmarkModelError
    from app.networks.onnx import NetworkError
    from app.training.corpus import CorpusError

    try:
        typer.echo(command(load_settings_or_exit().models_dir))
    except (CalibrationError, CorpusError, LandmarkModelError, NetworkError) as error:
        exit_with_error(str(error), EXIT_FAILED)
