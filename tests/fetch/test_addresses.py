"""The whole address table, decided without a socket."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.fetch.addresses import (
    REFUSED_V4,
    REFUSED_V6,
    is_public,
    is_refused,
    parse_networks,
    unwrap_ipv4,
)
from tests.fetch.refused_urls import PUBLIC_ADDRESSES, embed_in_ipv6, refused_addresses

INVALID_ADDRESSES = (
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
    "8.8.8.8 ",
    "8.8.8.8/32",
)


@pytest.mark.parametrize("address", [*refused_addresses(), *INVALID_ADDRESSES])
def test_refused(address: str) -> None:
    assert is_refused(address)


@pytest.mark.parametrize("address", PUBLIC_ADDRESSES)
def test_public(address: str) -> None:
    assert not is_refused(address)


@given(st.sampled_from(REFUSED_V4).flatmap(lambda n: st.ip_addresses(network=n)))
def test_every_spelling_of_a_refused_ipv4_address_is_refused(address: IPv4Address) -> None:
    assert [text for text in (str(address), *embed_in_ipv6(address)) if not is_refused(text)] == []


@given(st.ip_addresses())
def test_nothing_that_the_standard_library_calls_private_is_public(
    address: IPv4Address | IPv6Address,
) -> None:
    if unwrap_ipv4(address).is_private:
        assert not is_public(unwrap_ipv4(address))


@given(st.text(max_size=40))
def test_text_never_raises(text: str) -> None:
    assert is_refused(text) in (True, False)


def test_the_operator_opens_networks_and_only_those() -> None:
    opened = parse_networks(["127.0.0.1", "10.1.0.0/16", "fd00::/8", "media.internal"])
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
