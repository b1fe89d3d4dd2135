"""``eyeline analyze``: some pictures, one answer each."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.startup import (
    FAILED,
    FLAGGED,
    USAGE,
    loaded_analyst,
    no_native_chatter,
    settings_of,
    stop,
)
from app.evidence import Verdict
from app.settings import Settings

if TYPE_CHECKING:
    from app.analysis.analyzer import Analyst, Examined
    from app.analysis.schemas import AnalysisOut
    from app.cli.inputs import Item


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
    settings = settings_of(prior=prior)
    items = _gathered(sources, settings)
    _prepare(overlay, items)
    from app.analysis.serialize import told
    from app.errors import AvatarError

    worst = 0
    with closing(loaded_analyst(settings)) as analyst:
        with no_native_chatter():
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


def _gathered(sources: list[str], settings: Settings) -> list[Item]:
    from app.cli.inputs import NoPictures, items
    from app.fetch import FetchPolicy, Holds

    policy = FetchPolicy(settings.max_bytes, settings.fetch_allow, settings.fetch_only)
    holds = Holds()
    try:
        return [item for source in sources for item in items(source, policy, holds)]
    except NoPictures as error:
        stop(str(error), USAGE)


def _examined(analyst: Analyst, item: Item, settings: Settings) -> tuple[Examined, AnalysisOut]:
    from app.analysis.serialize import wire

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
        stop(f"--overlay {overlay} holds one picture; give a folder for {len(items)}", USAGE)


def _draw(overlay: Path | None, name: str, examined: Examined) -> None:
    """Write the overlay, in a folder by the picture's sha256: names from a list may collide."""
    if overlay is None:
        return
    from app.render.overlay.overlay import draw_overlay

    one = overlay.suffix.lower() == ".png"
    path = overlay if one else overlay / f"{examined.analysis.sha256[:16]}.png"
    path.write_bytes(draw_overlay(examined.picture, examined.analysis))
    typer.echo(f"{name}: overlay in {path}", err=True)
