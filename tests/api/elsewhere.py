"""Pictures on another server on loopback, an analyst who judges by shade, and patience."""

from __future__ import annotations

import http.server
import io
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
from PIL import Image

from app.analysis.analyzer import Examined
from app.evidence import Verdict
from app.image.picture import decode
from tests.api.stand_in import StandIn, opinion

PATIENCE_S = 60.0
LIKELY_FROM = 200
UNLIKELY_TO = 100


def shade_png(shade: int) -> bytes:
    """A picture of one grey, 0 to 255."""
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), (shade, shade, shade)).save(buffer, "PNG")
    return buffer.getvalue()


class ByShade(StandIn):
    """Finds the bright ones likely generated, and the very bright ones more so."""

    def __call__(self, data: bytes) -> Examined:
        picture = decode(data)
        self._meanwhile()
        shade = int(picture.rgb[0, 0, 0])
        verdict = Verdict.INCONCLUSIVE
        if shade >= LIKELY_FROM:
            verdict = Verdict.LIKELY_GENERATED
        elif shade <= UNLIKELY_TO:
            verdict = Verdict.UNLIKELY_GENERATED
        said = replace(opinion(picture), llr=round(shade / 32 - 4, 3), verdict=verdict)
        return Examined(picture, said, {"decode": 1.0, "landmarks": 2.0, "checks": 3.0})


@dataclass
class Elsewhere:
    """``url(200)`` is a picture of that shade, ``url(404)`` is none. ``asked``: paths, counted."""

    address: str
    asked: Counter[str] = field(default_factory=Counter)
    ill: set[str] = field(default_factory=set)
    """Paths that answer 503."""
    rest_s: int | None = None
    """And for how long they then ask to be left alone."""

    def url(self, shade: int) -> str:
        return f"{self.address}/{shade}.png"

    def items(self, *shades: int) -> list[dict[str, Any]]:
        return [{"custom_id": f"@{shade}", "url": self.url(shade)} for shade in shades]


@contextmanager
def pictures_elsewhere() -> Iterator[Elsewhere]:
    there = Elsewhere("")

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            there.asked[self.path] += 1
            shade = self.path.removeprefix("/").removesuffix(".png")
            found = shade.isdecimal() and int(shade) < 256
            body = shade_png(int(shade)) if found else b""
            self.send_response(503 if self.path in there.ill else 200 if found else 404)
            if self.path in there.ill and there.rest_s is not None:
                self.send_header("Retry-After", str(there.rest_s))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        there.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield there
        server.shutdown()
        thread.join()


def until(met: Callable[[], bool], what: str) -> None:
    """Wait for ``met``; no test of ours depends on how long that takes."""
    ends = time.monotonic() + PATIENCE_S
    while not met():
        assert time.monotonic() < ends, f"waited in vain for {what}"
        time.sleep(0.02)


def submitted(client: httpx.Client, **request: Any) -> dict[str, Any]:
    """The batch that ``request`` became."""
    response = client.post("/v1/batches", **request)
    assert response.status_code == 202, response.text
    batch: dict[str, Any] = response.json()
    assert response.headers["location"] == f"/v1/batches/{batch['id']}"
    return batch


def ended(client: httpx.Client, batch: dict[str, Any]) -> dict[str, Any]:
    """``batch`` once it has ended."""
    found: dict[str, Any] = {}

    def met() -> bool:
        found.update(client.get(f"/v1/batches/{batch['id']}").json())
        return found["status"] in ("completed", "failed", "cancelled")

    until(met, "the end of the batch")
    return found


def finished(client: httpx.Client, **request: Any) -> dict[str, Any]:
    """The batch that ``request`` became, completed."""
    batch = ended(client, submitted(client, **request))
    assert batch["status"] == "completed", batch
    return batch
