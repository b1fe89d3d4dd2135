"""A child that decodes and sends the pixels back, and the pool that asks it: both sides, for tests.

The child: ``python -m tests.image.sandbox.decoding_child``.
"""

from __future__ import annotations

import json
import mmap
import sys

import numpy as np

from app.errors import ImageBomb, RequestError
from app.image.picture import DEFAULT_LIMITS, DecodeLimits, Picture, decode, preload_decoders
from app.image.sandbox.child import OUT_OF_MEMORY_MESSAGE, RequestHandler, serve
from app.image.sandbox.pool import ProcessPool
from app.image.sandbox.process import LIVENESS_CHECK_S, ChildProcess, error_from_code

MODULE = "tests.image.sandbox.decoding_child"


class DecodingProcess(ChildProcess):
    """One process that decodes."""

    def decode(self, data: bytes) -> Picture:
        line = self.request(data, str(len(data)).encode())
        try:
            reply = json.loads(line)
            if reply.get("code"):
                raise error_from_code(reply["code"], reply["detail"])
            height, width = reply["shape"]
            pixels = np.frombuffer(self.read_shared(0, width * height * 3), np.uint8)
            return Picture(
                pixels.reshape(height, width, 3),
                reply["format"],
                reply["sha256"],
                reply["animated"],
                tuple(reply["declared_size"]),
            )
        except (ValueError, KeyError) as error:
            raise self.invalid_reply_error() from error


class DecodingPool(ProcessPool[DecodingProcess]):
    """``decode`` in up to ``max_processes`` children."""

    def __init__(
        self,
        max_processes: int,
        limits: DecodeLimits = DEFAULT_LIMITS,
        module: str = MODULE,
        liveness_check_s: float = LIVENESS_CHECK_S,
    ) -> None:
        super().__init__(lambda: DecodingProcess(limits, module, liveness_check_s), max_processes)

    def __call__(self, data: bytes) -> Picture:
        return self.call(lambda child: child.decode(data))


def main(arguments: list[str]) -> None:
    """Serve until the parent goes away."""
    connection_fd, memory_fd, *numbers = map(int, arguments)
    limits = DecodeLimits(*numbers)

    def make_handler(memory: mmap.mmap) -> RequestHandler:
        preload_decoders()
        return lambda message: _decode(memory, memory[: int(message)], limits)

    serve(connection_fd, memory_fd, limits, make_handler)


def _decode(memory: mmap.mmap, data: bytes, limits: DecodeLimits) -> bytes:
    try:
        picture = decode(data, limits)
    except RequestError as error:
        return json.dumps({"code": error.code, "detail": error.detail}).encode()
    except MemoryError:
        return json.dumps({"code": ImageBomb.code, "detail": OUT_OF_MEMORY_MESSAGE}).encode()
    memory[: picture.rgb.nbytes] = picture.rgb.tobytes()
    reply = {
        "shape": picture.rgb.shape[:2],
        "format": picture.format,
        "sha256": picture.sha256,
        "animated": picture.animated,
        "declared_size": picture.declared_size,
    }
    return json.dumps(reply).encode()


if __name__ == "__main__":
    main(sys.argv[1:])
