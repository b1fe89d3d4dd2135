"""The largest frame sizes of an AV1 stream (AV1 bitstream specification, 5.3 to 5.9).

The sequence header states the largest frame, but a frame may override that size with any value
that fits the stated number of bits, and decoders follow the frame. No ordinary picture does this;
if one does, the largest size that the bits allow is assumed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from app.errors import ImageBomb
from app.image.containers.container import Size

OBU_SEQUENCE_HEADER: Final = 1
OBU_FRAME_HEADERS: Final = (3, 6, 7)
MAX_OBUS: Final = 1_000
"""Limit on units of a stream: a still picture has about three."""
HEADER_BYTES: Final = 512
"""An upper bound of a sequence header: 32 operating points of some 90 bits."""
_KEY_FRAME, _SWITCH_FRAME = 0, 3
_SELECT_PER_FRAME = 2
"""Each frame header carries its own value."""


class _BitReader:
    """Reads unsigned numbers of n bits from ``data``; zeros after its end."""

    def __init__(self, data: bytes) -> None:
        self._bits = int.from_bytes(data.ljust(HEADER_BYTES, b"\x00"))
        self._remaining = HEADER_BYTES * 8

    def read(self, count: int) -> int:
        self._remaining = max(0, self._remaining - count)
        return self._bits >> self._remaining & ((1 << count) - 1)


@dataclass(frozen=True)
class _SequenceHeader:
    """``frame_size``: of the largest frame; ``max_override_size``: the largest possible override.

    ``time_bits``, ``id_bits``, ``screen_content`` and ``integer_mv``: needed to parse a frame
    header up to the flag that overrides the size.
    """

    frame_size: Size
    max_override_size: Size
    is_reduced: bool
    time_bits: int
    id_bits: int
    screen_content: int
    integer_mv: int


def frame_sizes(data: bytes) -> Iterator[Size]:
    """The largest frame size of every sequence in the stream ``data``. May raise ``ImageBomb``."""
    sequence = None
    for kind, at, stop in _iter_obus(data):
        if kind == OBU_SEQUENCE_HEADER:
            sequence = _read_sequence_header(_BitReader(data[at : min(stop, at + HEADER_BYTES)]))
            yield sequence.frame_size
        elif (
            kind in OBU_FRAME_HEADERS
            and sequence is not None
            and _overrides_size(_BitReader(data[at : min(stop, at + HEADER_BYTES)]), sequence)
        ):
            yield sequence.max_override_size


def _iter_obus(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Type, and start and end of the payload, of every open bitstream unit."""
    at, end = 0, len(data)
    for _ in range(MAX_OBUS):
        if at >= end:
            return
        header = data[at]
        at += 2 if header & 4 else 1
        size, at = _read_leb128(data, at, end) if header & 2 else (end - at, at)
        yield header >> 3 & 15, at, min(at + size, end)
        at += size
    raise ImageBomb("This AVIF has too many units in its stream; re-save it.")


def _read_leb128(data: bytes, at: int, end: int) -> tuple[int, int]:
    value = 0
    for index, byte in enumerate(data[at : min(at + 8, end)]):
        value |= (byte & 0x7F) << 7 * index
        if byte < 0x80:
            return value, at + index + 1
    return end, end


def _read_sequence_header(bits: _BitReader) -> _SequenceHeader:
    bits.read(3 + 1)  # profile, still_picture
    is_reduced = bool(bits.read(1))  # reduced_still_picture_header
    time_bits = 0
    if is_reduced:
        bits.read(5)
    else:
        time_bits = _read_operating_points(bits)
    width_bits, height_bits = bits.read(4) + 1, bits.read(4) + 1
    frame_size = bits.read(width_bits) + 1, bits.read(height_bits) + 1
    id_bits = 0
    if not is_reduced and bits.read(1):  # frame_id_numbers_present
        id_bits = bits.read(4) + 2 + bits.read(3) + 1
    bits.read(3)  # superblocks, two filters
    screen_content, integer_mv = (
        (_SELECT_PER_FRAME, _SELECT_PER_FRAME) if is_reduced else _read_screen_tools(bits)
    )
    return _SequenceHeader(
        frame_size,
        (1 << width_bits, 1 << height_bits),
        is_reduced,
        time_bits,
        id_bits,
        screen_content,
        integer_mv,
    )


def _read_screen_tools(bits: _BitReader) -> tuple[int, int]:
    """The fields ``seq_force_screen_content_tools`` and ``seq_force_integer_mv``."""
    bits.read(4)  # four tools between frames
    if bits.read(1):  # enable_order_hint
        bits.read(2)
    screen_content = _SELECT_PER_FRAME if bits.read(1) else bits.read(1)
    if screen_content == 0:
        return screen_content, _SELECT_PER_FRAME
    return screen_content, _SELECT_PER_FRAME if bits.read(1) else bits.read(1)


def _overrides_size(bits: _BitReader, sequence: _SequenceHeader) -> bool:
    """Whether the frame header overrides the size of the sequence."""
    if sequence.is_reduced or bits.read(1):  # show_existing_frame
        return False
    kind, is_shown = bits.read(2), bits.read(1)
    bits.read(sequence.time_bits if is_shown else 1)  # frame_presentation_time, or showable_frame
    if kind != _SWITCH_FRAME and not (kind == _KEY_FRAME and is_shown):
        bits.read(1)  # error_resilient_mode
    bits.read(1)  # disable_cdf_update
    screen_content = (
        bits.read(1) if sequence.screen_content == _SELECT_PER_FRAME else sequence.screen_content
    )
    if screen_content and sequence.integer_mv == _SELECT_PER_FRAME:
        bits.read(1)
    bits.read(sequence.id_bits)
    return kind == _SWITCH_FRAME or bool(bits.read(1))


def _read_operating_points(bits: _BitReader) -> int:
    """The length of ``frame_presentation_time`` in frame headers, bits."""
    delay_bits, time_bits, is_equal_interval = 0, 0, 0
    if bits.read(1):  # timing_info_present
        bits.read(32 + 32)
        is_equal_interval = bits.read(1)
        if is_equal_interval:  # equal_picture_interval, then a uvlc number
            zeros = 0
            while zeros < 32 and not bits.read(1):
                zeros += 1
            bits.read(zeros)
        if bits.read(1):  # decoder_model_info_present
            delay_bits = bits.read(5) + 1
            bits.read(32 + 5)
            time_bits = bits.read(5) + 1
    display_delay = bits.read(1)
    for _ in range(bits.read(5) + 1):
        bits.read(12)
        if bits.read(5) > 7:  # levels above 7 have a tier bit
            bits.read(1)
        if delay_bits and bits.read(1):
            bits.read(2 * delay_bits + 1)
        if display_delay and bits.read(1):
            bits.read(4)
    return 0 if is_equal_interval else time_bits
