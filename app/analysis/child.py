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

from app.analysis.analyzer import Analyst
from app.analysis.child_protocol import INTERNAL, REQUEST, refused, written
from app.analysis.record import looked_at
from app.errors import AvatarError, ImageBomb
from app.image.picture import DecodeLimits, load_decoders
from app.image.sandbox.child import TOO_MUCH, Answer, serve
from app.image.thumbnails import small
from app.settings import Settings


def main(arguments: list[str]) -> None:
    """Serve until the parent goes away."""
    connection_fd, memory_fd, *limits = map(int, arguments[:5])
    models_dir, base_rate = arguments[5:]
    settings = Settings(
        models_dir=Path(models_dir),
        base_rate=float(base_rate),
        max_bytes=limits[0],
        max_pixels=limits[1],
        isolate=False,
    )
    serve(connection_fd, memory_fd, DecodeLimits(*limits), partial(_examiner, settings))


def _examiner(settings: Settings, memory: mmap.mmap) -> Answer:
    load_decoders()
    analyst = Analyst.load(settings)
    complaint = analyst.complaint()  # and whatever is made at the first use is made now
    if complaint is not None:
        sys.exit(complaint)

    def answer(asked: bytes) -> bytes:
        length, prior = REQUEST.unpack(asked)
        try:
            examined = analyst(memory[:length])
            looked = looked_at(
                examined, prior=prior, base_rate=settings.base_rate, thumbnail=lambda _: b""
            )
            return written(looked, small(examined.picture), memory)
        except AvatarError as error:
            return refused(error.code, error.detail)
        except MemoryError:
            return refused(ImageBomb.code, TOO_MUCH)
        except Exception as error:  # noqa: BLE001 - told to the parent, who logs it
            return refused(INTERNAL, f"{type(error).__name__}: {error}")

    return answer


if __name__ == "__main__":
    main(sys.argv[1:])
