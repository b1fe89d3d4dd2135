"""What passes between parent and child: one message each way, and memory that both see.

Messages travel on a socket that keeps them apart, so that nobody can begin one and let the other
wait for its end. A picture's bytes go through the shared memory, and so does what is large in the
reply. A child has decoded untrusted bytes and may be under their control: nothing it sends is more
than data.
"""

from __future__ import annotations

import mmap
from typing import Final

MAX_REQUEST_BYTES: Final = 64
READY: Final = b"ready\n"
MAX_REPLY_BYTES: Final = 4096
MAX_PAYLOAD_BYTES: Final = 16 * 2**20
"""Of a reply, in the shared memory; pages that are never written cost nothing."""


def map_shared_memory(fd: int, max_bytes: int) -> mmap.mmap:
    """The memory behind ``fd``: room for a file of ``max_bytes``, or for a reply's payload."""
    return mmap.mmap(fd, shared_memory_bytes(max_bytes))


def shared_memory_bytes(max_bytes: int) -> int:
    """How much memory is shared, bytes."""
    return max(max_bytes, MAX_PAYLOAD_BYTES)
