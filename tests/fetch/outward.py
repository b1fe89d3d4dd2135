"""The whole table against a fetcher, where nothing can leave. Run as a program; prints JSON.

``record``: an audit hook sees, and stops, every connection and datagram before the system call.
``namespace``: inside ``unshare -rn``: a network of its own with loopback alone, in which every
address of the world leads to loopback, so that a fetcher that lets one through really reaches a
server; packets are counted. ``names`` in there also come from a name server of our own, through
the machine's own resolver.
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

from app.errors import AvatarError
from app.fetch import Fetcher, FetchPolicy
from app.fetch.resolver import Infos, Names
from tests.fetch.forbidden import REACHABLE, urls
from tests.fetch.servers import OK, redirect

POLICY = FetchPolicy(max_bytes=1000, per_host=64, per_host_per_s=1e9, total_s=4.0)
OPEN = FetchPolicy(max_bytes=1000, allow=("0.0.0.0/0", "::/0"), total_s=4.0)
CONTROL = ("http://127.0.0.1/", "http://10.0.0.1/", "http://169.254.169.254/", "http://[fd00::1]/")
"""What a fetcher without a guard must be seen to reach: else nothing is proven by silence."""

Ask = Callable[[str], Awaitable[Any]]


async def outcome(ask: Ask, url: str) -> str:
    try:
        await ask(url)
    except AvatarError as error:
        return error.code
    return "ok"


async def outcomes(ask: Ask, asked: Sequence[str]) -> dict[str, int]:
    """How often each outcome came."""
    counted: dict[str, int] = {}
    for start in range(0, len(asked), 32):
        for code in await asyncio.gather(*(outcome(ask, url) for url in asked[start : start + 32])):
            counted[code] = counted.get(code, 0) + 1
    return counted


def posted(fetcher: Fetcher) -> Ask:
    async def post(url: str) -> int:
        return await fetcher.post(url, b"{}", {}, timeout_s=4.0)

    return post


def hosts_of(addresses: Sequence[str]) -> list[str]:
    return [f"http://{f'[{a}]' if ':' in a else a}/" for a in addresses]


# -- an audit hook


def numeric(host: str, port: int, family: socket.AddressFamily) -> Infos:
    """The machine's resolver without its name servers: numbers in all spellings, and localhost."""
    if host.rstrip(".").lower() in ("localhost", "ip6-localhost"):
        host = "127.0.0.1"
    return socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)


async def recorded() -> dict[str, Any]:
    tried: list[str] = []

    def hook(event: str, given: tuple[Any, ...]) -> None:
        if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
            tried.append(str(given[1][0]))
            raise ConnectionRefusedError("recorded, not connected")

    sys.addaudithook(hook)

    def names() -> Names:
        return Names(3.0, lookup=numeric)

    async with Fetcher(POLICY, names()) as fetcher:
        refused = await outcomes(fetcher.fetch, urls())
        refused_posts = await outcomes(posted(fetcher), urls())
        leaks = list(tried)
        tried.clear()
        public = await outcomes(fetcher.fetch, hosts_of(REACHABLE))
        beside = list(tried)
        tried.clear()
    async with Fetcher(OPEN, names()) as unguarded:
        await outcomes(unguarded.fetch, CONTROL)
    return {
        "refused": refused,
        "posts": refused_posts,
        "leaks": leaks,
        "public": public,
        "beside": beside,
        "control": tried,
    }


# -- a network namespace


class World:
    """Everything on ports 80 and 443 of every address: who was reached, and by which packets."""

    def __init__(self) -> None:
        self.reached: list[str] = []
        self.packets: list[str] = []

    async def taken(self) -> tuple[list[str], list[str]]:
        """What was seen since the last time."""
        await asyncio.sleep(0.05)  # a packet may still be on its way to the sniffer
        seen = (sorted(set(self.reached)), sorted(set(self.packets)))
        self.reached.clear()
        self.packets.clear()
        return seen

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reached.append(writer.get_extra_info("sockname")[0])
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            path = (await reader.readuntil(b"\r\n\r\n")).split(b" ")[1].decode()
            to = unquote(path.partition("?")[2])
            writer.write(redirect(to) if path.startswith("/to?") else OK)
            await writer.drain()
        writer.close()

    def sniff(self, sniffer: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                packet = sniffer.recv(96)[14:]
                version = packet[0] >> 4
                protocol = packet[9] if version == 4 else packet[6]
                there = packet[16:20] if version == 4 else packet[24:40]
                if protocol == socket.IPPROTO_UDP or protocol in (1, 58):
                    continue  # questions to the name server, and their refusals
                self.packets.append(str(ip_address(there)))

    @contextlib.asynccontextmanager
    async def living(self) -> AsyncIterator[None]:
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
        transport, _ = await loop.create_datagram_endpoint(NameServer, local_addr=("0.0.0.0", 53))
        try:
            yield
        finally:
            transport.close()
            for server in servers:
                server.close()
            loop.remove_reader(sniffer)
            sniffer.close()


ANSWERS: Final[dict[str, list[list[str]]]] = {
    "public.example": [["8.8.8.8"]],
    "private.example": [["10.0.0.1"]],
    "metadata.example": [["169.254.169.254"]],
    "rebinding.example": [["8.8.8.8"], ["169.254.169.254"]],
    "mixed.example": [["8.8.8.8", "10.0.0.1"]],
    "mixed-late.example": [[*(f"8.8.8.{n}" for n in range(1, 20)), "127.0.0.1"]],
}


class NameServer(asyncio.DatagramProtocol):
    """Answers for names that change their mind; every answer may be kept for 0 s."""

    def __init__(self) -> None:
        self._asked: dict[str, int] = {}

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, address: Any) -> None:
        labels, at = [], 12
        while data[at]:
            labels.append(data[at + 1 : at + 1 + data[at]].decode("ascii", "replace").lower())
            at += 1 + data[at]
        question = data[12 : at + 5]
        name, kind = ".".join(labels), struct.unpack("!H", data[at + 1 : at + 3])[0]
        answers = ANSWERS.get(name)
        found: list[str] = []
        if answers is not None and kind == 1:
            turn = self._asked.get(name, 0)
            self._asked[name] = turn + 1
            found = answers[min(turn, len(answers) - 1)]
        code = 0x8180 if answers is not None else 0x8183
        reply = data[:2] + struct.pack("!HHHHH", code, 1, len(found), 0, 0) + question
        for text in found:
            reply += b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 0, 4) + socket.inet_aton(text)
        self._transport.sendto(reply, address)


def make_loopback_the_world() -> None:
    for command in (
        "link set lo up",
        "route add local 0.0.0.0/0 dev lo",
        "-6 route add local ::/0 dev lo",
    ):
        subprocess.run(["ip", *command.split()], check=True, capture_output=True)


async def unshared() -> dict[str, Any]:
    make_loopback_the_world()
    world = World()
    said: dict[str, Any] = {}
    async with world.living():
        async with Fetcher(POLICY) as fetcher:
            said["refused"] = await outcomes(fetcher.fetch, urls())
            said["posts"] = await outcomes(posted(fetcher), urls())
            said["leaks"], said["leaked packets"] = await world.taken()
            via = [f"http://8.8.8.8/to?{quote(url, safe='')}" for url in urls()]
            said["redirected"] = await outcomes(fetcher.fetch, [u for u in via if len(u) < 4000])
            said["redirects reached"], _ = await world.taken()
            said["public"] = await outcomes(fetcher.fetch, hosts_of(REACHABLE))
            said["beside"], _ = await world.taken()
        async with Fetcher(OPEN) as unguarded:
            await outcomes(unguarded.fetch, CONTROL)
            said["control"], said["control packets"] = await world.taken()
        said["names"] = await named(world)
    return said


async def named(world: World) -> dict[str, Any]:
    """Names from a name server of our own, asked twice, each time as if for the first."""
    said: dict[str, Any] = {}
    for name in ANSWERS:
        came: list[str] = []
        for _ in range(2):
            async with Fetcher(POLICY) as fetcher:
                came.append(await outcome(fetcher.fetch, f"http://{name}/"))
        said[name] = (came, (await world.taken())[0])
    return said


if __name__ == "__main__":
    work = {"record": recorded, "namespace": unshared}[sys.argv[1]]
    json.dump(asyncio.run(work()), sys.stdout)
