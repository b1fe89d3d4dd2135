"""``eyeline fit | fit-texture | evaluate``: what is done with a corpus, far from any service."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import typer

from app.cli.startup import FAILED, settings_of, stop


def fit(
    corpus: Annotated[Path, typer.Argument(help="A folder with manifest.csv.")],
) -> None:
    """Fit everything on CORPUS and write it, with what the canary scores, to the models."""
    from app.training.commands import run_fit

    _offline(lambda models_dir: run_fit(corpus, models_dir))


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
        stop(f"{error.name} is not installed: run `make fit-texture CORPUS=...`", FAILED)

    def tell(said: str) -> None:
        typer.echo(said, err=True)

    _offline(lambda models_dir: run_fit_texture(corpus, models_dir, work, steps_share, tell))


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
    _offline(
        lambda models_dir: run_evaluate(
            corpus,
            models_dir,
            mode=modes[held_out],
            evasions=evasions,
            sizes=sizes,
            kept_out=kept_out,
            scores=scores,
            as_json=as_json,
        )
    )


def _offline(work: Callable[[Path], str]) -> None:
    from app.calibration.calibration import CalibrationError
    from app.face.landmarks import ModelError
    from app.networks.onnx import NetworkError
    from app.training.corpus import CorpusError

    try:
        typer.echo(work(settings_of().models_dir))
    except (CalibrationError, CorpusError, ModelError, NetworkError) as error:
        stop(str(error), FAILED)
