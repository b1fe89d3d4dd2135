"""``eyeline fit | fit-texture | evaluate``: the commands that need a corpus."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import typer

from app.cli.startup import EXIT_FAILED, exit_with_error, load_settings_or_exit
from app.cli.terminal import echo


def fit(
    corpus: Annotated[Path, typer.Argument(help="A folder with manifest.csv.")],
) -> None:
    """Fit the models on CORPUS and write them, with the canary's score, to the models folder."""
    from app.training.commands import run_fit

    def warn(message: str) -> None:
        echo(f"warning: {message}", err=True)

    _run_with_models(lambda models_dir: run_fit(corpus, models_dir, warn))


def fit_texture(
    corpus: Annotated[Path, typer.Argument(help="A folder with manifest.csv.")],
    work: Annotated[
        Path, typer.Option(help="Crops and checkpoints; an interrupted run resumes from here.")
    ] = Path("data/texture"),
    steps_share: Annotated[
        float, typer.Option(min=0.0001, max=10.0, help="Multiply the number of training steps.")
    ] = 1.0,
) -> None:
    """Train the region network on CORPUS (needs the `train` extra). Then run `eyeline fit`."""
    try:
        from app.training.network.commands import run_fit_texture
    except ModuleNotFoundError as error:
        exit_with_error(
            f"{error.name} is not installed: run `make fit-texture CORPUS=...`", EXIT_FAILED
        )

    def report_progress(message: str) -> None:
        echo(message, err=True)

    _run_with_models(
        lambda models_dir: run_fit_texture(corpus, models_dir, work, steps_share, report_progress)
    )


def evaluate(
    corpus: Annotated[Path, typer.Argument(help="A folder with manifest.csv.")],
    as_json: Annotated[bool, typer.Option("--json", help="One object.")] = False,
    scores: Annotated[
        Path | None,
        typer.Option(
            help="Write a CSV with one row per picture; downscaled ones to OUT.<side>.csv."
        ),
    ] = None,
    plots: Annotated[
        Path | None,
        typer.Option(help="A folder for PNGs: ROC, Tippett, calibration, rates by size and tone."),
    ] = None,
    held_out: Annotated[
        bool | None,
        typer.Option(
            "--held-out/--shipped",
            help="Refit without each scored collector, or use the calibration as it is. "
            "Default: held out for the corpus that it was fitted on, shipped for others.",
        ),
    ] = None,
    evasions: Annotated[bool, typer.Option(help="Also evaluate perturbed pictures.")] = False,
    sizes: Annotated[
        bool, typer.Option(help="Also evaluate downscaled pictures (always with --held-out).")
    ] = False,
    side: Annotated[
        list[int] | None,
        typer.Option(min=16, max=1024, help="Also downscale to this side, px; repeatable."),
    ] = None,
    kept_out: Annotated[
        bool,
        typer.Option(help="Only collectors unseen by the shipped network, with that network."),
    ] = False,
) -> None:
    """Evaluate on CORPUS; no picture is scored by a calibration fitted on its collector."""
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
            sides_px=side or (),
            unseen_only=kept_out,
            scores_path=scores,
            plots_dir=plots,
            as_json=as_json,
        )
    )


def _run_with_models(command: Callable[[Path], str]) -> None:
    from app.calibration.calibration import CalibrationError
    from app.face.landmarks import LandmarkModelError
    from app.networks.onnx import NetworkError
    from app.training.corpus import CorpusError

    try:
        echo(command(load_settings_or_exit().models_dir))
    except (CalibrationError, CorpusError, LandmarkModelError, NetworkError) as error:
        exit_with_error(str(error), EXIT_FAILED)
