"""Which addresses a fetch may connect to. Pure functions: no sockets, no name look-ups.

``ipaddress.is_global`` is not enough: it accepts NAT64, 6to4 and IPv4-mapped forms of a cloud's
metadata address. So refused networks are listed here, and IPv6 is limited to the one block that
IANA allocates from.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final

IpAddress = IPv4Address | IPv6Address
IpNetwork = IPv4Network | IPv6Network

# IANA IPv4 Special-Purpose Address Registry, multicast and reserved space. The last five are public
# in the registry, but answer only inside the clouds that own them.
REFUSED_V4: Final = tuple(
    IPv4Network(block)
    for block in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier NAT; Alibaba's metadata service
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local; metadata service of most clouds
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; Oracle's metadata service
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
        "168.63.129.16/32",  # Azure's platform services
        "161.26.0.0/16",  # IBM Cloud's services, inside its network only
        "166.8.0.0/14",  # the same
        "199.36.153.4/30",  # Google's APIs, inside its network only
        "199.36.153.8/30",  # the same
    )
)

GLOBAL_V6: Final = IPv6Network("2000::/3")
"""The block for global unicast. Everything outside it (loopback, link-local, site-local, unique
local, multicast, IPv4-compatible, SIIT, discard, local NAT64) is refused."""

REFUSED_V6: Final = tuple(
    IPv6Network(block)
    for block in (
        "2001::/23",  # protocol assignments: Teredo, benchmarks, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: deprecated (RFC 7526); embeds an IPv4 address
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)

_IPV4_MAPPED: Final = IPv6Network("::ffff:0:0/96")
_NAT64: Final = IPv6Network("64:ff9b::/96")
# The universal/local bit may be set or not (RFC 5214, section 6.1).
_ISATAP_IDENTIFIERS: Final = frozenset({0x0000_5EFE, 0x0200_5EFE})


def is_refused(address: str, allowed: Sequence[IpNetwork] = ()) -> bool:
    """Whether a connection to ``address`` must not be opened.

    ``address``: an IP address as text, as a resolver or a socket gives it; any other text is
    refused. ``allowed``: networks that the operator allows although they are not public; an IPv4
    network also allows the IPv4-mapped and NAT64 forms of its addresses.
    """
    try:
        target = unwrap_ipv4(ip_address(address))
    except ValueError:
        return True
    if any(target in network for network in allowed):
        return False
    return not is_public(target)


def unwrap_ipv4(address: IpAddress) -> IpAddress:
    """The IPv4 address inside an IPv4-mapped or NAT64 address; any other ``address`` unchanged.

    Both forms are in regular use (NAT64 is how an IPv6-only machine reaches an IPv4 host), so the
    embedded address is checked. Other embeddings (6to4, Teredo, compatible, SIIT) are refused.
    """
    if isinstance(address, IPv6Address) and (address in _IPV4_MAPPED or address in _NAT64):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def is_public(address: IpAddress) -> bool:
    """Whether ``address`` is an ordinary host on the public internet."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in REFUSED_V4)
    if address not in GLOBAL_V6 or (int(address) >> 32) & 0xFFFF_FFFF in _ISATAP_IDENTIFIERS:
        return False
    if address.scope_id is not None:  # a zone is local to this machine
        return False
    return not any(address in network for network in REFUSED_V6)


def parse_networks(entries: Sequence[str]) -> tuple[IpNetwork, ...]:
    """The entries that are networks or addresses; the other entries, host names, are ignored."""
    return tuple(network for entry in entries if (network := _parse_network(entry)) is not None)


def _parse_network(entry: str) -> IpNetwork | None:
    try:
        return ip_network(entry.strip("[]"))
    except ValueError:
        return None
