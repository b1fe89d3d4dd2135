"""Limits on descriptors, and a log that callers cannot fill."""

from __future__ import annotations

import logging
import resource

import pytest

from app.api.server.options import RESERVED_DESCRIPTORS, LogThrottle, raise_descriptor_limit


def make_record(message: str) -> logging.LogRecord:
    return logging.LogRecord("asyncio", logging.ERROR, "", 0, message, None, None)


def test_a_message_that_callers_provoke_passes_once_a_minute(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 1_000.0
    monkeypatch.setattr("app.api.server.options.time.monotonic", lambda: now)
    throttle = LogThrottle()
    record = make_record("socket.accept() out of system resource\nsocket: ...")
    assert [bool(throttle.filter(record)) for _ in range(3)] == [True, False, False]
    assert all(throttle.filter(make_record("something else")) for _ in range(3))
    now += 60.0
    assert throttle.filter(record)


def test_connections_stay_below_the_limit_on_open_files(monkeypatch: pytest.MonkeyPatch) -> None:
    raised = []
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, 1024))
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: raised.append(limits))
    assert raise_descriptor_limit() == 1024 - RESERVED_DESCRIPTORS
    assert raised == [(1024, 1024)]
