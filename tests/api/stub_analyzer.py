"""An analyzer whose answer is fixed, behind a real server on loopback."""

from __future__ import annotations

import io
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, ClassVar

import httpx
import numpy as np
import uvicorn
from fastapi import FastAPI
from PIL import Image

from app.analysis.analyzer import Analyzer, Stopwatch
from app.analysis.model import ModelInfo
from app.api.app import create_app
from app.api.server.options import uvicorn_options
from app.checks.eye_alignment import CHECK as EYE_ALIGNMENT
from app.checks.texture import CHECK as TEXTURE
from app.evidence import (
    NO_RATIOS,
    Analysis,
    Depth,
    Evidence,
    Mark,
    Match,
    Outcome,
    Reading,
    Verdict,
)
from app.face.alignment import Alignment, Box
from app.face.face import Face
from app.image.picture import Picture, decode
from app.settings import Settings
from tests.likelihood_ratios import make_ratios

StartServer = Callable[..., httpx.Client]
"""``start(analyzer, workers=1, ...)``: a server for one test; arguments are settings."""

EYES = [[0.374, 0.47], [0.626, 0.47]]
DESCRIPTION = {
    "id": "0123456789ab",
    "networks": {"witness.onnx": "0a" * 32, "person.onnx": "0b" * 32},
    "checks": {
        "eye_alignment": {"weight": 1.0},
        "texture": {"weight": 0.8, "auc_400px": 0.93},
    },
}


def picture_bytes(size: tuple[int, int] = (40, 30), kind: str = "PNG") -> bytes:
    """A small picture of nothing."""
    noise = np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, kind)
    return buffer.getvalue()


def stub_analysis(picture: Picture, outcome: Outcome = Outcome.SCORED) -> Analysis:
    """The stub's analysis of ``picture``."""
    scored = outcome is Outcome.SCORED
    face = Face(np.tile(np.array(EYES[0]) * picture.size, (478, 1)))
    landmarks = face.landmarks.copy()
    landmarks[473] = np.array(EYES[1]) * picture.size
    face = Face(landmarks)
    width, height = picture.size
    match = Match("ffhq", "untouched", 0.8, Box(0, 0, width, height), ((0.37, 0.47), (0.63, 0.47)))
    eyes = Reading(value=0.81, marks=(Mark(face.eyes, "dots", "irises"),))
    texture = Reading(
        value=2.25,
        marks=(Mark(face.eyes, "outline", "the place that looks most generated"),),
        measures={"witness": 2.25, "spread": 1.00004, "ln_side": -0.0},
    )
    evidence = (
        Evidence(EYE_ALIGNMENT, eyes, 3.7, "in place", match),
        Evidence(TEXTURE, texture, 0.9, "drawn"),
    )
    return Analysis(
        outcome=outcome,
        verdict=Verdict.LIKELY_STYLEGAN if scored else Verdict.NOT_APPLICABLE,
        sha256=picture.sha256,
        pdq=picture.pdq.hex,
        pdq_quality=picture.pdq.quality,
        size=picture.size,
        declared_size=picture.declared_size,
        format=picture.format,
        animated=picture.animated,
        faces=(face,) if scored else (),
        alignment=Alignment((0.5, 0.496), 1.0071234, -0.0) if scored else None,
        match=match if scored else None,
        evidence=evidence if scored else (),
        against=make_ratios(3.7, (3.4, 3.8), framed=1.7) if scored else NO_RATIOS,
        calibration_id="0123456789ab",
        warnings=(),
        gan_eye_distance=0.01 if scored else None,
    )


class StubAnalyzer(Analyzer):
    """Decodes, and then gives a fixed analysis."""

    def __init__(
        self,
        outcome: Outcome = Outcome.SCORED,
        canary_error: str | None = None,
        during_analysis: Callable[[], Any] = lambda: None,
    ) -> None:
        self._settings = Settings()
        self._outcome = outcome
        self.model = ModelInfo(DESCRIPTION, {"ffhq": EYES})
        self._canary_error = canary_error
        self._during_analysis = during_analysis
        self.closed = False
        self.threads: set[str] = set()
        self.depths: list[Depth] = []

    def decode_and_analyze(
        self,
        data: bytes,
        stopwatch: Stopwatch,
        sha256: str | None = None,
        depth: Depth = Depth.NEEDED,
    ) -> tuple[Picture, Analysis]:
        picture = decode(data, sha256=sha256)
        self.depths.append(depth)
        self._during_analysis()
        stopwatch.spent_ms |= {"decode": 1.0, "landmarks": 2.0, "checks": 3.0}
        return picture, stub_analysis(picture, self._outcome)

    def check_canary(self) -> str | None:
        self.threads.add(threading.current_thread().name)
        return self._canary_error

    def child_memory_bytes(self) -> list[int]:
        return [40_000_000, 50_000_000]

    def child_failures(self) -> dict[str, int]:
        return {"lost": 3}

    def close(self) -> None:
        self.closed = True


@contextmanager
def serve_app(settings: Settings, analyzer: Analyzer) -> Iterator[httpx.Client]:
    """A uvicorn of our own on a free port, stopped gracefully; its batches go with it."""
    with tempfile.TemporaryDirectory() as folder:
        if settings.data_dir == Settings().data_dir:
            settings = settings.model_copy(update={"data_dir": Path(folder)})
        with _run_uvicorn(create_app(settings, lambda _: analyzer)) as client:
            yield client


@contextmanager
def _run_uvicorn(app: FastAPI) -> Iterator[httpx.Client]:
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host="127.0.0.1",
            port=0,
            log_config=None,
            access_log=False,
            **uvicorn_options(),
        )
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            thread.join(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False
        ) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()


class SharedServer:
    """A server for many tests, which is there whenever one asks for its client.

    A process has one server at a time, because it has one queue: whoever asks stops the others.
    """

    _current: ClassVar[SharedServer | None] = None

    def __init__(self, settings: Settings, analyzer: Analyzer) -> None:
        self._server_arguments = settings, analyzer
        self._stack = ExitStack()
        self._client: httpx.Client | None = None

    @classmethod
    def stop_any(cls) -> None:
        if cls._current is not None:
            cls._current.stop()

    def client(self) -> httpx.Client:
        if self._client is None:
            self.stop_any()
            self._client = self._stack.enter_context(serve_app(*self._server_arguments))
            SharedServer._current = self
        return self._client

    def stop(self) -> None:
        self._client = None
        if SharedServer._current is self:
            SharedServer._current = None
        self._stack.close()
