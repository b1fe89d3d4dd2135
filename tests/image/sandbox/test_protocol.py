"""What the two sides share."""

from __future__ import annotations

import subprocess
import sys

from app.image.sandbox.protocol import MAX_PAYLOAD_BYTES, shared_memory_bytes


def test_a_file_and_a_payload_fit_into_the_memory() -> None:
    assert shared_memory_bytes(1) == MAX_PAYLOAD_BYTES
    assert shared_memory_bytes(MAX_PAYLOAD_BYTES + 1) == MAX_PAYLOAD_BYTES + 1


def test_a_child_loads_no_more_than_it_needs() -> None:
    program = (
        "import sys, app.image.sandbox.child as c; "
        "print(*{n.partition('.')[0] for n in sys.modules})"
    )
    process = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    loaded = set(process.stdout.split())
    assert "PIL" in loaded
    assert not loaded & {"structlog", "asyncio", "subprocess", "ssl", "pydantic"}
