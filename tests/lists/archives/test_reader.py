"""Zips and tars of pictures, as people pack them and as nobody should."""

from __future__ import annotations

import gzip
import io
import random
import struct
import tarfile
import time
import zipfile
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import ListUnreadable, NoAvatars, TooLarge
from app.lists.archives.zip import CENTRAL_DIRECTORY_MAX_BYTES
from app.lists.byte_stream import TimeLimitedFile
from tests.lists.open_list import (
    JPEG,
    PNG,
    failure_codes,
    open_bytes,
    read_fixture,
    read_items,
    read_items_or_none,
)

FILES = {"b/2.png": PNG, "a.jpg": JPEG, "ü.jpg": JPEG + b"2"}


def build_zip(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return file.getvalue()


def build_tar(files: Mapping[str, bytes], tar_format: int = tarfile.PAX_FORMAT) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tar_format) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        build_zip(FILES),
        build_zip(FILES, zipfile.ZIP_STORED),
        build_tar(FILES),
        build_tar(FILES, tarfile.GNU_FORMAT),
        build_tar(FILES, tarfile.USTAR_FORMAT),
        gzip.compress(build_tar(FILES)),
    ],
)
def test_pictures_in_the_archive_s_order(data: bytes) -> None:
    parsed_items = read_items(data)
    assert {item.source: item.payload for item in parsed_items} == FILES
    assert [item.source for item in parsed_items] == list(FILES)
    assert [item.seq for item in parsed_items] == [0, 1, 2]
    assert open_bytes(data).columns == ()


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_long_names_in_a_tar(form: int) -> None:
    name = "/".join(["folder" * 5] * 10) + "/a.jpg"
    assert [item.source for item in read_items(build_tar({name: JPEG, "b.jpg": JPEG}, form))] == [
        name,
        "b.jpg",
    ]


def test_the_same_name_twice_is_two_pictures() -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for data in (JPEG, PNG):
            info = tarfile.TarInfo("a.jpg")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    assert [item.payload for item in read_items(file.getvalue())] == [JPEG, PNG]


def test_what_a_desktop_leaves_behind_is_no_item() -> None:
    junk = {"__MACOSX/._a.jpg": b"x", ".DS_Store": b"x", "b/Thumbs.db": b"x", "b/._2.png": b"x"}
    for packed in (build_zip, build_tar):
        assert [item.source for item in read_items(packed({**junk, **FILES}))] == list(FILES)


@pytest.mark.parametrize("packed", [build_zip, build_tar])
@pytest.mark.parametrize(
    ("name", "data", "code", "words"),
    [
        ("notes.md", b"# hello", "not_an_image", "is not a picture"),
        ("empty.jpg", b"", "not_an_image", "is not a picture"),
        ("inner.zip", build_zip(FILES), "row_invalid", "packed within a list"),
        ("inner.tar.gz", gzip.compress(build_tar(FILES)), "row_invalid", "packed within a list"),
        ("big.jpg", JPEG + bytes(2000), "too_large", "larger than 1000 bytes"),
        ("../up.jpg", JPEG, "row_invalid", "leads out"),
        ("/root.jpg", JPEG, "row_invalid", "leads out"),
        ("c:/x.jpg", JPEG, "row_invalid", "leads out"),
        ("a\x1b[31m.jpg", JPEG, "row_invalid", "control characters"),
    ],
)
def test_one_bad_entry_is_one_failed_item(
    packed: type, name: str, data: bytes, code: str, words: str
) -> None:
    parsed_items = read_items(packed({"first.jpg": JPEG, name: data, "last.jpg": JPEG}))
    assert failure_codes(parsed_items) == [None, code, None]
    assert parsed_items[1].failure is not None
    assert words in parsed_items[1].failure.detail
    assert parsed_items[1].source.isprintable()


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (tarfile.SYMTYPE, "a link"),
        (tarfile.LNKTYPE, "a link"),
        (tarfile.CHRTYPE, "a device"),
        (tarfile.FIFOTYPE, "a pipe"),
    ],
)
def test_links_and_devices_in_a_tar(kind: bytes, words: str) -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        folder = tarfile.TarInfo("folder")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        strange = tarfile.TarInfo("passwords.jpg")
        strange.type, strange.linkname = kind, "/etc/passwd"
        archive.addfile(strange)
        info = tarfile.TarInfo("a.jpg")
        info.size = len(JPEG)
        archive.addfile(info, io.BytesIO(JPEG))
    parsed_items = read_items(file.getvalue())
    assert failure_codes(parsed_items) == ["row_invalid", None]
    assert parsed_items[0].failure is not None
    assert words in parsed_items[0].failure.detail


def test_links_and_passwords_in_a_zip() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        link = zipfile.ZipInfo("link.jpg")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("a.jpg", JPEG)
        archive.writestr(zipfile.ZipInfo("b.jpg"), JPEG, zipfile.ZIP_LZMA)
    data = bytearray(file.getvalue())
    at = data.rfind(b"PK\x01\x02", 0, data.rfind(b"PK\x01\x02"))
    data[at + 8] |= 1  # a.jpg, in the table of contents
    parsed_items = read_items(bytes(data))
    assert failure_codes(parsed_items) == ["row_invalid"] * 3
    details = [item.failure.detail for item in parsed_items if item.failure]
    assert [
        w in t for w, t in zip(("a link", "encrypted", "packed in a way"), details, strict=True)
    ] == [True] * 3


def test_a_damaged_entry_is_one_failed_item() -> None:
    data = bytearray(build_zip({"a.jpg": JPEG, "b.jpg": PNG}, zipfile.ZIP_STORED))
    data[data.index(JPEG) + 10] ^= 0xFF
    assert failure_codes(read_items(bytes(data))) == ["row_invalid", None]


def test_an_entry_without_a_name() -> None:
    data = bytearray(build_zip({"a.jpg": JPEG, "b.jpg": PNG}))
    at = data.index(b"PK\x01\x02")
    struct.pack_into("<HH", data, at + 28, 0, 5)  # its five letters become an extra field
    parsed_items = read_items_or_none(bytes(data))
    assert parsed_items is None or [item.seq for item in parsed_items] == list(
        range(len(parsed_items))
    )


def test_a_zip_bomb_is_stopped_at_the_limit_of_each_and_of_all() -> None:
    bomb = build_zip({f"{n}.jpg": JPEG + bytes(10_000_000) for n in range(5)})
    assert len(bomb) < 100_000
    assert failure_codes(read_items(bomb)) == ["too_large"] * 5
    with pytest.raises(TooLarge):
        read_items(bomb, max_bytes=3000)
    noise = random.Random(0).randbytes(60_000)
    tar = gzip.compress(build_tar({"a.jpg": JPEG + noise + bytes(10_000_000)}))
    assert failure_codes(read_items(tar, max_bytes=20_000_000)) == ["too_large"]
    with pytest.raises(TooLarge):
        read_items(tar, max_bytes=1_000_000)


@pytest.mark.parametrize("pack", [lambda data: build_zip({"list.csv": data}), gzip.compress])
def test_what_is_nearly_empty_but_for_its_size_is_refused(pack: Callable[[bytes], bytes]) -> None:
    with pytest.raises(TooLarge, match="200 times"):
        read_items(pack(b"url\n" + b"https://example.org/1.jpg\n" * 100_000), max_items=10**6)


def test_the_same_picture_over_and_over_is_refused() -> None:
    with pytest.raises(TooLarge, match="200 times"):
        read_items(gzip.compress(build_tar({f"{n}.jpg": JPEG + bytes(20_000) for n in range(100)})))
    pictures = build_zip({f"{n}.jpg": JPEG + bytes(200_000) for n in range(20)})
    with pytest.raises(TooLarge, match="200 times"):
        read_items(pictures, max_picture_bytes=10**6)


def test_entries_with_wrong_checksums_are_charged() -> None:
    noise = random.Random(0).randbytes(2_000)
    files = {f"{n}.jpg": JPEG + noise + bytes(200_000) for n in range(20)}
    data = bytearray(build_zip(files))
    at = -1
    while (at := data.find(b"PK\x01\x02", at + 1)) >= 0:
        data[at + 16 : at + 20] = bytes(4)
    damaged = read_items(bytes(data), max_picture_bytes=10**6)
    assert failure_codes(damaged) == ["row_invalid"] * 20
    with pytest.raises(TooLarge, match="more than 1000000 bytes"):
        read_items(bytes(data), max_picture_bytes=10**6, max_bytes=1_000_000)


def test_an_entry_that_reaches_into_the_table_of_contents() -> None:
    data = bytearray(build_zip(FILES, zipfile.ZIP_STORED))
    at = data.rfind(b"PK\x01\x02")
    struct.pack_into("<L", data, at + 20, 10_000)
    with pytest.raises(ListUnreadable, match="overlap"):
        read_items(bytes(data))


def test_a_list_that_takes_too_long_to_read() -> None:
    now = iter([0.0, 1.0, 2.0, 11.0])
    file = TimeLimitedFile(io.BytesIO(b"x" * 10), max_s=10.0, clock=lambda: next(now))
    assert file.read(1) == file.read(1) == b"x"
    with pytest.raises(TooLarge, match="more than 10 s"):
        file.read(1)


def test_a_table_of_contents_that_is_itself_too_large() -> None:
    data = bytearray(build_zip(FILES))
    struct.pack_into("<L", data, data.rfind(b"PK\x05\x06") + 12, CENTRAL_DIRECTORY_MAX_BYTES + 1)
    with pytest.raises(ListUnreadable, match="too many files"):
        read_items(bytes(data))


@pytest.mark.parametrize(
    "size", [b"77777777777\x00", b"\x80" + b"\xff" * 11, b"-1\x00" + bytes(9), b"9" * 12]
)
def test_a_tar_with_a_size_that_cannot_be(size: bytes) -> None:
    data = bytearray(build_tar({"a.jpg": JPEG}, tarfile.USTAR_FORMAT))
    data[124:136] = size
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\x00 " % sum(data[:512])
    with pytest.raises(ListUnreadable):
        read_items(bytes(data))


def test_a_tar_whose_extension_claims_gigabytes() -> None:
    data = bytearray(build_tar({"ü" * 200: JPEG}))
    assert data[156:157] == b"x"
    data[124:136] = b"77777777777\x00"
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\x00 " % sum(data[:512])
    with pytest.raises(ListUnreadable, match="absurdly long"):
        read_items(bytes(data))


def test_a_tar_with_a_damaged_header_is_not_read_as_if_it_ended_there() -> None:
    data = bytearray(build_tar({"a.jpg": JPEG, "b.jpg": JPEG}, tarfile.USTAR_FORMAT))
    data[data.index(b"b.jpg")] ^= 1
    with pytest.raises(ListUnreadable, match="damaged"):
        read_items(bytes(data))


def test_many_long_names_before_one_entry_of_a_tar() -> None:
    long_name = tarfile.TarInfo("x")
    long_name.type, long_name.size = tarfile.GNUTYPE_LONGNAME, 512
    repeated = long_name.tobuf(tarfile.USTAR_FORMAT) + b"long.jpg".ljust(512, b"\x00")
    parsed_items = read_items(repeated * 2_000 + build_tar({"a.jpg": JPEG}, tarfile.USTAR_FORMAT))
    assert [item.source for item in parsed_items] == ["long.jpg"]


def test_an_extended_header_of_digits_takes_no_time() -> None:
    extended = tarfile.TarInfo("x")
    extended.type, extended.size = tarfile.XHDTYPE, 1 << 16
    header = extended.tobuf(tarfile.USTAR_FORMAT) + b"1" * (1 << 16)
    started = time.process_time()
    parsed_items = read_items(header * 8 + build_tar({"a.jpg": JPEG}, tarfile.USTAR_FORMAT))
    assert time.process_time() - started < 2.0
    assert [item.source for item in parsed_items] == ["a.jpg"]


@pytest.mark.parametrize("cut", [600, 1100, 2000])
def test_a_tar_that_breaks_off(cut: int) -> None:
    with pytest.raises(ListUnreadable, match="is truncated"):
        read_items(
            build_tar(
                {"a.jpg": JPEG + bytes(600), "b.jpg": JPEG + bytes(600)}, tarfile.USTAR_FORMAT
            )[:cut]
        )


@pytest.mark.parametrize("cut", [30, 200])
def test_a_zip_that_breaks_off(cut: int) -> None:
    with pytest.raises(ListUnreadable, match="is truncated"):
        read_items(build_zip(FILES)[:cut])


LIST = (
    b"id,file,note\n1,a.jpg,x\n2,2.png,y\n3,https://example.org/3.jpg,\n4,gone.jpg,\n5,notes.md,\n"
)


def test_a_list_beside_the_pictures_that_it_names() -> None:
    data = build_zip({"list.csv": LIST, "notes.md": b"#", **FILES})
    follower_list = open_bytes(data)
    parsed_items = list(follower_list)
    assert (follower_list.format, follower_list.columns) == ("csv", ("id", "file", "note"))
    assert [item.seq for item in parsed_items] == list(range(6))
    assert [item.payload for item in parsed_items[:2]] == [JPEG, PNG]
    assert (parsed_items[1].custom_id, parsed_items[1].source, parsed_items[1].cells) == (
        "2",
        "2.png",
        ("2", "2.png", "y"),
    )
    assert parsed_items[2].url == "https://example.org/3.jpg"
    assert failure_codes(parsed_items[3:]) == ["url_invalid", "not_an_image", None]
    assert (parsed_items[5].source, parsed_items[5].cells) == ("ü.jpg", ("", "ü.jpg", ""))


def test_a_name_that_stands_for_two_pictures_stands_for_neither() -> None:
    rows = b"id,file\n1,x.jpg\n2,a/x.jpg\n3,./b/x.jpg\n4,b\\x.jpg\n"
    parsed_items = read_items(build_zip({"list.csv": rows, "a/x.jpg": JPEG, "b/x.jpg": PNG}))
    assert failure_codes(parsed_items) == ["url_invalid", None, None, None]
    assert [item.payload for item in parsed_items[1:]] == [JPEG, PNG, PNG]


def test_a_list_alone_in_a_zip_is_that_list() -> None:
    for name in ("x_v2.jsonl", "plain.csv", "urls.txt", "bluesky.json"):
        assert read_items(build_zip({name: read_fixture(name)})) == read_items(read_fixture(name))


def test_a_note_beside_pictures_is_no_list() -> None:
    parsed_items = read_items(build_zip({"readme.txt": b"Pictures, all made up.", **FILES}))
    assert failure_codes(parsed_items) == ["not_an_image", None, None, None]


def test_archives_that_are_something_else() -> None:
    with pytest.raises(NoAvatars, match="X archive"):
        open_bytes(
            build_zip(
                {"data/follower.js": read_fixture("x_archive_follower.js"), "data/account.js": b"x"}
            )
        )
    with pytest.raises(ListUnreadable, match="save it as CSV"):
        open_bytes(build_zip({"xl/workbook.xml": b"<x/>"}))
    with pytest.raises(ListUnreadable, match="one at a time"):
        open_bytes(build_zip({"a.csv": LIST, "b.csv": LIST}))
    with pytest.raises(NoAvatars):
        open_bytes(build_zip({"a.csv": b"id,name\n1,ada\n"}))


@given(
    st.sampled_from([build_zip(FILES), build_tar(FILES), build_zip({"l.csv": LIST, **FILES})]),
    st.data(),
)
def test_damage_gives_items_or_a_sentence(whole: bytes, data: st.DataObject) -> None:
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    parsed_items = read_items_or_none(bytes(damaged[: data.draw(st.integers(1, len(damaged)))]))
    assert [item.seq for item in parsed_items or ()] == list(range(len(parsed_items or ())))
