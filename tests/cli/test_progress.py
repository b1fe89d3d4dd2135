"""What a terminal is shown while a list is worked on."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import redirect_stderr
from typing import Any

import pytest

from app.batches.store.models import Batch, BatchRequest, Status
from app.cli.progress import ItemRate, loading_status, open_progress, wait_with_progress


class Terminal(io.StringIO):
    """Somebody watches it."""

    def isatty(self) -> bool:
        return True


class FakeService:
    """A service whose batch goes through ``states``."""

    def __init__(self, states: Iterator[Batch]) -> None:
        self._states = states

    def wait_for_change(self, *_: Any) -> Batch:
        return next(self._states)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    return Terminal()


def make_batch(status: Status, completed: int, failed: int = 0) -> Batch:
    return Batch(
        id="batch_1",
        status=status,
        request=BatchRequest(prior=0.5),
        total=10,
        completed=completed,
        failed=failed,
        outcomes={},
        verdicts={"likely_stylegan": completed},
        reached={},
        expires_at=None,
        eta_s=None,
        cohort=None,
        revision=completed,
    )


STATES = (
    make_batch(Status.VALIDATING, 0),
    make_batch(Status.IN_PROGRESS, 4, 1),
    make_batch(Status.COMPLETED, 8, 2),
)


def show_all(
    stream: io.StringIO, *, quiet: bool = False, flagged_threshold: int | None = None
) -> Batch:
    """Everything that is shown of a list, to ``stream`` as standard error."""
    service: Any = FakeService(iter(STATES[1:]))
    with redirect_stderr(stream):
        with loading_status(quiet=quiet):
            pass
        with open_progress(quiet=quiet) as bar:
            return wait_with_progress(service, STATES[0], bar, flagged_threshold)


def test_a_terminal_is_told_what_is_waited_for_and_how_it_ended(terminal: Terminal) -> None:
    assert show_all(terminal).status is Status.COMPLETED
    output = terminal.getvalue()
    for words in ("loading the models", "completed, 8 likely StyleGAN", "10/10", "/s"):
        assert words in output


def test_nothing_is_shown_to_nobody(terminal: Terminal) -> None:
    log_file = io.StringIO()
    show_all(terminal, quiet=True)
    show_all(log_file)
    assert terminal.getvalue() == log_file.getvalue() == ""


@pytest.mark.parametrize("is_watched", [True, False])
def test_many_flagged_items_are_told_once(terminal: Terminal, is_watched: bool) -> None:
    stream = terminal if is_watched else io.StringIO()
    show_all(stream, flagged_threshold=3)
    assert stream.getvalue().count("4 flagged among the first 5 of 10") == 1
    show_all(unreached := io.StringIO(), flagged_threshold=9)
    assert unreached.getvalue() == ""


def test_the_rate_counts_what_this_run_did() -> None:
    rate = ItemRate(STATES[1])
    assert rate.describe(STATES[1]) == ""  # nothing was left to do
    assert rate.describe(STATES[2]).endswith(" a second)")
