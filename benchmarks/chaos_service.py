"""The service that ``chaos`` breaks, and the callers that watch it meanwhile.

Whole processes on loopback with a database of their own. A caller submits small lists all the time;
what was answered with 202 is accepted, and must be there at the end: each item once, and no other
list.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
from PIL import Image

ROOT: Final = Path(__file__).resolve().parent.parent
START_TIMEOUT_S: Final = 120.0
END_TIMEOUT_S: Final = 180.0
PAUSE_S: Final = 0.2
ENDED: Final = ("completed", "failed", "cancelled")
SECRET: Final = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="  # noqa: S105 - of nobody


def make_zip(first: int, count: int) -> bytes:
    """So many small pictures, each another one."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(first, first + count):
            picture = io.BytesIO()
            colour = (number % 256, number // 256 % 256, number // 65_536)
            Image.new("RGB", (64, 64), colour).save(picture, "PNG")
            archive.writestr(f"{number}.png", picture.getvalue())
    return buffer.getvalue()


@dataclass
class Service:
    """``eyeline serve``, and with Postgres one ``eyeline worker``.

    ``url``: of the database. ``environment``: what else their processes find there.
    """

    folder: Path
    url: str | None
    environment: Mapping[str, str] = field(default_factory=dict)
    port: int = 0
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, *names: str) -> None:
        """Start these, or all; returns when the server answers."""
        for name in names or (("serve", "worker") if self.url else ("serve",)):
            self._start_one(name)
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._is_alive():
            if time.monotonic() > deadline:
                raise SystemExit(f"the service did not start: see {self.folder}")
            time.sleep(PAUSE_S)

    def signal(self, name: str, number: signal.Signals) -> None:
        self.processes[name].send_signal(number)
        if number == signal.SIGKILL:
            self.processes.pop(name).wait()

    def terminate(self) -> float:
        """Seconds that all processes took to end after SIGTERM; 60 where one had to be killed."""
        began = time.monotonic()
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            try:
                process.wait(60.0)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes.clear()
        return time.monotonic() - began

    def log_lines(self, text: str) -> int:
        """Lines of all logs that hold ``text``."""
        logs = [path.read_text(errors="replace") for path in self.folder.glob("*.log")]
        return sum(text in line for log in logs for line in log.splitlines())

    def _start_one(self, name: str) -> None:
        environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("EYELINE_")},
            "EYELINE_DATA_DIR": str(self.folder / "data"),
            "EYELINE_WORKERS": "1",
            "EYELINE_BATCH_WORKERS": "1" if name == "worker" or not self.url else "0",
            "EYELINE_FETCH_ALLOW": "127.0.0.1",
            "EYELINE_WEBHOOK_SECRET": SECRET,
            **({"EYELINE_DATABASE_URL": self.url} if self.url else {}),
            **self.environment,
        }
        options = ["--port", str(self.port)] if name == "serve" else ["--port", "0"]
        log = self.folder / f"{name}.log"
        with log.open("ab") as stderr:
            self.processes[name] = subprocess.Popen(  # noqa: S603 - ourselves
                [sys.executable, "-m", "app", name, *options],
                stderr=stderr,
                stdout=stderr,
                env=environment,
                cwd=ROOT,
            )
        if name == "serve" and not self.port:
            self.port = _wait_for_port(log, self.processes[name])

    def _is_alive(self) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(f"{self.base}/livez", timeout=2.0).status_code == 200
        return False


def _wait_for_port(log: Path, process: subprocess.Popen[bytes]) -> int:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        if match := re.search(r"running on http://127\.0\.0\.1:(\d+)", log.read_text()):
            return int(match[1])
        time.sleep(PAUSE_S)
    raise SystemExit(f"the service did not start: {log.read_text()[-500:]}")


@dataclass
class Caller:
    """Submits lists of ``items`` pictures, one after the other, until it is stopped."""

    service: Service
    items: int = 5
    statuses: Counter[str] = field(default_factory=Counter)
    accepted: dict[str, int] = field(default_factory=dict)
    slowest_s: float = 0.0
    reasons: Counter[str] = field(default_factory=Counter)
    _number: int = 0

    def submit(self, items: int | None = None, **query: str) -> str | None:
        """The id of a list that was accepted; ``None`` if it was not."""
        count = items or self.items
        self._number += count
        return self._submit(count, content=make_zip(self._number, count), params=query)

    def submit_urls(self, urls: list[str]) -> str | None:
        """As ``submit``: a list of these addresses."""
        body = "".join(f"{line}\n" for line in ("url", *urls))
        return self._submit(len(urls), content=body, headers={"Content-Type": "text/csv"})

    def _submit(self, count: int, **options: Any) -> str | None:
        answer = self._call("POST", "/v1/batches", **options)
        if answer is None or answer.status_code != 202:
            return None
        self.accepted[answer.json()["id"]] = count
        return str(answer.json()["id"])

    def done(self, batch_id: str) -> int | None:
        """Items of a list with a result; ``None`` where that cannot be read."""
        answer = self._call("GET", f"/v1/batches/{batch_id}")
        if answer is None or answer.status_code != 200:
            return None
        counts = answer.json()["request_counts"]
        return int(counts["completed"] + counts["failed"])

    def probe(self) -> None:
        """Ask whether the service is ready, and keep the reasons if it is not."""
        with contextlib.suppress(httpx.HTTPError):
            answer = httpx.get(f"{self.service.base}/readyz", timeout=15.0)
            if answer.status_code != 200:
                self.reasons.update(answer.json().get("reasons", []))

    def erase(self, batch_id: str) -> int:
        """The status of a DELETE."""
        answer = self._call("DELETE", f"/v1/batches/{batch_id}")
        self.accepted.pop(batch_id, None)
        return 0 if answer is None else answer.status_code

    @contextlib.contextmanager
    def calling(self) -> Iterator[None]:
        """Submit, read and probe, over and over, during the block."""
        stop = threading.Event()

        def call() -> None:
            while not stop.wait(PAUSE_S):
                batch_id = self.submit()
                self.done(batch_id or next(iter(self.accepted), "batch_none"))
                self.probe()

        thread = threading.Thread(target=call)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def audit(self) -> dict[str, int]:
        """What became of all that was accepted, once it has ended."""
        lost = doubled = unfinished = 0
        for batch_id, count in self.accepted.items():
            batch = self.wait_for_end(batch_id)
            seqs = Counter(self._result_seqs(batch_id))
            if batch["status"] in ENDED:
                lost += count - len(seqs)
            else:
                unfinished += count - len(seqs)
            doubled += sum(seqs.values()) - len(seqs)
            counts = batch["request_counts"]
            lost += abs(counts["completed"] + counts["failed"] - len(seqs))
        listed = self._listed()
        return {
            "accepted": sum(self.accepted.values()),
            "lost": lost,
            "unfinished": unfinished,
            "doubled": doubled + len(listed - self.accepted.keys()),
        }

    def wait_for_end(self, batch_id: str | None) -> dict[str, Any]:
        """A list once it has ended, or after ``END_TIMEOUT_S``."""
        deadline = time.monotonic() + END_TIMEOUT_S
        while True:
            batch = httpx.get(f"{self.service.base}/v1/batches/{batch_id}", timeout=15.0).json()
            if batch.get("status") in ENDED or time.monotonic() > deadline:
                missing = {"status": "", "request_counts": {"completed": 0, "failed": 0}}
                return {**missing, **batch}
            time.sleep(PAUSE_S)

    def _result_seqs(self, batch_id: str) -> list[int]:
        headers = {"Accept": "application/x-ndjson"}
        url = f"{self.service.base}/v1/batches/{batch_id}/results"
        lines = httpx.get(url, headers=headers, timeout=60.0).text.splitlines()
        return [line["seq"] for line in map(json.loads, lines) if "seq" in line]

    def _listed(self) -> set[str]:
        found, cursor = set(), None
        while True:
            query = {"limit": 100, **({"cursor": cursor} if cursor else {})}
            page = httpx.get(f"{self.service.base}/v1/batches", params=query, timeout=15.0).json()
            found |= {batch["id"] for batch in page["data"]}
            cursor = page["next_cursor"]
            if cursor is None:
                return found

    def _call(self, method: str, path: str, **options: Any) -> httpx.Response | None:
        began = time.monotonic()
        try:
            answer = httpx.request(method, f"{self.service.base}{path}", timeout=60.0, **options)
        except httpx.HTTPError:
            self.statuses["no connection"] += 1
            return None
        self.slowest_s = max(self.slowest_s, time.monotonic() - began)
        self.statuses[str(answer.status_code)] += 1
        return answer
