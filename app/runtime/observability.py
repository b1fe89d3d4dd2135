"""Prometheus metrics, and logging. Every label has a small fixed set of values."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import structlog
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from structlog.typing import Processor

from app.batches.store.queries import BatchCounts
from app.records import PictureRecord


def configure_logs() -> None:
    """Send every log record of this process through one formatter. Only for entry points."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)


_BUCKETS_S: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """One registry per application, so that two in one process are separate."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self.requests = Counter(
            "eyeline_requests",
            "HTTP requests by path template, status and problem code ('none' if answered).",
            ("path", "status", "code"),
            registry=self._registry,
        )
        self.analyses = Counter(
            "eyeline_analyses",
            "Pictures analyzed.",
            ("outcome", "verdict"),
            registry=self._registry,
        )
        self.stages = Histogram(
            "eyeline_stage_seconds",
            "Time spent in each stage of an analysis.",
            ("stage",),
            buckets=_BUCKETS_S,
            registry=self._registry,
        )
        self.requests_in_flight = Gauge(
            "eyeline_requests_inside",
            "Analyses admitted and not answered.",
            registry=self._registry,
        )
        self.refusals = Counter(
            "eyeline_queue_refusals",
            "Requests refused because the concurrency limit was reached.",
            registry=self._registry,
        )

        self.item_failures = Counter(
            "eyeline_batch_item_failures",
            "Pictures of lists that could not be fetched or read, by the code of the error.",
            ("code",),
            registry=self._registry,
        )
        self.batches = Gauge(
            "eyeline_batches",
            "Batches that are kept, of all processes that share the database.",
            ("status",),
            registry=self._registry,
        )
        self.items_waiting = Gauge(
            "eyeline_batch_items_waiting",
            "Items of all batches that have no result yet.",
            registry=self._registry,
        )
        self.analyzer_processes = Gauge(
            "eyeline_examiner_processes",
            "Child processes that decode and analyze pictures.",
            registry=self._registry,
        )
        self.analyzer_memory = Gauge(
            "eyeline_examiner_resident_memory_bytes",
            "Resident memory of all of them; what they share is counted in each.",
            registry=self._registry,
        )

    @contextmanager
    def time_stage(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self.stages.labels(name).observe(time.perf_counter() - began)

    def count_analysis(self, record: PictureRecord) -> None:
        self.analyses.labels(record.outcome, record.verdict).inc()
        for stage, spent_ms in record.timings_ms.items():
            self.stages.labels(stage).observe(spent_ms / 1000.0)

    def set_batch_counts(self, counts: BatchCounts) -> None:
        for status, number in counts.by_status.items():
            self.batches.labels(status).set(number)
        self.items_waiting.set(counts.waiting_items)

    def track_analyzer_memory(self, resident_bytes: Callable[[], Sequence[int]]) -> None:
        """``resident_bytes``: returns the memory of each child; called when metrics are read."""
        self.analyzer_processes.set_function(lambda: len(resident_bytes()))
        self.analyzer_memory.set_function(lambda: sum(resident_bytes()))

    def render(self) -> bytes:
        return generate_latest(self._registry)
