"""Faults under a running service: ``make bench-chaos [ARGS="--only locked_tables"]``.

Whole processes on loopback, on SQLite and on a Postgres that is started here. For each fault a list
is at work while callers submit more; the fault holds for ``--seconds``; then everything accepted
must end. Printed: pictures accepted, lost and doubled, answers by status, the slowest one, seconds
from the fault's end to the first progress, and what /readyz said. Exit code 1 if anything was lost,
doubled, not at its end in time, or answered with 500.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg

from benchmarks.chaos_service import PAUSE_S, Caller, Service
from benchmarks.chaos_surroundings import FakeClock, open_black_hole, open_receiver
from tests.batches.conftest import PostgresServer, _start_system_server

LIST_ITEMS: Final = 120
TMPFS_SIZE: Final = "160m"
HANGING: Final = 20
UNANSWERED: Final = 12
CLOCK_JUMPS_S: Final = (3600, -3600, 0)
PROGRESS_TIMEOUT_S: Final = 60.0


@dataclass
class Trial:
    """A service with a list at work, and the caller that watches it."""

    service: Service
    caller: Caller
    server: PostgresServer | None
    seconds: float
    clock: FakeClock | None = None

    def wait(self) -> None:
        """For as long as a fault holds, with callers about."""
        with self.caller.calling():
            time.sleep(self.seconds)


Fault = Callable[[Trial], dict[str, Any] | None]


def kill_worker(trial: Trial) -> None:
    """kill -9 of what works on lists; started again."""
    name = "worker" if trial.service.url else "serve"
    trial.service.signal(name, signal.SIGKILL)
    trial.wait()
    trial.service.start(name)


def kill_api(trial: Trial) -> None:
    """kill -9 of the server; started again."""
    trial.service.signal("serve", signal.SIGKILL)
    trial.wait()
    trial.service.start("serve")


def freeze_worker(trial: Trial) -> None:
    """A worker that stands still, and goes on later."""
    trial.service.signal("worker", signal.SIGSTOP)
    trial.wait()
    trial.service.signal("worker", signal.SIGCONT)


def database_away(trial: Trial) -> None:
    """Postgres is not to be reached, and every connection is gone."""
    with _away(trial):
        trial.wait()


def end_while_away(trial: Trial) -> dict[str, Any]:
    """SIGTERM while Postgres is away; started again when it is back."""
    with _away(trial):
        time.sleep(2.0)
        ended_s = trial.service.terminate()
    trial.service.start()
    return {"ended_s": round(ended_s, 1)}


def no_connections(trial: Trial) -> None:
    """Others hold every connection that Postgres allows."""
    assert trial.server is not None
    assert trial.service.url is not None
    with ExitStack() as stack:
        admin = stack.enter_context(_connect(trial.server.url("postgres")))
        held = 0
        with contextlib.suppress(psycopg.OperationalError):
            while held < 200:
                _terminate(admin)
                stack.enter_context(_connect(trial.server.url("postgres")))
                held += 1
        trial.wait()


def locked_tables(trial: Trial) -> None:
    """Somebody holds the lock that every writer needs."""
    if trial.service.url is None:
        path = trial.service.folder / "data" / "eyeline.sqlite"
        with contextlib.closing(sqlite3.connect(path, timeout=30.0)) as other:
            other.execute("BEGIN IMMEDIATE")
            trial.wait()
            other.rollback()
        return
    with psycopg.connect(trial.service.url) as other:
        other.execute("LOCK TABLE batches, dbos.workflow_status IN ACCESS EXCLUSIVE MODE")
        trial.wait()
        other.rollback()


def full_disk(trial: Trial) -> dict[str, Any]:
    """A file system without a byte left; one list is erased in the middle of it."""
    data = trial.service.folder / "data"
    erased = trial.caller.submit()
    ballast = data / "ballast"
    with ballast.open("wb") as file, contextlib.suppress(OSError):
        while file.write(bytes(1_000_000)):
            file.flush()
    with trial.caller.calling():
        time.sleep(trial.seconds / 2)
        status = trial.caller.erase(erased) if erased else 0
        time.sleep(trial.seconds / 2)
    ballast.unlink()
    return {"delete": status}


def hanging_receivers(trial: Trial) -> dict[str, Any]:
    """Many lists whose webhooks nobody answers, and then one with a receiver that does."""
    with open_receiver(hangs=True) as hanging, open_receiver(hangs=False) as quick:
        for _ in range(HANGING):
            trial.caller.submit(1, webhook_url=hanging.url)
        time.sleep(2.0)
        began = time.monotonic()
        trial.caller.submit(1, webhook_url=quick.url)
        quick.called.wait(120.0)
        return {"webhook_s": round(time.monotonic() - began, 1)}


def black_hole_hosts(trial: Trial) -> dict[str, Any]:
    """A list of a host that answers no connect; and then one whose pictures are at hand."""
    with open_black_hole() as url:
        unanswered = trial.caller.submit_urls([f"{url}/{n}.png" for n in range(UNANSWERED)])
        time.sleep(2.0)
        began = time.monotonic()
        beside = trial.caller.submit()
        trial.caller.wait_for_end(beside)
        beside_s = round(time.monotonic() - began, 1)
        trial.wait()
        counts = trial.caller.wait_for_end(unanswered)["request_counts"]
    return {"beside_s": beside_s, "unanswered": UNANSWERED, "failed": counts["failed"]}


def jumping_clock(trial: Trial) -> None:
    """The time of the day goes an hour ahead, two back, and is right again."""
    assert trial.clock is not None
    for seconds in CLOCK_JUMPS_S:
        trial.clock.jump(seconds)
        trial.wait()


FAULTS: Final[dict[str, Fault]] = {
    fault.__name__: fault
    for fault in (
        *(kill_worker, kill_api, freeze_worker, database_away, end_while_away),
        *(no_connections, locked_tables, full_disk, hanging_receivers),
        *(black_hole_hosts, jumping_clock),
    )
}
POSTGRES_ONLY: Final = {"freeze_worker", "database_away", "end_while_away", "no_connections"}
SQLITE_ONLY: Final = {"full_disk"}


def run_fault(name: str, server: PostgresServer | None, seconds: float) -> dict[str, Any]:
    """One row of the table."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="eyeline-chaos-")))
        (folder / "data").mkdir(mode=0o700)
        if name == "full_disk":
            stack.enter_context(_small_disk(folder / "data"))
        clock = FakeClock(folder) if name == "jumping_clock" else None
        service = Service(
            folder,
            server.create_empty_database() if server else None,
            clock.environment if clock else {},
        )
        stack.callback(service.terminate)
        service.start()
        caller = Caller(service)
        batch_id = caller.submit(LIST_ITEMS)
        if batch_id is None:
            raise SystemExit(f"no list was taken in: {dict(caller.statuses)}")
        while (caller.done(batch_id) or 0) < 5:
            time.sleep(PAUSE_S)
        extra = FAULTS[name](Trial(service, caller, server, seconds, clock)) or {}
        progress_s = _first_progress_s(caller, batch_id)
        return {
            "fault": name,
            "database": "postgres" if server else "sqlite",
            **caller.audit(),
            "answers": dict(sorted(caller.statuses.items())),
            "slowest_s": round(caller.slowest_s, 1),
            "progress_s": progress_s,
            "ready": [reason[:60] for reason, _ in caller.reasons.most_common(2)],
            "outage_lines": service.log_lines("eyeline.database"),
            **extra,
        }


def _first_progress_s(caller: Caller, batch_id: str) -> float | None:
    """Seconds until another picture is done, of a list of its own where the first has ended."""
    began = time.monotonic()
    target: str | None = batch_id
    before: int | None = None
    while time.monotonic() - began < PROGRESS_TIMEOUT_S:
        done = caller.done(target) if target else None
        if before is None:
            before = done
        elif done is not None and done > before:
            return round(time.monotonic() - began, 1)
        if target is None or (before is not None and before >= LIST_ITEMS):
            target, before = caller.submit(), 0
        time.sleep(PAUSE_S)
    return None


@contextlib.contextmanager
def _away(trial: Trial) -> Iterator[None]:
    assert trial.server is not None
    folder = Path(trial.server.url("postgres").rpartition("host=")[2])
    address, hidden = folder / ".s.PGSQL.5432", folder / "hidden"
    with _connect(trial.server.url("postgres")) as admin:
        address.rename(hidden)
        try:
            _terminate(admin)
            yield
        finally:
            hidden.rename(address)


def _connect(url: str) -> psycopg.Connection[Any]:
    return psycopg.connect(url, autocommit=True, application_name="chaos")


def _terminate(admin: psycopg.Connection[Any]) -> None:
    admin.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE application_name <> 'chaos' AND backend_type = 'client backend'"
    )


@contextlib.contextmanager
def _small_disk(folder: Path) -> Iterator[None]:
    """A file system of its own in ``folder``; needs root."""
    mount = shutil.which("mount")
    if mount is None or os.geteuid() != 0:
        raise SystemExit("full_disk mounts a small file system: run it as root, or leave it out")
    command = [mount, "-t", "tmpfs", "-o", f"size={TMPFS_SIZE},mode=700", "tmpfs", str(folder)]
    subprocess.run(command, check=True)  # noqa: S603 - our own
    try:
        yield
    finally:
        command = [str(shutil.which("umount")), "--lazy", str(folder)]
        subprocess.run(command, check=True)  # noqa: S603 - as above


def main() -> None:
    """Print a row for each fault and database as it is done."""
    parser = argparse.ArgumentParser(prog="make bench-chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0, help="that a fault holds")
    parser.add_argument("--database", choices=["sqlite", "postgres"], help="both by default")
    parser.add_argument("--only", nargs="*", choices=FAULTS, default=list(FAULTS))
    arguments = parser.parse_args()
    is_sound = True
    with ExitStack() as stack:
        for database in [arguments.database] if arguments.database else ["sqlite", "postgres"]:
            address = _start_system_server(stack) if database == "postgres" else None
            server = PostgresServer(address) if address else None
            left_out = SQLITE_ONLY if server else POSTGRES_ONLY
            for name in [each for each in arguments.only if each not in left_out]:
                row = run_fault(name, server, arguments.seconds)
                sys.stdout.write(json.dumps(row) + "\n")
                sys.stdout.flush()
                is_sound &= not (
                    row["lost"] or row["doubled"] or row["unfinished"] or "500" in row["answers"]
                )
    raise SystemExit(0 if is_sound else 1)


if __name__ == "__main__":
    main()
