"""A real server on loopback for every test here."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from contextlib import ExitStack
from typing import Any, NoReturn

import httpx
import pytest
import structlog

from app.analysis.analyzer import Analyst
from app.settings import Settings
from tests.api.elsewhere import Elsewhere, pictures_elsewhere
from tests.api.stand_in import Shared, StandIn, Start, serving


@pytest.fixture(scope="session", autouse=True)
def silence() -> None:
    """Log lines are tested where a whole process runs; here they would only be in the way."""
    structlog.configure(processors=[_drop])


def _drop(logger: object, method: str, event: MutableMapping[str, Any]) -> NoReturn:
    raise structlog.DropEvent


@pytest.fixture(scope="module")
def standing() -> tuple[Settings, Analyst]:
    """What the module's own server is made of; a module may say otherwise."""
    return Settings(workers=2, fetch_allow=("127.0.0.1",)), StandIn()


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Elsewhere]:
    """A server beside ours that hands out pictures, one a module."""
    with pictures_elsewhere() as there:
        yield there


@pytest.fixture(scope="module")
def shared(standing: tuple[Settings, Analyst]) -> Iterator[Shared]:
    made = Shared(*standing)
    yield made
    made.stop()


@pytest.fixture
def client(shared: Shared) -> httpx.Client:
    """One server for the tests that do not change it."""
    return shared.client()


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a server for one test: ``start(analyst, workers=1, ...)``."""
    Shared.stop_any()
    with ExitStack() as stack:

        def begin(analyst: Analyst | None = None, **changes: Any) -> httpx.Client:
            settings = Settings(**{"workers": 2, "fetch_allow": "127.0.0.1", **changes})
            return stack.enter_context(serving(settings, analyst or StandIn()))

        yield begin
