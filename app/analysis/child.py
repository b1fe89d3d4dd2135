"""The process that looks at a list's pictures: ``python -m app.analysis.child``.

Like a decoder it gives up files, sockets and memory before the first picture, but it holds the
models, too: from bytes to a finding nothing is done in the service itself, and as many pictures are
looked at together as there are processes, not as one interpreter has time for.
"""

from __future__ import annotations

import mmap
import sys
from functools import partial
from pathlib import Path

from app.analysis.analyzer import Analyzer
from app.analysis.child_protocol import (
    ANALYSIS_REQUEST,
    INTERNAL_FAULT,
    encode_record,
    encode_refusal,
)
from app.analysis.record import build_record
from app.errors import ImageBomb, RequestError
from app.image.picture import DecodeLimits, preload_decoders
from app.image.sandbox.child import OUT_OF_MEMORY_MESSAGE, RequestHandler, serve
from app.image.thumbnails import thumbnail_pixels
from app.settings import Settings


def main(arguments: list[str]) -> None:
    """Serve until the parent goes away."""
    connection_fd, memory_fd, *limits = map(int, arguments[:5])
    models_dir, base_rate, framed_share = arguments[5:]
    settings = Settings(
        models_dir=Path(models_dir),
        base_rate=float(base_rate),
        framed_share=float(framed_share) if framed_share else None,
        max_bytes=limits[0],
        max_pixels=limits[1],
        isolate=False,
    )
    serve(connection_fd, memory_fd, DecodeLimits(*limits), partial(_build_answer_fn, settings))


def _build_answer_fn(settings: Settings, memory: mmap.mmap) -> RequestHandler:
    preload_decoders()
    analyzer = Analyzer.load(settings)
    canary_error = analyzer.check_canary()  # and whatever is made at the first use is made now
    if canary_error is not None:
        sys.exit(canary_error)

    def answer(request: bytes) -> bytes:
        length, prior = ANALYSIS_REQUEST.unpack(request)
        try:
            analyzed = analyzer(memory[:length])
            record = build_record(
                analyzed, prior=prior, base_rate=settings.base_rate, make_thumbnail=lambda _: b""
            )
            return encode_record(record, thumbnail_pixels(analyzed.picture), memory)
        except RequestError as error:
            return encode_refusal(error.code, error.detail)
        except MemoryError:
            return encode_refusal(ImageBomb.code, OUT_OF_MEMORY_MESSAGE)
        except Exception as error:  # noqa: BLE001 - told to the parent, who logs it
            return encode_refusal(INTERNAL_FAULT, f"{type(error).__name__}: {error}")

    return answer


if __name__ == "__main__":
    main(sys.argv[1:])
