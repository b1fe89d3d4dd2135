"""What MediaPipe reports, where nothing can leave: ``unshare -rnm python -m … FOLDER``.

In a network of its own every name that MediaPipe reports to leads here, to a server that it would
trust: ``ca.pem`` is put in the place of the authorities that it is given. Prints what was read.
"""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import sys
import threading
from pathlib import Path

import certifi

from app.face.landmarks import FaceFinder, load_landmark_model
from app.image.picture import decode

ROOT = Path(__file__).resolve().parents[2]
HOST = "play.googleapis.com"
WAIT_S = 5.0


def main(folder: Path) -> None:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    hosts = folder / "hosts"
    hosts.write_text(f"127.0.0.1 localhost {HOST}\n")
    subprocess.run(["mount", "--bind", hosts, "/etc/hosts"], check=True)
    certifi.where = lambda: str(folder / "ca.pem")
    read: list[str] = []
    connected = threading.Event()
    threading.Thread(target=serve, args=(folder, read, connected), daemon=True).start()
    with FaceFinder(load_landmark_model(ROOT / "models")) as finder:
        picture = decode((ROOT / "fixtures" / "faces" / "astronaut.jpg").read_bytes())
        assert finder.find_faces(picture)
    has_tried = connected.wait(WAIT_S)
    sys.stdout.write(json.dumps({"tried": has_tried, "read": read}))


def serve(folder: Path, read: list[str], connected: threading.Event) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "host.pem", folder / "host.key")
    with socket.create_server(("127.0.0.1", 443)) as listener:
        while True:
            plain, _ = listener.accept()
            plain.settimeout(WAIT_S)
            try:
                with context.wrap_socket(plain, server_side=True) as secure:
                    read.append(secure.recv(4096).decode(errors="replace"))
            except OSError:  # it did not trust us
                plain.close()
            connected.set()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
