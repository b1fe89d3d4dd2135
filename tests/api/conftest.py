"""A real server on loopback for every test here."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from contextlib import ExitStack
from typing import Any, NoReturn

import httpx
import pytest
import structlog

from app.api.analyst import Analyst
from app.settings import Settings
from tests.api.stand_in import StandIn, Start, serving


@pytest.fixture(scope="session", autouse=True)
def silence() -> None:
    """Log lines are tested where a whole process runs; here they would only be in the way."""
    structlog.configure(processors=[_drop])


def _drop(logger: object, method: str, event: MutableMapping[str, Any]) -> NoReturn:
    raise structlog.DropEvent


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a server for one test: ``start(analyst, workers=1, ...)``."""
    with ExitStack() as stack:

        def begin(analyst: Analyst | None = None, **changes: Any) -> httpx.Client:
            settings = Settings(**{"workers": 2, "fetch_allow": "127.0.0.1", **changes})
            return stack.enter_context(serving(settings, analyst or StandIn()))

        yield begin


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    """One server for the tests that do not change it."""
    with serving(Settings(workers=2, fetch_allow=("127.0.0.1",)), StandIn()) as client:
        yield client
