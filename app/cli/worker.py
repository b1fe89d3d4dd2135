"""``eyeline worker``: works on the lists of a shared database until it is told to stop."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Final, TypeVar

import typer

from app.cli.startup import (
    EXIT_USAGE,
    describe_bind_error,
    exit_if_unready,
    exit_with_error,
    load_settings_or_exit,
    open_analysis,
)
from app.settings import Settings

if TYPE_CHECKING:
    from app.analysis.child_pool import AnyAnalyzer
    from app.batches.service import BatchService
    from app.runtime.observability import Metrics
    from app.runtime.probe_server import ProbeServer

REPORT_S: Final = 60.0
"""Between two lines of the log on how far the work is."""

ServiceT = TypeVar("ServiceT")


def worker(
    workers: Annotated[
        int | None, typer.Option(help="Pictures analyzed at once (EYELINE_BATCH_WORKERS).")
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Where /livez, /readyz, /metrics are (EYELINE_WORKER_PORT).")
    ] = None,
) -> None:
    """Process batches of a shared database, with other workers, until SIGTERM or SIGINT.

    If a worker dies, the others take over its work within seconds.
    """
    settings = load_settings_or_exit(batch_workers=workers, worker_port=port)
    if settings.database_url is None:
        exit_with_error(
            "workers share a Postgres: set EYELINE_DATABASE_URL=postgresql://...", EXIT_USAGE
        )
    if settings.batch_workers == 0:
        exit_with_error("--workers must be at least 1", EXIT_USAGE)
    with _open_probes(settings) as probes:
        exit_if_unready(settings)
        from app.runtime import observability
        from app.runtime.batch_service import open_batch_service

        observability.configure_logs()
        metrics = observability.Metrics()
        report = WorkReport(settings, metrics)
        with open_analysis(settings, settings.batch_workers) as analyzer:
            metrics.track_analyzer(analyzer)
            metrics.set_build(analyzer.model.description.get("id", ""))

            def begin(service: BatchService) -> None:
                report.begin(analyzer, probes)
                if probes is not None:
                    probes.set_ready(service.health_problem, lambda: metrics.render_all(service))

            run_until_signal(
                lambda: open_batch_service(settings, analyzer, metrics), begin, report.progress
            )
            report.end()


class WorkReport:
    """What a worker does, as lines of its log."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        import structlog

        self._log = structlog.get_logger("eyeline.worker")
        self._settings = settings
        self._metrics = metrics
        self._began = self._reported_at = time.monotonic()
        self._reported = 0

    def begin(self, analyzer: AnyAnalyzer, probes: ProbeServer | None) -> None:
        """The models are loaded and work may be taken up."""
        self._log.info(
            "worker started",
            pictures_at_once=self._settings.batch_workers,
            calibration=analyzer.model.description.get("id", ""),
            probe_port=None if probes is None else probes.port,
            start_s=round(time.monotonic() - self._began, 1),
        )

    def progress(self) -> None:
        """What was done since the last line, unless that is nothing."""
        items, failed = self._metrics.item_counts()
        now = time.monotonic()
        done = items - self._reported
        if done:
            rate = round(done / (now - self._reported_at), 1)
            self._log.info("progress", items=done, failed_so_far=failed, items_a_second=rate)
        self._reported, self._reported_at = items, now

    def end(self) -> None:
        items, failed = self._metrics.item_counts()
        self._log.info("worker stopped", items=items, failed=failed)


@contextmanager
def _open_probes(settings: Settings) -> Iterator[ProbeServer | None]:
    """The probes while the block runs, from before the models are loaded; or an exit."""
    if settings.worker_port is None:
        yield None
        return
    from app.runtime.probe_server import ProbeServer

    try:
        server = ProbeServer(settings.host, settings.worker_port)
    except (OSError, UnicodeError) as error:
        message = describe_bind_error(
            error, settings.host, settings.worker_port, "EYELINE_WORKER_PORT"
        )
        exit_with_error(message, EXIT_USAGE)
    with server:
        yield server


def run_until_signal(
    open_service: Callable[[], AbstractContextManager[ServiceT]],
    on_started: Callable[[ServiceT], None] = lambda _: None,
    on_report: Callable[[], None] = lambda: None,
) -> None:
    """Run until SIGTERM or SIGINT; then commit what was analyzed and leave the rest to others.

    ``on_started`` is called when the first chunk may be taken up, ``on_report`` every ``REPORT_S``.
    Main thread only.
    """
    stop = threading.Event()

    def set_stop(_: int, __: FrameType | None) -> None:
        stop.set()

    previous = {
        number: signal.signal(number, set_stop) for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        with open_service() as service:
            on_started(service)
            while not stop.wait(REPORT_S):
                on_report()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
