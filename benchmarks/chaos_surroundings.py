"""What the service of ``chaos`` meets outside: receivers, hosts, and the time of the day."""

from __future__ import annotations

import contextlib
import http.server
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

FAKETIME_FOLDERS: Final = ("/usr/lib", "/usr/lib64", "/usr/local/lib")


class Receiver:
    """A webhook receiver on loopback."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/hook"
        self.called = threading.Event()


@contextlib.contextmanager
def open_receiver(*, hangs: bool) -> Iterator[Receiver]:
    """``hangs``: it takes the call and answers nothing."""
    done = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receiver.called.set()
            if hangs:
                done.wait(120.0)
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver = Receiver(server.server_address[1])
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield receiver
        finally:
            done.set()
            server.shutdown()


@contextlib.contextmanager
def open_black_hole() -> Iterator[str]:
    """The URL of a host that answers no connect, as behind a firewall that drops packets.

    Its queue of connections holds one, which is taken: the kernel drops what else comes.
    """
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        address = listener.getsockname()
        for _ in range(4):
            caller = stack.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(address)
        yield f"http://127.0.0.1:{address[1]}"


class FakeClock:
    """The time of the day of processes that are started with ``environment``, by libfaketime.

    Their clocks for durations go on as before, as they do where somebody sets a machine's clock.
    """

    def __init__(self, folder: Path) -> None:
        """Raises ``SystemExit`` if there is no libfaketime."""
        self._file = folder / "clock"
        self.jump(0)
        libraries = (
            path
            for parent in FAKETIME_FOLDERS
            for path in sorted(Path(parent).glob("**/libfaketimeMT.so.1"))
        )
        library = next(libraries, None)
        if library is None:
            raise SystemExit("jumping_clock needs libfaketime: install it, or leave it out")
        self.environment = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }

    def jump(self, seconds: int) -> None:
        """Set it to so many seconds after the machine's time, or before."""
        self._file.write_text(f"{seconds:+d}")
