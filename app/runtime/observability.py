"""Prometheus metrics, and logging. Every label has a small fixed set of values."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import structlog
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from structlog.typing import Processor

from app import __version__
from app.analysis.child_pool import AnyAnalyzer
from app.batches.backlog import Backlog
from app.batches.service import BatchService
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
        self.items = Counter(
            "eyeline_batch_items",
            "Items of lists that this process gave a result, by its kind.",
            ("result",),
            registry=self._registry,
        )
        self.queue_age = Gauge(
            "eyeline_batch_queue_age_seconds",
            "How long ago the unfinished list that waits longest had its last progress; 0 if none.",
            registry=self._registry,
        )
        self.webhooks = Gauge(
            "eyeline_webhooks",
            "Webhook messages that are kept, of all processes that share the database.",
            ("state",),
            registry=self._registry,
        )
        self.build = Info("eyeline_build", "What is running.", registry=self._registry)

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

    def set_build(self, calibration_id: str) -> None:
        """``calibration_id``: of the models in use."""
        self.build.info({"version": __version__, "calibration": calibration_id})

    def set_backlog(self, backlog: Backlog) -> None:
        self.queue_age.set(backlog.queue_age_s)
        for state, number in backlog.webhooks.items():
            self.webhooks.labels(state).set(number)

    def count_items(self, completed: int, failed: int) -> None:
        """Results that were just stored."""
        self.items.labels("completed").inc(completed)
        self.items.labels("failed").inc(failed)

    def item_counts(self) -> tuple[int, int]:
        """Items that this process gave a result, and how many of them failed."""
        counts = {
            sample.labels["result"]: int(sample.value)
            for metric in self.items.collect()
            for sample in metric.samples
            if sample.name.endswith("_total")
        }
        failed = counts.get("failed", 0)
        return counts.get("completed", 0) + failed, failed

    def track_analyzer(self, analyzer: AnyAnalyzer) -> None:
        """Read the state of its child processes whenever metrics are read."""
        self._registry.register(_ChildCollector(analyzer))

    def render_all(self, service: BatchService) -> bytes:
        """Everything, with the state of the database that ``service`` works on.

        Raises what reading it raises.
        """
        self.set_batch_counts(service.count_batches())
        self.set_backlog(service.read_backlog())
        return self.render()

    def render(self) -> bytes:
        return generate_latest(self._registry)


class _ChildCollector(Collector):
    """Metrics of the child processes, which keep their own counts."""

    def __init__(self, analyzer: AnyAnalyzer) -> None:
        self._analyzer = analyzer

    def collect(self) -> Iterator[Metric]:
        resident_bytes = self._analyzer.child_memory_bytes()
        yield GaugeMetricFamily(
            "eyeline_examiner_processes",
            "Child processes that decode and analyze pictures.",
            len(resident_bytes),
        )
        yield GaugeMetricFamily(
            "eyeline_examiner_resident_memory_bytes",
            "Resident memory of all of them; what they share is counted in each.",
            sum(resident_bytes),
        )
        failures = CounterMetricFamily(
            "eyeline_examiner_failures",
            "How often one died or hung, took too long to unpack a picture, or did not start.",
            labels=("reason",),
        )
        for reason, number in self._analyzer.child_failures().items():
            failures.add_metric((reason,), number)
        yield failures
