"""The frame size in an AV1 sequence header (AV1 bitstream specification, 5.3 to 5.5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from app.containers.container import Size

SEQUENCE_HEADER: Final = 1
MAX_UNITS: Final = 100
HEADER_BYTES: Final = 512
"""The longest sequence header, generously: 32 operating points of some 90 bits."""


class _Bits:
    """Unsigned numbers from the front of ``data``; past its end there are zeros."""

    def __init__(self, data: bytes) -> None:
        self._bits = int.from_bytes(data.ljust(HEADER_BYTES, b"\x00"))
        self._left = HEADER_BYTES * 8

    def take(self, count: int) -> int:
        self._left = max(0, self._left - count)
        return self._bits >> self._left & ((1 << count) - 1)


def stated_sizes(data: bytes, start: int, end: int) -> Iterator[Size]:
    """The largest frame size of every sequence header among the units in ``data[start:end]``."""
    for kind, at, stop in _units(data, start, min(end, len(data))):
        if kind == SEQUENCE_HEADER:
            yield _largest_frame(_Bits(data[at : min(stop, at + HEADER_BYTES)]))


def _units(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Type, and start and end of the payload, of every open bitstream unit."""
    for _ in range(MAX_UNITS):
        if at >= end:
            return
        header = data[at]
        at += 2 if header & 4 else 1
        size, at = _leb128(data, at, end) if header & 2 else (end - at, at)
        yield header >> 3 & 15, at, min(at + size, end)
        at += size


def _leb128(data: bytes, at: int, end: int) -> tuple[int, int]:
    value = 0
    for index, byte in enumerate(data[at : min(at + 8, end)]):
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return value, at + index + 1
    return end, end


def _largest_frame(bits: _Bits) -> Size:
    bits.take(3 + 1)  # profile, still_picture
    if bits.take(1):  # reduced_still_picture_header
        bits.take(5)
    else:
        _skip_operating_points(bits)
    wide, high = bits.take(4) + 1, bits.take(4) + 1
    return bits.take(wide) + 1, bits.take(high) + 1


def _skip_operating_points(bits: _Bits) -> None:
    delay_bits = 0
    if bits.take(1):  # timing_info_present
        bits.take(32 + 32)
        if bits.take(1):  # equal_picture_interval, then a number in uvlc
            zeros = 0
            while zeros < 32 and not bits.take(1):
                zeros += 1
            bits.take(zeros)
        if bits.take(1):  # decoder_model_info_present
            delay_bits = bits.take(5) + 1
            bits.take(32 + 5 + 5)
    display_delay = bits.take(1)
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > 7:  # only high levels have tiers
            bits.take(1)
        if delay_bits and bits.take(1):
            bits.take(2 * delay_bits + 1)
        if display_delay and bits.take(1):
            bits.take(4)
