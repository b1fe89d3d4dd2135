"""A process that works on batches, for tests that kill it.

    python -m tests.batches.worker_process DATA_DIR URL|- LOG WORKERS SECONDS [ITEMS]

With ITEMS it hands in a list of so many pictures first, if there is none yet; then it works until
it is told to go. It says on stdout when it is ready.
"""

import faulthandler
import logging
import sys
from pathlib import Path

from app.batches.service import BatchService
from app.batches.store.models import BatchRequest
from app.cli.worker import run_until_signal
from tests.batches.fake_tools import FakeTools, picture_items


def main(data_dir: str, url: str, log: str, workers: str, analyze_s: str, items: str = "0") -> None:
    logging.basicConfig(level=logging.WARNING)
    faulthandler.dump_traceback_later(60, repeat=True)  # one that hangs says where
    tools = FakeTools(Path(log), float(analyze_s)).tools()

    def open_service() -> BatchService:
        service = BatchService.open(
            database_url=None if url == "-" else url,
            data_dir=Path(data_dir),
            tools=tools,
            workers=int(workers),
            retention_s=3600,
            max_waiting_items=10_000_000,
        )
        if int(items):
            request = BatchRequest(
                prior=0.5,
                idempotency_key="the list",
                webhook_url="https://hooks.example/a",
                flagged_threshold=int(items) // 8,
            )
            service.submit(request, picture_items(int(items)))
        return service

    def print_ready(_: BatchService) -> None:
        sys.stdout.write("ready\n")
        sys.stdout.flush()

    run_until_signal(open_service, print_ready)


if __name__ == "__main__":
    main(*sys.argv[1:])
