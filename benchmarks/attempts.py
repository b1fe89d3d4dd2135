"""The command line of benchmarks that make named attempts: ``memory`` and ``fairness``."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Callable, Collection, Coroutine
from typing import Any

MeasureFn = Callable[[list[str]], Coroutine[Any, Any, dict[str, Any]]]


def print_attempt(name: str, measured: dict[str, Any]) -> None:
    """On stderr, as soon as it is known."""
    print(json.dumps({name: measured}), file=sys.stderr, flush=True)


def run_named(program: str, description: str, names: Collection[str], measure: MeasureFn) -> None:
    """Print one JSON object of what was named, or of all; exit code 1 if anything got a 5xx."""
    parser = argparse.ArgumentParser(prog=program, description=description)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names))
    chosen = parser.parse_args().names or list(names)
    if unknown := set(chosen) - set(names):
        parser.error(f"there is no {', '.join(sorted(unknown))}: choose from {', '.join(names)}")
    result = asyncio.run(measure(chosen))
    load = [round(each, 1) for each in os.getloadavg()]
    print(json.dumps({"measured": result, "load_average": load}, indent=2))
    raise SystemExit(1 if any(each["server_errors"] for each in result.values()) else 0)
