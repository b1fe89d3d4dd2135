"""A real server on loopback for every test here."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from contextlib import ExitStack
from typing import Any, NoReturn

import httpx
import pytest
import structlog

from app.analysis.analyzer import Analyzer
from app.batches.webhooks import sender
from app.settings import Settings
from tests.api.picture_server import PictureServer, run_picture_server
from tests.api.stub_analyzer import SharedServer, StartServer, StubAnalyzer, serve_app


@pytest.fixture(scope="session", autouse=True)
def hurry() -> None:
    """Messages are sent as soon as they are due: no test here is about the pause between looks."""
    sender.OUTBOX_POLL_S = 0.02  # type: ignore[misc] # a process of tests, and nothing else


@pytest.fixture(scope="session", autouse=True)
def silence() -> None:
    """Log lines are tested where a whole process runs; here they would only be in the way."""
    structlog.configure(processors=[_drop_event])


def _drop_event(logger: object, method: str, event: MutableMapping[str, Any]) -> NoReturn:
    raise structlog.DropEvent


@pytest.fixture(scope="module")
def server_parts() -> tuple[Settings, Analyzer]:
    """What the module's own server is made of; a module may say otherwise."""
    return Settings(workers=2, fetch_allow=("127.0.0.1",)), StubAnalyzer()


@pytest.fixture(scope="module")
def picture_server() -> Iterator[PictureServer]:
    """A server beside ours that hands out pictures, one a module."""
    with run_picture_server() as pictures:
        yield pictures


@pytest.fixture(scope="module")
def shared_server(server_parts: tuple[Settings, Analyzer]) -> Iterator[SharedServer]:
    server = SharedServer(*server_parts)
    yield server
    server.stop()


@pytest.fixture
def client(shared_server: SharedServer) -> httpx.Client:
    """One server for the tests that do not change it."""
    return shared_server.client()


@pytest.fixture
def start() -> Iterator[StartServer]:
    """Starts a server for one test: ``start(analyzer, workers=1, ...)``."""
    SharedServer.stop_any()
    with ExitStack() as stack:

        def start_server(analyzer: Analyzer | None = None, **changes: Any) -> httpx.Client:
            settings = Settings(**{"workers": 2, "fetch_allow": "127.0.0.1", **changes})
            return stack.enter_context(serve_app(settings, analyzer or StubAnalyzer()))

        yield start_server
