"""The command line: ``eyeline analyze | serve | doctor | fit | fit-texture | evaluate``.

Exit codes: 0 all done; 1 something failed; 2 wrong usage or settings; 3 a picture had the verdict
named by ``--fail-on``. Heavy imports wait inside the commands, so that ``--help`` is quick.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, NoReturn

import typer

from app import __version__
from app.evidence import Verdict
from app.settings import Settings, SettingsError, load_settings

if TYPE_CHECKING:
    from app.api.analyst import Analyst, Examined
    from app.api.schemas import AnalysisOut
    from app.sources import Item

FAILED: Final = 1
USAGE: Final = 2
FLAGGED: Final = 3
KEEP_ALIVE_S: Final = 65
"""Longer than the minute of common load balancers: who closes first loses a request to the race."""

cli = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="How strongly does a profile picture look made by a StyleGAN-family face generator?",
)


def main() -> None:
    """The console script."""
    cli()


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"eyeline {__version__}")
        raise typer.Exit


@cli.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Say and exit.")
    ] = False,
) -> None:
    """What every command shares."""


@cli.command()
def analyze(
    sources: Annotated[
        list[str], typer.Argument(metavar="PATH|URL...", help="Files, folders, URLs; - is stdin.")
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="One Analysis a line, as over HTTP.")
    ] = False,
    overlay: Annotated[
        Path | None, typer.Option(help="Write the overlay: a .png, or a folder for several.")
    ] = None,
    prior: Annotated[
        float | None, typer.Option(help="Probability before looking (EYELINE_PRIOR).")
    ] = None,
    fail_on: Annotated[
        Verdict | None, typer.Option(help="Exit with 3 if any picture has this verdict.")
    ] = None,
) -> None:
    """Analyse pictures. What cannot be read is named on stderr; the rest is analysed anyway."""
    settings = _settings(prior=prior)
    items = _gathered(sources, settings)
    _prepare(overlay, items)
    from app.api.wire import told
    from app.errors import AvatarError

    worst = 0
    with closing(_analyst(settings)) as analyst:
        with _no_native_chatter():
            analyst.complaint()  # warms the model; `eyeline doctor` listens to what it says
        for item in items:
            try:
                examined, said = _examined(analyst, item, settings)
            except AvatarError as error:
                typer.echo(f"{item.name}: {error.code}: {error.detail}", err=True)
                worst = FAILED
                continue
            except OSError as error:
                typer.echo(f"{item.name}: {error.strerror}", err=True)
                worst = FAILED
                continue
            typer.echo(said.model_dump_json() if as_json else f"{item.name}: {told(said)}")
            _draw(overlay, item.name, examined)
            if said.verdict is fail_on and worst == 0:
                worst = FLAGGED
    raise typer.Exit(worst)


@cli.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to bind to (EYELINE_HOST).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to bind to (EYELINE_PORT).")] = None,
) -> None:
    """Answer over HTTP, until told to stop; then finish what was begun."""
    settings = _settings(host=host, port=port)
    try:
        settings.refuse_open_door()
    except SettingsError as error:
        _stop(str(error), USAGE)
    import uvicorn

    from app.api import logs
    from app.api.app import create_app

    logs.configure()
    analyst = _analyst(settings)
    uvicorn.run(
        create_app(settings, lambda _: analyst),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
    )


@cli.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="One object.")] = False,
) -> None:
    """Look at this machine and say what is wrong and how to mend it. Exit code 1 if anything is."""
    from app.doctor import examine_machine

    settings = _settings()
    with _no_native_chatter():
        findings = examine_machine(settings)
    if as_json:
        typer.echo(
            json.dumps({"ok": all(f.ok for f in findings), "checks": [f.told() for f in findings]})
        )
    else:
        for finding in findings:
            typer.echo(f"{'ok  ' if finding.ok else 'FAIL'}  {finding.name}: {finding.detail}")
            if not finding.ok:
                typer.echo(f"      mend it: {finding.remedy}")
    raise typer.Exit(0 if all(finding.ok for finding in findings) else FAILED)


@cli.command()
def fit(
    corpus: Annotated[Path, typer.Argument(help="A folder with manifest.csv.")],
) -> None:
    """Fit the calibration on CORPUS and write it, with what the canary scores, to the models."""
    from app.fitting.commands import run_fit

    _offline(lambda models_dir: run_fit(corpus, models_dir))


@cli.command(name="fit-texture")
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
        from app.fitting.witness.commands import run_fit_texture
    except ModuleNotFoundError as error:
        _stop(f"{error.name} is not installed: run `make fit-texture CORPUS=...`", FAILED)

    def tell(said: str) -> None:
        typer.echo(said, err=True)

    _offline(lambda models_dir: run_fit_texture(corpus, models_dir, work, steps_share, tell))


@cli.command()
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
    from app.fitting.commands import run_evaluate

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
    from app.calibration import CalibrationError
    from app.fitting.corpus import CorpusError
    from app.landmarks import ModelError
    from app.network import NetworkError

    try:
        typer.echo(work(_settings().models_dir))
    except (CalibrationError, CorpusError, ModelError, NetworkError) as error:
        _stop(str(error), FAILED)


@contextmanager
def _no_native_chatter() -> Iterator[None]:
    """MediaPipe's C++ tells file descriptor 2 what it is about to do, and no option stops it."""
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _settings(**overrides: Any) -> Settings:
    try:
        return load_settings(**overrides)
    except SettingsError as error:
        _stop(str(error), USAGE)


def _stop(reason: str, code: int) -> NoReturn:
    """End with the first line of ``reason``; what follows it is for `eyeline doctor`."""
    typer.echo(f"eyeline: {reason.splitlines()[0]}", err=True)
    raise typer.Exit(code)


def _analyst(settings: Settings) -> Analyst:
    from app.api.analyst import Analyst
    from app.calibration import CalibrationError
    from app.landmarks import ModelError
    from app.network import NetworkError

    try:
        return Analyst.load(settings)
    except (CalibrationError, ModelError, NetworkError) as error:
        _stop(str(error), FAILED)


def _gathered(sources: list[str], settings: Settings) -> list[Item]:
    from app.fetch import FetchPolicy
    from app.sources import NoPictures, items

    policy = FetchPolicy(settings.max_bytes, settings.fetch_allow, settings.fetch_only)
    try:
        return [item for source in sources for item in items(source, policy)]
    except NoPictures as error:
        _stop(str(error), USAGE)


def _examined(analyst: Analyst, item: Item, settings: Settings) -> tuple[Examined, AnalysisOut]:
    from app.api.wire import wire

    began = time.perf_counter()
    data = item.read()
    fetch_ms = 1000.0 * (time.perf_counter() - began) if item.remote else 0.0
    examined = analyst(data)
    said = wire(examined, prior=settings.prior, base_rate=settings.base_rate, fetch_ms=fetch_ms)
    return examined, said


def _prepare(overlay: Path | None, items: list[Item]) -> None:
    if overlay is None:
        return
    if overlay.suffix.lower() != ".png":
        overlay.mkdir(parents=True, exist_ok=True)
    elif len(items) != 1:
        _stop(f"--overlay {overlay} holds one picture; give a folder for {len(items)}", USAGE)


def _draw(overlay: Path | None, name: str, examined: Examined) -> None:
    """Write the overlay, in a folder by the picture's sha256: names from a list may collide."""
    if overlay is None:
        return
    from app.drawing.overlay import draw_overlay

    one = overlay.suffix.lower() == ".png"
    path = overlay if one else overlay / f"{examined.analysis.sha256[:16]}.png"
    path.write_bytes(draw_overlay(examined.picture, examined.analysis))
    typer.echo(f"{name}: overlay in {path}", err=True)


if __name__ == "__main__":
    main()
