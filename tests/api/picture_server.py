"""Pictures on another server on loopback, an analyzer that judges by shade, and waiting."""

from __future__ import annotations

import io
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
from PIL import Image

from app.analysis.analyzer import Stopwatch
from app.evidence import Analysis, Depth, Verdict
from app.image.picture import Picture
from tests.api.stub_analyzer import StubAnalyzer
from tests.likelihood_ratios import make_ratios
from tests.loopback_server import SentAnswer, SentRequest, serve_answers

WAIT_TIMEOUT_S = 60.0
LIKELY_FROM = 200
UNLIKELY_TO = 100


def shade_png(shade: int) -> bytes:
    """A picture of one grey, 0 to 255."""
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), (shade, shade, shade)).save(buffer, "PNG")
    return buffer.getvalue()


class ShadeAnalyzer(StubAnalyzer):
    """Finds the bright ones likely StyleGAN, and the very bright ones more so."""

    def decode_and_analyze(
        self,
        data: bytes,
        stopwatch: Stopwatch,
        sha256: str | None = None,
        depth: Depth = Depth.NEEDED,
    ) -> tuple[Picture, Analysis]:
        picture, analysis = super().decode_and_analyze(data, stopwatch, sha256, depth)
        shade = int(picture.rgb[0, 0, 0])
        verdict = Verdict.INCONCLUSIVE
        if shade >= LIKELY_FROM:
            verdict = Verdict.LIKELY_STYLEGAN
        elif shade <= UNLIKELY_TO:
            verdict = Verdict.UNLIKELY_STYLEGAN
        ratios = make_ratios(round(shade / 32 - 4, 3))
        return picture, replace(analysis, against=ratios, verdict=verdict)


@dataclass
class PictureServer:
    """``url(200)`` is a picture of that shade, ``url(404)`` is none.

    ``requests``: paths, counted.
    """

    address: str
    requests: Counter[str] = field(default_factory=Counter)
    failing_paths: set[str] = field(default_factory=set)
    """Paths that answer 503."""
    swapped_shades: dict[int, int] = field(default_factory=dict)
    """Shades in whose place others are served."""
    retry_after_s: int | None = None
    """And for how long they then ask to be left alone."""

    def url(self, shade: int) -> str:
        return f"{self.address}/{shade}.png"

    def items(self, *shades: int) -> list[dict[str, Any]]:
        return [{"custom_id": f"@{shade}", "url": self.url(shade)} for shade in shades]


@contextmanager
def run_picture_server() -> Iterator[PictureServer]:
    pictures = PictureServer("")

    def answer(request: SentRequest) -> SentAnswer:
        path = request.target
        pictures.requests[path] += 1
        shade = path.removeprefix("/").removesuffix(".png")
        exists = shade.isdecimal() and int(shade) < 256
        body = shade_png(pictures.swapped_shades.get(int(shade), int(shade))) if exists else b""
        if path not in pictures.failing_paths:
            return SentAnswer(200 if exists else 404, body)
        pause = pictures.retry_after_s
        return SentAnswer(503, body, {} if pause is None else {"Retry-After": str(pause)})

    with serve_answers(answer) as pictures.address:
        yield pictures


def wait_until(condition: Callable[[], bool], description: str) -> None:
    """Wait for ``met``; no test of ours depends on how long that takes."""
    deadline = time.monotonic() + WAIT_TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {description}"
        time.sleep(0.02)


def submit_batch(client: httpx.Client, **request: Any) -> dict[str, Any]:
    """The batch that ``request`` became."""
    response = client.post("/v1/batches", **request)
    assert response.status_code == 202, response.text
    batch: dict[str, Any] = response.json()
    assert response.headers["location"] == f"/v1/batches/{batch['id']}"
    return batch


def wait_for_end(client: httpx.Client, batch: dict[str, Any]) -> dict[str, Any]:
    """``batch`` once it has ended."""
    latest: dict[str, Any] = {}

    def has_ended() -> bool:
        latest.update(client.get(f"/v1/batches/{batch['id']}").json())
        return latest["status"] in ("completed", "failed", "cancelled")

    wait_until(has_ended, "the end of the batch")
    return latest


def complete_batch(client: httpx.Client, **request: Any) -> dict[str, Any]:
    """The batch that ``request`` became, completed."""
    batch = wait_for_end(client, submit_batch(client, **request))
    assert batch["status"] == "completed", batch
    return batch
