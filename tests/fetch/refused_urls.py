"""What must never be reached, in every spelling that leads there: addresses, hosts, whole URLs."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address

LOOPBACK_ADDRESSES = (
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "0.1.2.3",
    "::1",
    "::",
)
PRIVATE_ADDRESSES = (
    "10.0.0.1",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "192.168.255.255",
    "100.64.0.1",
    "100.127.255.255",
    "fc00::1",
    "fd12:3456:789a::1",
    "fec0::1",
    "feff::1",
)
METADATA_ADDRESSES = (
    "169.254.169.254",  # AWS, Azure, Google, DigitalOcean, Hetzner, OpenStack and others
    "169.254.169.253",  # AWS: names
    "169.254.169.123",  # AWS: time
    "169.254.170.2",  # AWS: containers
    "169.254.170.23",  # AWS: pods
    "169.254.0.23",  # Tencent
    "169.254.42.42",  # Scaleway
    "100.100.100.200",  # Alibaba
    "192.0.0.192",  # Oracle
    "168.63.129.16",  # Azure's platform
    "161.26.0.10",  # IBM
    "166.8.0.1",
    "166.11.255.254",
    "199.36.153.4",  # Google's APIs from inside
    "199.36.153.11",
    "fd00:ec2::254",  # AWS
    "fd00:ec2::253",
    "fd00:ec2::23",
    "fd20:ce::254",  # Google
    "fd00:42::42",  # Scaleway
    "fd00:a9fe:a9fe::1",  # Linode
    "fe80::a9fe:a9fe",  # OpenStack
)
SPECIAL_ADDRESSES = (
    "169.254.0.1",
    "fe80::1",
    "fe80::1%lo",
    "fe80::1%eth0",
    "fe80::1%1",
    "febf::1",
    "224.0.0.1",
    "239.255.255.250",
    "232.0.0.1",
    "ff01::1",
    "ff02::1",
    "ff02::fb",
    "ff05::2",
    "ff0e::1",
    "240.0.0.1",
    "255.255.255.254",
    "255.255.255.255",
    "192.0.0.1",
    "192.0.0.8",
    "192.0.0.170",
    "192.0.2.1",
    "198.51.100.1",
    "203.0.113.1",
    "198.18.0.1",
    "198.19.255.255",
    "192.88.99.1",
    "192.31.196.1",
    "192.52.193.1",
    "192.175.48.1",
    "2001:db8::1",
    "3fff::1",
    "2001:2::1",
    "2001:10::1",
    "2001:20::1",
    "2001:30::1",
    "2620:4f:8000::1",
    "100::1",
    "100:0:0:1::1",
    "5f00::1",
    "4000::1",
    "2606:4700:4700::1111%lo",
)


def embed_in_ipv6(address: IPv4Address) -> Iterator[str]:
    """IPv6 addresses that stand for ``address``, or carry it."""
    number = int(address)
    high, low = number >> 16, number & 0xFFFF
    inverted = number ^ 0xFFFF_FFFF
    yield f"::ffff:{address}"  # mapped
    yield f"::ffff:{high:x}:{low:x}"
    yield f"0:0:0:0:0:FFFF:{high:04X}:{low:04X}"
    yield f"::{address}"  # compatible
    yield f"::ffff:0:{address}"  # translated (SIIT)
    yield f"64:ff9b::{address}"  # NAT64
    yield f"64:ff9b::{high:x}:{low:x}"
    yield f"64:ff9b:1::{high:x}:{low:x}"  # local NAT64
    yield f"64:ff9b:1:fffe::{high:x}:{low:x}"
    yield f"2002:{high:x}:{low:x}::"  # 6to4
    yield f"2002:{high:x}:{low:x}:1::1"
    yield str(
        IPv6Address((0x2001_0000 << 96) | (0x4136_E378 << 64) | (0x8000_63BF << 32) | inverted)
    )
    yield f"2001:0:{high:x}:{low:x}:0:63bf:f7f7:f7f7"  # Teredo: as server, as client above
    yield f"2a00:1450:4001:80b:0:5efe:{high:x}:{low:x}"  # ISATAP
    yield f"2a00:1450:4001:80b:200:5efe:{high:x}:{low:x}"
    yield f"fe80::5efe:{high:x}:{low:x}"


def refused_addresses() -> tuple[str, ...]:
    """Every refused address, as a resolver or a socket spells it."""
    plain = LOOPBACK_ADDRESSES + PRIVATE_ADDRESSES + METADATA_ADDRESSES + SPECIAL_ADDRESSES
    ipv6_forms = [e for a in plain if "." in a for e in embed_in_ipv6(IPv4Address(a))]
    return tuple(dict.fromkeys((*plain, *ipv6_forms)))


_CIRCLED = str.maketrans("0123456789", "⓪①②③④⑤⑥⑦⑧⑨")
_FULL_WIDTH = str.maketrans("0123456789", "０１２３４５６７８９")
_BOLD = str.maketrans("0123456789", "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗")
_SUPER = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def spell_ipv4(address: IPv4Address) -> Iterator[str]:
    """Hosts that some resolver, library or normalisation takes for ``address``."""
    text, number = str(address), int(address)
    a, b, c, d = address.packed
    low = (b << 16) | (c << 8) | d
    yield from (text, f"{text}.", f"{text}..")
    yield from (str(number), f"{number}.", f"0x{number:x}", f"0X{number:X}", f"0{number:o}")
    yield from (f"{a}.{low}", f"{a}.{b}.{(c << 8) | d}", f"0x{a:x}.{low}", f"0{a:o}.0x{low:x}")
    yield ".".join(f"0x{part:x}" for part in (a, b, c, d))
    yield ".".join(f"0x{part:08x}" for part in (a, b, c, d))
    yield ".".join(f"0{part:o}" for part in (a, b, c, d))
    yield ".".join(f"{part:03d}" for part in (a, b, c, d))
    yield ".".join(f"{part:010o}" for part in (a, b, c, d))
    yield ".".join(str(part + 256) for part in (a, b, c, d))
    yield str(number + (1 << 32))
    yield from (text.translate(digits) for digits in (_CIRCLED, _FULL_WIDTH, _BOLD, _SUPER))
    yield from (text.replace(".", dot) for dot in "。．｡․")
    yield from (
        f"%{ord(text[0]):02x}{text[1:]}",
        text.replace(".", "%2e"),
        f"{text}%00",
        f"{text}%20",
    )
    yield from (f"\u00ad{text}", text.replace(".", ".\u200b"), f"{text}\u2060")
    yield f"[{text}]"


REFUSED_NAMES = (
    "localhost",
    "LOCALHOST",
    "localhost.",
    "LocalHost.LocalDomain",
    "ⓛⓞⓒⓐⓛⓗⓞⓢⓣ",
    "ｌｏｃａｌｈｏｓｔ",
    "loc\u00adalhost",
    "local\u200bhost",
    "𝓁𝑜𝒸𝒶𝓁𝒽𝑜𝓈𝓉",
    "LOCALHOſT",
    "loca%6chost",
    "ip6-localhost",
    "ip6-loopback",
    "0",
    "0.",
    "00",
    "0x0",
    "0x",
    "127.1",
    "127.0.1",
    "0x7f.1",
    "0177.1",
    "[::]",
    "[0:0:0:0:0:0:0:1]",
    "[0000:0000:0000:0000:0000:0000:0000:0001]",
    "[::00:0:1]",
    "[::1%25lo]",
    "[::1%lo]",
    "[::1%251]",
    "[fe80::1%25lo]",
    "[fe80::1%25eth0]",
    "[::ffff:①②⑦.0.0.1]",
    "[::ffff:0x7f.1]",
    "[::ffff:127.1]",
    "[[::1]]",
    "[::1].",
    "xn--ls8h.localhost",
    "-",
    "...",
)

REFUSED_URLS = (
    "http://127.0.0.1:80/",
    "http://127.0.0.1:443/",
    "https://127.0.0.1/",
    "https://127.0.0.1:80/",
    "http://127.0.0.1:22/",
    "http://127.0.0.1:6379/",
    "http://127.0.0.1:0/",
    "http://127.0.0.1:080/",
    "http://127.0.0.1:00000000000000000000080/",
    "http://127.0.0.1:65616/",  # 80 in sixteen bits
    "http://127.0.0.1:８０/",
    "http://8.8.8.8@127.0.0.1/",
    "http://8.8.8.8:80@127.0.0.1/",
    "http://8.8.8.8%40127.0.0.1/",
    "http://127.0.0.1@8.8.8.8:8080/",
    "http://127.0.0.1\\@8.8.8.8/",
    "http://8.8.8.8\\@127.0.0.1/",
    "http://127.0.0.1#@8.8.8.8/",
    "http://127.0.0.1?@8.8.8.8/",
    "http://127.0.0.1;8.8.8.8/",
    "http://127.0.0.1,8.8.8.8/",
    "http://127.0.0.1 8.8.8.8/",
    "http://127.0.0.1\t8.8.8.8/",
    "http://127.0.0.1&@8.8.8.8#@127.0.0.1/",
    "http://[::ffff:8.8.8.8@127.0.0.1]/",
    "http:127.0.0.1/",
    "http:/127.0.0.1/",
    "http:///127.0.0.1/",
    "http:////127.0.0.1/",
    "http:\\\\127.0.0.1\\",
    "//127.0.0.1/",
    "///127.0.0.1/",
    "127.0.0.1",
    "ftp://127.0.0.1/",
    "gopher://127.0.0.1:6379/_INFO",
    "dict://127.0.0.1:11211/stats",
    "file:///etc/passwd",
    "file://127.0.0.1/etc/passwd",
    "ldap://127.0.0.1/",
    "unix:///var/run/docker.sock",
    "http+unix://%2Fvar%2Frun%2Fdocker.sock/",
    "ws://127.0.0.1/",
    "HTTP://127.0.0.1/",
    "hTTps://127.0.0.1/",
    "http://127.0.0.1/" + "a" * 100_000,
    "http://" + "a" * 100_000,
    "http://" + "0" * 3000 + "127.0.0.1/",
    "http://127.0.0.1" + "." * 3000 + "/",
)


def refused_hosts() -> tuple[str, ...]:
    """Every refused address and name, as the host of a URL may spell it."""
    spelled_hosts: list[str] = list(REFUSED_NAMES)
    for text in refused_addresses():
        address = ip_address(text)
        if isinstance(address, IPv4Address):
            spelled_hosts += spell_ipv4(address)
        else:
            written = text.replace("%", "%25")
            spelled_hosts.append(f"[{written}]")
            plain = IPv6Address(int(address)).exploded.upper()
            spelled_hosts.append(
                f"[{plain}]" if address.scope_id is None else f"[{written.upper()}]"
            )
    return tuple(dict.fromkeys(spelled_hosts))


def refused_urls() -> tuple[str, ...]:
    """Everything above, as URLs."""
    return (*REFUSED_URLS, *(f"http://{host}/" for host in refused_hosts()))


PUBLIC_ADDRESSES = (
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "161.25.255.255",
    "161.27.0.0",
    "166.7.255.255",
    "166.12.0.0",
    "168.63.129.15",
    "168.63.129.17",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "191.255.255.255",
    "192.0.1.0",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "199.36.153.3",
    "199.36.153.12",
    "223.255.255.255",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
    "2001:4860:4860::8888",
    "2606:4700:4700::1111",
    "2a00:1450:4001:80b::200e",
)
"""Just beside what is refused, and what must stay open."""
