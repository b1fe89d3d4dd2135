"""The whole address table, decided without a socket."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.addresses import REFUSED_V4, REFUSED_V6, is_public, is_refused, meant, networks

REFUSED = (
    # this machine, in every spelling that a resolver may answer with
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "0.1.2.3",
    "::1",
    "::",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:7f00:1",
    "::ffff:0:127.0.0.1",
    "64:ff9b::127.0.0.1",
    "64:ff9b:1::7f00:1",
    # private networks
    "10.0.0.1",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "100.64.0.1",
    "100.127.255.255",
    "fc00::1",
    "fd12:3456:789a::1",
    "fec0::1",
    "::ffff:10.0.0.1",
    "64:ff9b::10.0.0.1",
    "2002:0a00:0001::1",
    # metadata services
    "169.254.169.254",
    "169.254.170.2",
    "100.100.100.200",
    "192.0.0.192",
    "168.63.129.16",
    "fd00:ec2::254",
    "fd20:ce::254",
    "::ffff:169.254.169.254",
    "::ffff:100.100.100.200",
    "::ffff:168.63.129.16",
    "::169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::168.63.129.16",
    "2002:a9fe:a9fe::",
    "2002:a9fe:a9fe::1",
    "2001:0:4136:e378:8000:63bf:5601:5601",
    "2a00:1450::5efe:a9fe:a9fe",
    "2a00:1450::200:5efe:169.254.169.254",
    # link-local, multicast, reserved, documentation, benchmarks
    "fe80::1",
    "fe80::1%eth0",
    "169.254.0.1",
    "224.0.0.1",
    "239.255.255.250",
    "ff02::1",
    "ff0e::1",
    "240.0.0.1",
    "255.255.255.255",
    "192.0.2.1",
    "198.51.100.1",
    "203.0.113.1",
    "198.18.0.1",
    "198.19.255.255",
    "192.88.99.1",
    "2001:db8::1",
    "3fff::1",
    "2001:2::1",
    "2001:10::1",
    "100::1",
    "5f00::1",
    "4000::1",
    # not an address at all
    "",
    "localhost",
    "127.1",
    "2130706433",
    "0x7f.1",
    "0177.0.0.1",
    "①②⑦.⓪.⓪.①",
    "[::1]",
    "127.0.0.1:80",
    "127.0.0.1\x00",
)

PUBLIC = (
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "168.63.129.15",
    "168.63.129.17",
    "172.15.255.255",
    "172.32.0.0",
    "191.255.255.255",
    "192.0.1.0",
    "223.255.255.255",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
    "2001:4860:4860::8888",
    "2606:4700:4700::1111",
    "2a00:1450:4001:80b::200e",
)


@pytest.mark.parametrize("address", REFUSED)
def test_refused(address: str) -> None:
    assert is_refused(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public(address: str) -> None:
    assert not is_refused(address)


@given(st.sampled_from(REFUSED_V4).flatmap(lambda n: st.ip_addresses(network=n)))
def test_every_spelling_of_a_refused_ipv4_address_is_refused(address: IPv4Address) -> None:
    number = int(address)
    spellings = [
        f"::ffff:{address}",
        f"64:ff9b::{address}",
        f"::{address}",
        f"::ffff:0:{address}",
        str(IPv6Address((0x2002 << 112) | (number << 80) | 1)),
        str(IPv6Address((0x20010000 << 96) | (number ^ 0xFFFF_FFFF))),
        f"2a00:1450::5efe:{address}",
    ]
    assert [s for s in spellings if not is_refused(s)] == []


@given(st.ip_addresses())
def test_nothing_that_the_standard_library_calls_private_is_public(
    address: IPv4Address | IPv6Address,
) -> None:
    if meant(address).is_private:
        assert not is_public(meant(address))


@given(st.text(max_size=40))
def test_text_never_raises(text: str) -> None:
    assert is_refused(text) in (True, False)


def test_the_operator_opens_networks_and_only_those() -> None:
    opened = networks(["127.0.0.1", "10.1.0.0/16", "fd00::/8", "media.internal"])
    assert opened == (
        ip_network("127.0.0.1/32"),
        ip_network("10.1.0.0/16"),
        ip_network("fd00::/8"),
    )
    for address in ("127.0.0.1", "10.1.2.3", "fd00::5", "::ffff:127.0.0.1", "64:ff9b::10.1.2.3"):
        assert not is_refused(address, opened)
    for address in ("127.0.0.2", "10.2.0.1", "::1", "fe80::1", "2002:7f00:1::", "::127.0.0.1"):
        assert is_refused(address, opened)


def test_refused_blocks_do_not_swallow_all_of_ipv6() -> None:
    assert all(block.prefixlen >= 16 for block in REFUSED_V6)
    assert is_public(ip_address("2600::1"))
