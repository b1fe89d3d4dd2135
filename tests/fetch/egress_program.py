"""The whole table against a fetcher, where nothing can leave. Run as a program; prints JSON.

``record``: an audit hook sees, and stops, every connection and datagram before the system call.
``namespace``: inside ``unshare -rn``: a network of its own with loopback alone, in which every
address of the world leads to loopback, so that a fetcher that lets one through really reaches a
server; packets are counted. Names are resolved there too, by the resolver of the service, from a
name server of our own.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import quote, unquote

from aiohttp.abc import AbstractResolver, ResolveResult

from app.errors import RequestError
from app.fetch.fetcher import Fetcher
from app.fetch.policy import FetchPolicy
from app.fetch.resolver import resolve_numeric
from tests.fetch.refused_urls import PUBLIC_ADDRESSES, refused_urls
from tests.fetch.scripted_server import OK_RESPONSE, redirect_response

POLICY = FetchPolicy(max_bytes=1000, per_host=64, per_host_per_s=1e9, total_s=4.0)
OPEN_POLICY = FetchPolicy(max_bytes=1000, allow=("0.0.0.0/0", "::/0"), total_s=4.0)
CONTROL_URLS = (
    "http://127.0.0.1/",
    "http://10.0.0.1/",
    "http://169.254.169.254/",
    "http://[fd00::1]/",
)
"""What a fetcher without a guard must be seen to reach: else nothing is proven by silence."""

FetchFn = Callable[[str], Awaitable[Any]]


async def fetch_outcome(fetch: FetchFn, url: str) -> str:
    try:
        await fetch(url)
    except RequestError as error:
        return error.code
    return "ok"


async def count_outcomes(fetch: FetchFn, requested: Sequence[str]) -> dict[str, int]:
    """How often each outcome came."""
    counts: dict[str, int] = {}
    for start in range(0, len(requested), 32):
        for code in await asyncio.gather(
            *(fetch_outcome(fetch, url) for url in requested[start : start + 32])
        ):
            counts[code] = counts.get(code, 0) + 1
    return counts


def make_post(fetcher: Fetcher) -> FetchFn:
    async def post(url: str) -> int:
        return await fetcher.post(url, b"{}", {}, timeout_s=4.0)

    return post


def address_urls(addresses: Sequence[str]) -> list[str]:
    return [f"http://{f'[{a}]' if ':' in a else a}/" for a in addresses]


# -- an audit hook


class NumericResolver(AbstractResolver):
    """Our resolver without its name servers: numbers in all spellings, and localhost."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        if host.rstrip(".").lower() in ("localhost", "ip6-localhost"):
            host = "127.0.0.1"
        return resolve_numeric(host, port, family)

    async def close(self) -> None:
        """Nothing is open."""


async def run_recording() -> dict[str, Any]:
    connected: list[str] = []

    def hook(event: str, given: tuple[Any, ...]) -> None:
        if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
            connected.append(str(given[1][0]))
            raise ConnectionRefusedError("recorded, not connected")

    sys.addaudithook(hook)

    async with Fetcher(POLICY, NumericResolver()) as fetcher:
        refused = await count_outcomes(fetcher.fetch, refused_urls())
        refused_posts = await count_outcomes(make_post(fetcher), refused_urls())
        leaks = list(connected)
        connected.clear()
        public = await count_outcomes(fetcher.fetch, address_urls(PUBLIC_ADDRESSES))
        connected_public = list(connected)
        connected.clear()
    async with Fetcher(OPEN_POLICY, NumericResolver()) as unguarded:
        await count_outcomes(unguarded.fetch, CONTROL_URLS)
    return {
        "refused": refused,
        "posts": refused_posts,
        "leaks": leaks,
        "public": public,
        "beside": connected_public,
        "control": connected,
    }


# -- a network namespace


class FakeInternet:
    """Everything on ports 80 and 443 of every address: who was reached, and by which packets."""

    def __init__(self) -> None:
        self.reached_addresses: list[str] = []
        self.packet_addresses: list[str] = []

    async def drain(self) -> tuple[list[str], list[str]]:
        """What was seen since the last time."""
        await asyncio.sleep(0.05)  # a packet may still be on its way to the sniffer
        observed = (sorted(set(self.reached_addresses)), sorted(set(self.packet_addresses)))
        self.reached_addresses.clear()
        self.packet_addresses.clear()
        return observed

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reached_addresses.append(writer.get_extra_info("sockname")[0])
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            path = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode()
            to = unquote(path.partition("?")[2])
            writer.write(redirect_response(to) if path.startswith("/to?") else OK_RESPONSE)
            await writer.drain()
        writer.close()

    def sniff(self, sniffer: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                packet = sniffer.recv(96)[14:]
                version = packet[0] >> 4
                protocol = packet[9] if version == 4 else packet[6]
                destination = packet[16:20] if version == 4 else packet[24:40]
                if protocol == socket.IPPROTO_UDP or protocol in (1, 58):
                    continue  # questions to the name server, and their refusals
                self.packet_addresses.append(str(ip_address(destination)))

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        sniffer = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        sniffer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
        sniffer.bind(("lo", 0))
        sniffer.setblocking(False)
        loop.add_reader(sniffer, self.sniff, sniffer)
        servers = [
            await asyncio.start_server(self.serve, host, port, backlog=1000)
            for host in ("0.0.0.0", "::")
            for port in (80, 443)
        ]
        transport, _ = await loop.create_datagram_endpoint(
            FakeNameServer, local_addr=("0.0.0.0", 53)
        )
        try:
            yield
        finally:
            transport.close()
            for server in servers:
                server.close()
            loop.remove_reader(sniffer)
            sniffer.close()


DNS_ANSWERS: Final[dict[str, list[list[str]]]] = {
    "public.example": [["8.8.8.8"]],
    "private.example": [["10.0.0.1"]],
    "metadata.example": [["169.254.169.254"]],
    "rebinding.example": [["8.8.8.8"], ["169.254.169.254"]],
    "mixed.example": [["8.8.8.8", "10.0.0.1"]],
    "mixed-late.example": [[*(f"8.8.8.{n}" for n in range(1, 20)), "127.0.0.1"]],
}


class FakeNameServer(asyncio.DatagramProtocol):
    """Answers for names that change their mind; every answer may be kept for 0 s."""

    def __init__(self) -> None:
        self._query_counts: dict[str, int] = {}

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, address: Any) -> None:
        labels, at = [], 12
        while data[at]:
            labels.append(data[at + 1 : at + 1 + data[at]].decode("ascii", "replace").lower())
            at += 1 + data[at]
        question = data[12 : at + 5]
        name, kind = ".".join(labels), struct.unpack("!H", data[at + 1 : at + 3])[0]
        answers = DNS_ANSWERS.get(name)
        records: list[str] = []
        if answers is not None and kind == 1:
            turn = self._query_counts.get(name, 0)
            self._query_counts[name] = turn + 1
            records = answers[min(turn, len(answers) - 1)]
        code = 0x8180 if answers is not None else 0x8183
        reply = data[:2] + struct.pack("!HHHHH", code, 1, len(records), 0, 0) + question
        for text in records:
            reply += b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 0, 4) + socket.inet_aton(text)
        self._transport.sendto(reply, address)


def route_all_to_loopback() -> None:
    for command in (
        "link set lo up",
        "route add local 0.0.0.0/0 dev lo",
        "-6 route add local ::/0 dev lo",
    ):
        subprocess.run(["ip", *command.split()], check=True, capture_output=True)


async def run_in_namespace() -> dict[str, Any]:
    route_all_to_loopback()
    internet = FakeInternet()
    report: dict[str, Any] = {}
    async with internet.running():
        async with Fetcher(POLICY) as fetcher:
            report["refused"] = await count_outcomes(fetcher.fetch, refused_urls())
            report["posts"] = await count_outcomes(make_post(fetcher), refused_urls())
            report["leaks"], report["leaked packets"] = await internet.drain()
            via = [f"http://8.8.8.8/to?{quote(url, safe='')}" for url in refused_urls()]
            report["redirected"] = await count_outcomes(
                fetcher.fetch, [u for u in via if len(u) < 4000]
            )
            report["redirects reached"], _ = await internet.drain()
            report["public"] = await count_outcomes(fetcher.fetch, address_urls(PUBLIC_ADDRESSES))
            report["beside"], _ = await internet.drain()
        async with Fetcher(OPEN_POLICY) as unguarded:
            await count_outcomes(unguarded.fetch, CONTROL_URLS)
            report["control"], report["control packets"] = await internet.drain()
        report["names"] = await fetch_by_name(internet)
    return report


async def fetch_by_name(internet: FakeInternet) -> dict[str, Any]:
    """Names from a name server of our own, asked twice, each time as if for the first."""
    report: dict[str, Any] = {}
    for name in DNS_ANSWERS:
        results: list[str] = []
        for _ in range(2):
            async with Fetcher(POLICY) as fetcher:
                results.append(await fetch_outcome(fetcher.fetch, f"http://{name}/"))
        report[name] = (results, (await internet.drain())[0])
    return report


if __name__ == "__main__":
    work = {"record": run_recording, "namespace": run_in_namespace}[sys.argv[1]]
    json.dump(asyncio.run(work()), sys.stdout)
