"""``eyeline worker`` beside ``eyeline serve``, on a Postgres that both share."""

from __future__ import annotations

import http.server
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from app.__main__ import cli
from app.cli.startup import EXIT_USAGE
from tests.api.batches.test_end_to_end import SilentHandler, run_service
from tests.api.picture_server import WAIT_TIMEOUT_S, submit_batch, wait_for_end, wait_until
from tests.batches.conftest import PostgresServer, postgres  # noqa: F401 - a fixture
from tests.conftest import FACES


@pytest.fixture
def avatar_url() -> Iterator[str]:
    handler = partial(SilentHandler, directory=str(FACES))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def read_log(worker: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
    """The worker's own lines."""
    assert worker.stderr is not None
    for line in worker.stderr:
        if line.startswith("{") and (entry := json.loads(line))["logger"] == "eyeline.worker":
            yield entry


def test_workers_share_a_postgres_or_are_told_so() -> None:
    result = CliRunner().invoke(cli, ["worker"])
    assert result.exit_code == EXIT_USAGE
    assert "EYELINE_DATABASE_URL" in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_database_that_is_not_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EYELINE_DATABASE_URL", "postgresql://user:secret@127.0.0.1:1/none")
    result = CliRunner().invoke(cli, ["worker"])
    assert result.exit_code == EXIT_USAGE
    assert "EYELINE_DATABASE_URL cannot be used: no server listens there" in result.stderr
    assert "secret" not in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.slow
def test_a_service_without_threads_of_its_own_leaves_it_to_a_worker(
    postgres: PostgresServer,  # noqa: F811
    avatar_url: str,
    tmp_path: Path,
) -> None:
    url = postgres.create_database()
    shared = {"EYELINE_DATABASE_URL": url, "EYELINE_FETCH_ALLOW": "127.0.0.1"}
    environment = {k: v for k, v in os.environ.items() if not k.startswith("EYELINE_")} | shared
    worker = subprocess.Popen(
        [sys.executable, "-m", "app", "worker", "--workers", "1", "--port", "0"],
        env={**environment, "EYELINE_ISOLATE": "false", "EYELINE_DATA_DIR": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
    )
    log = read_log(worker)
    try:
        with run_service(tmp_path, **shared, EYELINE_BATCH_WORKERS="0") as (client, _):
            batch = submit_batch(
                client, json={"items": [{"url": f"{avatar_url}/astronaut.jpg"}] * 3}
            )
            done = wait_for_end(client, batch)
            assert done["request_counts"] == {"total": 3, "completed": 3, "failed": 0}
            probes = f"http://127.0.0.1:{next(log)['probe_port']}"
            assert httpx.get(f"{probes}/readyz", trust_env=False).json() == {"status": "ready"}
            metrics = httpx.get(f"{probes}/metrics", trust_env=False).text
            assert 'eyeline_batch_items_total{result="completed"} 3.0' in metrics
            assert 'eyeline_batches{status="completed"} 1.0' in metrics
            worker.send_signal(signal.SIGTERM)
            assert worker.wait(timeout=WAIT_TIMEOUT_S) == 0
            wait_until(
                lambda: "eyeline worker" in client.get("/readyz").text,
                "the service to miss its workers",
            )
            assert client.get("/readyz").status_code == 200  # single pictures are answered
        (end,) = log
        assert (end["items"], end["failed"]) == (3, 0)
    finally:
        worker.kill()
        worker.communicate()
