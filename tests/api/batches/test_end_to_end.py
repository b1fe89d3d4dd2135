"""A list through everything that ships: a service of its own, real models, fixtures, pictures."""

from __future__ import annotations

import http.server
import io
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from app.api.batches.schemas import ResultPageOut
from app.runtime.batch_json import BatchOut
from tests.api.picture_server import (
    WAIT_TIMEOUT_S,
    complete_batch,
    submit_batch,
    wait_for_end,
    wait_until,
)
from tests.conftest import FACES

PICTURES = sorted(path.name for path in FACES.iterdir() if path.suffix in (".jpg", ".png"))


class SilentHandler(http.server.SimpleHTTPRequestHandler):
    """Pictures of a folder, and no word about it."""

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def avatars() -> Iterator[str]:
    handler = partial(SilentHandler, directory=str(FACES))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


@contextmanager
def run_service(
    data_dir: Path, **extra_environment: str
) -> Iterator[tuple[httpx.Client, subprocess.Popen[bytes]]]:
    """``eyeline serve`` in a process of its own, and a client of it; stopped as operators do."""
    port = _free_port()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("EYELINE_")} | {
        "EYELINE_PORT": str(port),
        "EYELINE_DATA_DIR": str(data_dir),
        "EYELINE_FETCH_ALLOW": "127.0.0.1",
        "EYELINE_WORKERS": "1",
        "EYELINE_BATCH_WORKERS": "2",
        "EYELINE_ISOLATE": "false",
        **extra_environment,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "serve"],
        env=environment,
        stderr=subprocess.DEVNULL,
    )
    try:
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}", timeout=WAIT_TIMEOUT_S, trust_env=False
        ) as client:
            wait_until(lambda: _is_ready(client, process), "the service")
            yield client, process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=WAIT_TIMEOUT_S)


def _is_ready(client: httpx.Client, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, "the service ended"
    try:
        return client.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False


def _free_port() -> int:
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as server:
        return int(server.server_address[1])


@pytest.mark.slow
def test_a_list_in_results_pictures_and_events_out_and_still_there_after_a_restart(
    avatars: str, tmp_path: Path
) -> None:
    rows = [f"{name},{avatars}/{name}" for name in PICTURES]
    with run_service(tmp_path) as (client, process):
        body = "\n".join(["account,avatar_url", *rows, f"gone,{avatars}/none.png"])
        headers = {"Content-Type": "text/csv", "Idempotency-Key": "1"}
        batch = BatchOut.model_validate(complete_batch(client, content=body, headers=headers))
        assert batch.request_counts.completed == len(PICTURES)
        assert batch.request_counts.failed == 1
        assert batch.cohort is not None
        assert batch.cohort.model_fields_set >= {
            "prevalence", "expected_false_flags", "concentration", "duplicates", "templates",
        }  # fmt: skip
        path = f"/v1/batches/{batch.id}"
        page = ResultPageOut.model_validate(client.get(f"{path}/results").json())
        assert [line.seq for line in page.data] == list(range(len(PICTURES) + 1))
        by_name = {line.custom_id: line.model_dump(mode="json") for line in page.data}
        for name in ("astronaut_ffhq_frame.jpg", "landscape.jpg", "astronaut.jpg"):
            files = {"file": (FACES / name).read_bytes()}
            alone: dict[str, Any] = client.post("/v1/analyses", files=files).json()
            for part in ("llr", "verdict", "outcome", "checks", "face", "image"):
                assert by_name[name][part] == alone[part], (name, part)
        for name in ("montage.png", "composite.png", "scatter.png"):
            Image.open(io.BytesIO(client.get(f"{path}/{name}").content)).load()
        assert "astronaut_ffhq_frame.jpg" in client.get(f"{path}/report.html").text
        events = client.get(f"{path}/events").text
        assert "event: completed" in events
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=WAIT_TIMEOUT_S)
    with run_service(tmp_path) as (client, process):
        again = BatchOut.model_validate(client.get(path).json())
        assert again == batch
        replay = client.post("/v1/batches", content=body, headers=headers)
        assert replay.headers["idempotent-replayed"] == "true"
        check_second_service_refused(tmp_path)
        check_stop_with_open_listener(client, process, avatars)


@pytest.mark.slow
def test_killed_and_started_again_it_goes_on(avatars: str, tmp_path: Path) -> None:
    items = [{"url": f"{avatars}/{PICTURES[n % len(PICTURES)]}?{n}"} for n in range(150)]
    with run_service(tmp_path) as (client, process):
        batch = submit_batch(client, json={"items": items})
        path = f"/v1/batches/{batch['id']}"
        wait_until(
            lambda: client.get(path).json()["request_counts"]["completed"] > 0, "a first piece"
        )
        process.kill()
        process.wait()
    with run_service(tmp_path) as (client, _):
        done = wait_for_end(client, batch)
        assert done["status"] == "completed"
        assert done["request_counts"] == {"total": 150, "completed": 150, "failed": 0}
        lines = client.get(f"{path}/results", params={"format": "ndjson"}).text.splitlines()
        assert [json.loads(line)["seq"] for line in lines[:-1]] == list(range(150))


def check_second_service_refused(data_dir: Path) -> None:
    """While a service works in a folder, another one says in a line why it does not."""
    second = subprocess.run(
        [sys.executable, "-m", "app", "serve", "--port", "0"],
        env=os.environ | {"EYELINE_DATA_DIR": str(data_dir)},
        capture_output=True,
        text=True,
        timeout=WAIT_TIMEOUT_S,
    )
    assert second.returncode == 2
    assert "another process works in" in second.stderr
    assert second.stderr.count("\n") == 1


def check_stop_with_open_listener(
    client: httpx.Client, process: subprocess.Popen[bytes], avatars: str
) -> None:
    """Who follows a batch that is far from its end holds nobody up."""
    items = [{"url": f"{avatars}/{PICTURES[n % len(PICTURES)]}?{n}"} for n in range(2000)]
    batch = submit_batch(client, json={"items": items})
    with client.stream("GET", f"/v1/batches/{batch['id']}/events") as response:
        assert next(response.iter_lines()).startswith("id: ")
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=WAIT_TIMEOUT_S)


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    refused = subprocess.run(
        [sys.executable, "-m", "app", "serve", "--port", "0"],
        env=os.environ | {"EYELINE_DATA_DIR": str(tmp_path / "file")},
        capture_output=True,
        text=True,
        timeout=WAIT_TIMEOUT_S,
    )
    assert refused.returncode == 2
    assert refused.stderr.startswith("eyeline: EYELINE_DATA_DIR=")
    assert refused.stderr.count("\n") == 1
