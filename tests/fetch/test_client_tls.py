"""https: only with a certificate that can be verified."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest

from app.errors import FetchFailed
from app.fetch.fetcher import Fetcher
from tests.fetch.scripted_server import LOOPBACK_POLICY, OK_RESPONSE, run_bounded, run_server


async def requests_over_https(context: ssl.SSLContext | None) -> list[str]:
    """Requests that reached a server with ``context``, or without TLS."""
    async with run_server({"/": OK_RESPONSE}) as server:
        listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=context)
        port = listening.sockets[0].getsockname()[1]
        async with Fetcher(LOOPBACK_POLICY) as fetcher:
            with pytest.raises(FetchFailed, match="certificate") as caught:
                await fetcher.fetch(f"https://127.0.0.1:{port}/")
            assert not caught.value.retryable
        listening.close()
        return server.requests


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl here to make a certificate with")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
    named = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([openssl, *made.split(), *named, *files], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    assert run_bounded(requests_over_https(context)) == []


def test_a_server_that_speaks_no_tls_is_refused() -> None:
    async def plain(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK_RESPONSE)
        await writer.drain()
        writer.close()

    async def scenario() -> None:
        listening = await asyncio.start_server(plain, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        async with Fetcher(LOOPBACK_POLICY) as fetcher:
            with pytest.raises(FetchFailed):
                await fetcher.fetch(f"https://127.0.0.1:{port}/")
        listening.close()

    run_bounded(scenario())
