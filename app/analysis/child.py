"""The child process that analyzes pictures: ``python -m app.analysis.child``.

It loads the models, then gives up files, sockets and memory before the first picture. Decoding and
analysis of untrusted bytes happen here and never in the service itself, and as many pictures are
analyzed at once as there are processes.
"""

from __future__ import annotations

import mmap
import sys
from functools import partial
from pathlib import Path

from app.analysis import canary
from app.analysis.analyzer import Analyzer, Stopwatch
from app.analysis.child_protocol import (
    INTERNAL_FAULT,
    AnalysisRequest,
    encode_record,
    encode_refusal,
)
from app.errors import ImageBomb, RequestError
from app.evidence import Depth
from app.image.picture import DecodeLimits, preload_decoders
from app.image.sandbox.child import OUT_OF_MEMORY_MESSAGE, RequestHandler, serve
from app.image.thumbnails import average_tile, thumbnail_pixels
from app.settings import Settings


def main(arguments: list[str]) -> None:
    """Serve until the parent goes away."""
    connection_fd, memory_fd, *limits = map(int, arguments[:5])
    models_dir, framed_share = arguments[5:]
    settings = Settings(
        models_dir=Path(models_dir),
        framed_share=float(framed_share) if framed_share else None,
        max_bytes=limits[0],
        max_pixels=limits[1],
    )
    serve(connection_fd, memory_fd, DecodeLimits(*limits), partial(_build_handler, settings))


def _build_handler(settings: Settings, memory: mmap.mmap) -> RequestHandler:
    analyzer = Analyzer.load(settings)
    _preload(analyzer, settings)

    def handle_request(message: bytes) -> bytes:
        try:
            return _analyze(analyzer, AnalysisRequest.decode(message), memory)
        except RequestError as error:
            return encode_refusal(error.code, error.detail)
        except MemoryError:
            return encode_refusal(ImageBomb.code, OUT_OF_MEMORY_MESSAGE)
        except Exception as error:  # noqa: BLE001 - the parent logs it
            return encode_refusal(INTERNAL_FAULT, f"{type(error).__name__}: {error}")

    return handle_request


def _analyze(analyzer: Analyzer, request: AnalysisRequest, memory: mmap.mmap) -> bytes:
    examined = analyzer.examine(
        memory[: request.length],
        request.prior,
        request.base_rate,
        sha256=request.sha256,
        overlay=request.overlay,
        drawings=request.drawings,
        depth=request.depth,
    )
    return encode_record(
        examined.answer,
        examined.numbers,
        thumbnail=thumbnail_pixels(examined.picture),
        tile=average_tile(examined.picture),
        overlay=examined.overlay,
        drawings=examined.drawings,
        timings_ms=examined.timings_ms,
        memory=memory,
    )


def _preload(analyzer: Analyzer, settings: Settings) -> None:
    """Make libraries load what they load late; end if the canary picture is not as recorded."""
    preload_decoders()
    try:
        recorded = canary.load_canary(settings.models_dir)
    except canary.CanaryError as error:
        sys.exit(str(error))
    picture, analysis = analyzer.decode_and_analyze(recorded.data, Stopwatch(), depth=Depth.FULL)
    mismatch = recorded.mismatch(analysis)
    if mismatch is not None:
        sys.exit(mismatch)
    analyzer.draw_overlay(picture, analysis, settings.base_rate, Stopwatch())


if __name__ == "__main__":
    main(sys.argv[1:])
