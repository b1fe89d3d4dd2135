"""The command line: ``eyeline analyze | batch | serve | worker | doctor | fit | evaluate …``."""

from __future__ import annotations

from typing import Annotated

import typer

from app import __version__
from app.cli.analyze import analyze
from app.cli.batch import batch
from app.cli.completions import completions
from app.cli.integrations.atproto import atproto
from app.cli.integrations.cohort import cohort
from app.cli.integrations.hashes import hashes
from app.cli.integrations.mastodon import mastodon
from app.cli.serve import doctor, serve
from app.cli.training import evaluate, fit, fit_texture
from app.cli.verify import verify
from app.cli.worker import worker

cli = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="How strongly does a profile picture look made by a StyleGAN-family face generator?",
)


def main() -> None:
    """Entry point of the console script."""
    cli()


def _show_version(is_requested: bool) -> None:
    if is_requested:
        typer.echo(f"eyeline {__version__}")
        raise typer.Exit


@cli.callback()
def _root_options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Say and exit.")
    ] = False,
) -> None:
    """Options of every command."""


cli.command()(analyze)
cli.command()(batch)
cli.command()(verify)
cli.command()(serve)
cli.command()(worker)
cli.command()(doctor)
cli.command()(completions)
cli.command()(fit)
cli.command(name="fit-texture")(fit_texture)
cli.command()(evaluate)
cli.command()(cohort)
cli.command()(hashes)
cli.add_typer(atproto, name="atproto")
cli.add_typer(mastodon, name="mastodon")

if __name__ == "__main__":
    main()
