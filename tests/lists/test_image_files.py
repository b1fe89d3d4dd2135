"""Pictures in a folder and in the parts of a form."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from app.cli import inputs
from app.errors import ListEmpty, TooLarge
from app.lists.image_files import items_from_files, items_from_folder
from tests.lists.open_list import JPEG, PNG, failure_codes


def test_parts_of_a_form_as_they_come() -> None:
    parts: list[tuple[str, BinaryIO]] = [
        ("b.jpg", io.BytesIO(JPEG)),
        ("a\n.txt", io.BytesIO(b"hello")),
        ("b.jpg", io.BytesIO(PNG + bytes(2000))),
    ]
    parsed_items = list(items_from_files(parts, max_items=3, max_picture_bytes=1000))
    assert failure_codes(parsed_items) == [None, "not_an_image", "too_large"]
    assert [item.source for item in parsed_items] == ["b.jpg", "a\ufffd.txt", "b.jpg"]
    with pytest.raises(TooLarge, match="more than 2 rows"):
        list(items_from_files(parts, max_items=2, max_picture_bytes=1000))


def test_a_part_is_read_when_its_turn_comes_and_no_further_than_needed() -> None:
    read = []

    def parts() -> Iterator[tuple[str, BinaryIO]]:
        for n in range(3):
            read.append(n)
            yield str(n), io.BytesIO(JPEG)

    stream = items_from_files(parts(), max_items=10, max_picture_bytes=1000)
    next(stream)
    assert read == [0]


def test_a_folder_is_sorted_as_paths_are(tmp_path: Path) -> None:
    for name in ("b/z.jpeg", "b.png", "a.AVIF", "notes.txt", "b/a/1.jpg", "broken.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"text" if name in ("broken.jpg", "notes.txt") else JPEG)
    (tmp_path / "folder.png").mkdir()
    parsed_items = list(items_from_folder(tmp_path, max_items=10, max_picture_bytes=1000))
    expected = [i.name for i in inputs.find_inputs(str(tmp_path), None)]  # type: ignore[arg-type]
    assert [str(tmp_path / item.source) for item in parsed_items] == expected
    assert failure_codes(parsed_items) == [None, None, None, None, "not_an_image"]
    with pytest.raises(TooLarge):
        list(items_from_folder(tmp_path, max_items=2, max_picture_bytes=1000))


def test_a_folder_without_pictures(tmp_path: Path) -> None:
    with pytest.raises(ListEmpty, match="no pictures"):
        list(items_from_folder(tmp_path, max_items=10, max_picture_bytes=1000))
