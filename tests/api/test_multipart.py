"""Forms taken apart as they arrive: whatever the pieces they arrive in, the same parts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.multipart import MAX_FIELD_BYTES, MAX_FIELDS, MultipartForm, read_form
from app.api.request_body import Spool
from app.errors import InvalidFields, TooLarge

FormFiles = list[tuple[str, bytes]]
names = st.text(
    st.characters(codec="utf-8", exclude_characters='\r\n"\\\0'), min_size=1, max_size=20
)


def encode_form(files: FormFiles, fields: dict[str, str] | None = None) -> tuple[str, bytes]:
    """A form as a common client sends it: content type and body."""
    request = httpx.Request(
        "POST", "http://a/", files=[("file", file) for file in files], data=fields
    )
    return request.headers["content-type"], request.read()


def parse_form(
    content_type: str, body: bytes, cut_positions: list[int], folder: Path, max_files: int = 100
) -> tuple[MultipartForm, list[bytes]]:
    """The form, and the bytes of its files, of a body that arrives cut in pieces."""

    async def chunks() -> AsyncIterator[bytes]:
        edges = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cut_positions)})
        for start, end in pairwise(edges):
            yield body[start:end]

    async def read() -> tuple[MultipartForm, list[bytes]]:
        spool = Spool(folder)
        try:
            form = await read_form(content_type, chunks(), spool, max_files)
            await spool.flush()
            contents = []
            for part in form.files:
                spool.file.seek(part.offset)
                contents.append(spool.file.read(part.size))
            return form, contents
        finally:
            spool.close()

    return asyncio.run(read())


def test_others_have_their_turn_while_a_form_is_taken_apart(tmp_path: Path) -> None:
    """However much of it arrives at once."""
    kind, body = encode_form([(f"{number}.jpg", b"") for number in range(1_500)])
    turns = 0

    async def whole() -> AsyncIterator[bytes]:
        yield body

    async def take_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def read() -> MultipartForm:
        others, spool = asyncio.create_task(take_turns()), Spool(tmp_path)
        try:
            return await read_form(kind, whole(), spool, 2_000)
        finally:
            spool.close()
            others.cancel()

    assert len(asyncio.run(read()).files) == 1_500
    assert turns >= len(body) / 20_000 > 5


@given(
    st.lists(st.tuples(names, st.binary(max_size=300)), min_size=1, max_size=5),
    st.dictionaries(st.sampled_from(["prior", "metadata", "webhook_url"]), st.text(max_size=50)),
    st.lists(st.integers(0), max_size=20),
)
def test_the_same_parts_however_they_arrive(
    tmp_path_factory: pytest.TempPathFactory,
    files: FormFiles,
    fields: dict[str, str],
    cuts: list[int],
) -> None:
    folder = tmp_path_factory.getbasetemp()
    fields = {name: value.replace("\r", "").replace("\n", "") for name, value in fields.items()}
    form, contents = parse_form(*encode_form(files, fields), cuts, folder)
    assert contents == [content for _, content in files]
    assert len(form.files) == len(files)
    assert form.fields == fields
    assert (
        parse_form(*encode_form(files, fields), [], folder)[0] == form
    )  # another boundary, one piece


def test_what_differs_has_another_digest(tmp_path: Path) -> None:
    forms: list[FormFiles] = [
        [("a", b"1")],
        [("b", b"1")],
        [("a", b"2")],
        [("a", b"1"), ("a", b"")],
        [("a", b""), ("a", b"1")],
        [("a", b"1"), ("b", b"2")],
        [("b", b"2"), ("a", b"1")],
        [("a", b"1b2")],
    ]
    assert len({parse_form(*encode_form(files), [], tmp_path)[0].digest for files in forms}) == len(
        forms
    )


def test_limits(tmp_path: Path) -> None:
    with pytest.raises(TooLarge, match="3 files"):
        parse_form(*encode_form([("a", b"")] * 4), [], tmp_path, max_files=3)
    with pytest.raises(InvalidFields, match="bytes"):
        parse_form(
            *encode_form([("a", b"")], {"metadata": "x" * (MAX_FIELD_BYTES + 1)}), [], tmp_path
        )
    many = {f"field{n}": "" for n in range(MAX_FIELDS + 1)}
    with pytest.raises(InvalidFields, match="fields"):
        parse_form(*encode_form([("a", b"")], many), [], tmp_path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
def test_a_form_that_breaks_off_is_no_form(tmp_path: Path, share: float) -> None:
    kind, body = encode_form([("a", b"content" * 10), ("b", b"content" * 10)])
    with pytest.raises(InvalidFields):
        parse_form(kind, body[: int(len(body) * share)], [], tmp_path)


@given(st.binary(max_size=200))
def test_noise_is_no_form(tmp_path_factory: pytest.TempPathFactory, noise: bytes) -> None:
    with pytest.raises(InvalidFields):
        parse_form("multipart/form-data; boundary=x", noise, [7], tmp_path_factory.getbasetemp())
