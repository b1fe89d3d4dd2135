"""A process that works on batches, for tests that kill it.

    python -m tests.batches.house DATA_DIR URL|- LOG WORKERS SECONDS [ITEMS]

With ITEMS it hands in a list of so many pictures first, if there is none yet; then it works until
it is told to go. It says on stdout when it is ready.
"""

import faulthandler
import logging
import sys
from pathlib import Path

from app.batches.service import Desk
from app.batches.store.models import NewBatch
from app.cli.serve import work
from tests.batches.stand_in import StandIn, pictures


def main(data_dir: str, url: str, log: str, workers: str, seconds: str, items: str = "0") -> None:
    logging.basicConfig(level=logging.WARNING)
    faulthandler.dump_traceback_later(60, repeat=True)  # one that hangs says where
    tools = StandIn(Path(log), float(seconds)).tools()

    def opened() -> Desk:
        desk = Desk.open(
            database_url=None if url == "-" else url,
            data_dir=Path(data_dir),
            tools=tools,
            workers=int(workers),
            retention_s=3600,
            max_waiting_items=10_000_000,
        )
        if int(items):
            new = NewBatch(prior=0.5, idempotency_key="the list")
            desk.submit(new, pictures(int(items)))
        return desk

    def ready() -> None:
        sys.stdout.write("ready\n")
        sys.stdout.flush()

    work(opened, ready)


if __name__ == "__main__":
    main(*sys.argv[1:])
