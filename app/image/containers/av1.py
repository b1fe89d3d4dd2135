"""How large frames of an AV1 stream may be (AV1 bitstream specification, 5.3 to 5.9).

A sequence header states the largest frame, and a decoder believes the frames instead: one may
override that size by any that fits its bits. No picture needs to, so where one does, the largest
that the bits allow is taken for its size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from app.errors import ImageBomb
from app.image.containers.container import Size

SEQUENCE_HEADER: Final = 1
FRAME_HEADERS: Final = (3, 6, 7)
MAX_UNITS: Final = 1_000
"""A still picture has about three; whoever hides a sequence behind more is not followed."""
HEADER_BYTES: Final = 512
"""The longest sequence header, generously: 32 operating points of some 90 bits."""
_KEY, _SWITCH = 0, 3
_SELECT = 2
"""Every frame says for itself."""


class _Bits:
    """Unsigned numbers from the front of ``data``; past its end there are zeros."""

    def __init__(self, data: bytes) -> None:
        self._bits = int.from_bytes(data.ljust(HEADER_BYTES, b"\x00"))
        self._left = HEADER_BYTES * 8

    def take(self, count: int) -> int:
        self._left = max(0, self._left - count)
        return self._bits >> self._left & ((1 << count) - 1)


@dataclass(frozen=True)
class _Sequence:
    """``stated``: the largest frame; ``possible``: what an overriding frame could state.

    ``time_bits``, ``id_bits``, ``screen`` and ``integer``: how a frame's header is to be read, up
    to where it says whether it overrides.
    """

    stated: Size
    possible: Size
    reduced: bool
    time_bits: int
    id_bits: int
    screen: int
    integer: int


def stated_sizes(data: bytes) -> Iterator[Size]:
    """The largest frame size of every sequence in a stream. May raise ``ImageBomb``."""
    sequence = None
    for kind, at, stop in _units(data):
        if kind == SEQUENCE_HEADER:
            sequence = _sequence(_Bits(data[at : min(stop, at + HEADER_BYTES)]))
            yield sequence.stated
        elif (
            kind in FRAME_HEADERS
            and sequence is not None
            and _overrides(_Bits(data[at : min(stop, at + HEADER_BYTES)]), sequence)
        ):
            yield sequence.possible


def _units(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Type, and start and end of the payload, of every open bitstream unit."""
    at, end = 0, len(data)
    for _ in range(MAX_UNITS):
        if at >= end:
            return
        header = data[at]
        at += 2 if header & 4 else 1
        size, at = _leb128(data, at, end) if header & 2 else (end - at, at)
        yield header >> 3 & 15, at, min(at + size, end)
        at += size
    raise ImageBomb("This AVIF has too many parts in its stream; save it anew.")


def _leb128(data: bytes, at: int, end: int) -> tuple[int, int]:
    value = 0
    for index, byte in enumerate(data[at : min(at + 8, end)]):
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return value, at + index + 1
    return end, end


def _sequence(bits: _Bits) -> _Sequence:
    bits.take(3 + 1)  # profile, still_picture
    reduced = bool(bits.take(1))  # reduced_still_picture_header
    time_bits = 0
    if reduced:
        bits.take(5)
    else:
        time_bits = _skip_operating_points(bits)
    wide, high = bits.take(4) + 1, bits.take(4) + 1
    stated = bits.take(wide) + 1, bits.take(high) + 1
    id_bits = 0
    if not reduced and bits.take(1):  # frame_id_numbers_present
        id_bits = bits.take(4) + 2 + bits.take(3) + 1
    bits.take(3)  # superblocks, two filters
    screen, integer = (_SELECT, _SELECT) if reduced else _tools(bits)
    return _Sequence(stated, (1 << wide, 1 << high), reduced, time_bits, id_bits, screen, integer)


def _tools(bits: _Bits) -> tuple[int, int]:
    """How frames say whether they hold screen content, and whole motion vectors."""
    bits.take(4)  # four tools between frames
    if bits.take(1):  # enable_order_hint
        bits.take(2)
    screen = _SELECT if bits.take(1) else bits.take(1)
    if screen == 0:
        return screen, _SELECT
    return screen, _SELECT if bits.take(1) else bits.take(1)


def _overrides(bits: _Bits, sequence: _Sequence) -> bool:
    """Whether the frame says that its size is not the sequence's."""
    if sequence.reduced or bits.take(1):  # show_existing_frame
        return False
    kind, shown = bits.take(2), bits.take(1)
    bits.take(sequence.time_bits if shown else 1)  # when; or showable_frame
    if kind != _SWITCH and not (kind == _KEY and shown):
        bits.take(1)  # error_resilient_mode
    bits.take(1)  # disable_cdf_update
    screen = bits.take(1) if sequence.screen == _SELECT else sequence.screen
    if screen and sequence.integer == _SELECT:
        bits.take(1)
    bits.take(sequence.id_bits)
    return kind == _SWITCH or bool(bits.take(1))


def _skip_operating_points(bits: _Bits) -> int:
    """How many bits a shown frame takes to say when it is shown."""
    delay_bits, time_bits, even = 0, 0, 0
    if bits.take(1):  # timing_info_present
        bits.take(32 + 32)
        even = bits.take(1)
        if even:  # equal_picture_interval, then a number in uvlc
            zeros = 0
            while zeros < 32 and not bits.take(1):
                zeros += 1
            bits.take(zeros)
        if bits.take(1):  # decoder_model_info_present
            delay_bits = bits.take(5) + 1
            bits.take(32 + 5)
            time_bits = bits.take(5) + 1
    display_delay = bits.take(1)
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > 7:  # only high levels have tiers
            bits.take(1)
        if delay_bits and bits.take(1):
            bits.take(2 * delay_bits + 1)
        if display_delay and bits.take(1):
            bits.take(4)
    return 0 if even else time_bits
