"""Signatures: whatever the bytes, looking for one is quick."""

from __future__ import annotations

import pytest

from app.errors import ImageUnsupported, NotAnImage
from app.image.containers.formats import detect_format


@pytest.mark.parametrize(
    "svg",
    [
        b"<svg>",
        b'<?xml version="1.0"?>\n<!-- a -- b -->\n<svg/>',
        b"\xef\xbb\xbf  <!DOCTYPE svg PUBLIC 'x'><SVG >",
        b"<!----><!--<svg>--><svg\n>",
    ],
)
def test_a_drawing_is_known_by_its_first_element(svg: bytes) -> None:
    with pytest.raises(ImageUnsupported, match="SVG"):
        detect_format(svg)


@pytest.mark.parametrize(
    "page",
    [
        b"<!--<svg>-->",
        b"<svga>",
        b"<!-- never closed <svg>",
        b"<!---->" * 140 + b"x",
        b"<?xml ?>" * 120,
        b"<!DOCTYPE svg " * 70,
        b"\n" * 1_000,
    ],
)
def test_what_only_looks_like_one_is_none_and_is_known_in_no_time(page: bytes) -> None:
    with pytest.raises(NotAnImage):  # with a reading to try for every comment it took years
        detect_format(page)
