"""Zips and tars of pictures, as people pack them and as nobody should."""

from __future__ import annotations

import gzip
import io
import struct
import tarfile
import zipfile
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import ListUnreadable, NoAvatars, TooLarge
from app.lists.zip_reader import DIRECTORY_MAX_BYTES
from tests.lists.opening import JPEG, PNG, codes, fixture, items, items_or_none, opened

FILES = {"b/2.png": PNG, "a.jpg": JPEG, "ü.jpg": JPEG + b"2"}


def zipped(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return file.getvalue()


def tarred(files: Mapping[str, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=form) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        zipped(FILES),
        zipped(FILES, zipfile.ZIP_STORED),
        tarred(FILES),
        tarred(FILES, tarfile.GNU_FORMAT),
        tarred(FILES, tarfile.USTAR_FORMAT),
        gzip.compress(tarred(FILES)),
    ],
)
def test_pictures_in_the_archive_s_order(data: bytes) -> None:
    found = items(data)
    assert {item.source: item.payload for item in found} == FILES
    assert [item.source for item in found] == list(FILES)
    assert [item.seq for item in found] == [0, 1, 2]
    assert opened(data).columns == ()


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_long_names_in_a_tar(form: int) -> None:
    name = "/".join(["folder" * 5] * 10) + "/a.jpg"
    assert [item.source for item in items(tarred({name: JPEG, "b.jpg": JPEG}, form))] == [
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
    assert [item.payload for item in items(file.getvalue())] == [JPEG, PNG]


def test_what_a_desktop_leaves_behind_is_no_item() -> None:
    junk = {"__MACOSX/._a.jpg": b"x", ".DS_Store": b"x", "b/Thumbs.db": b"x", "b/._2.png": b"x"}
    for packed in (zipped, tarred):
        assert [item.source for item in items(packed({**junk, **FILES}))] == list(FILES)


@pytest.mark.parametrize("packed", [zipped, tarred])
@pytest.mark.parametrize(
    ("name", "data", "code", "words"),
    [
        ("notes.md", b"# hello", "not_an_image", "is no picture"),
        ("empty.jpg", b"", "not_an_image", "is no picture"),
        ("inner.zip", zipped(FILES), "row_invalid", "packed within a list"),
        ("inner.tar.gz", gzip.compress(tarred(FILES)), "row_invalid", "packed within a list"),
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
    found = items(packed({"first.jpg": JPEG, name: data, "last.jpg": JPEG}))
    assert codes(found) == [None, code, None]
    assert found[1].failure is not None
    assert words in found[1].failure.detail
    assert found[1].source.isprintable()


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
    found = items(file.getvalue())
    assert codes(found) == ["row_invalid", None]
    assert found[0].failure is not None
    assert words in found[0].failure.detail


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
    found = items(bytes(data))
    assert codes(found) == ["row_invalid"] * 3
    told = [item.failure.detail for item in found if item.failure]
    assert [
        w in t for w, t in zip(("a link", "encrypted", "packed in a way"), told, strict=True)
    ] == [True] * 3


def test_a_damaged_entry_is_one_failed_item() -> None:
    data = bytearray(zipped({"a.jpg": JPEG, "b.jpg": PNG}, zipfile.ZIP_STORED))
    data[data.index(JPEG) + 10] ^= 0xFF
    assert codes(items(bytes(data))) == ["row_invalid", None]


def test_an_entry_without_a_name() -> None:
    data = bytearray(zipped({"a.jpg": JPEG, "b.jpg": PNG}))
    at = data.index(b"PK\x01\x02")
    struct.pack_into("<HH", data, at + 28, 0, 5)  # its five letters become an extra field
    found = items_or_none(bytes(data))
    assert found is None or [item.seq for item in found] == list(range(len(found)))


def test_a_zip_bomb_is_stopped_at_the_limit_of_each_and_of_all() -> None:
    bomb = zipped({f"{n}.jpg": JPEG + bytes(10_000_000) for n in range(5)})
    assert len(bomb) < 100_000
    assert codes(items(bomb)) == ["too_large"] * 5
    with pytest.raises(TooLarge):
        items(bomb, max_bytes=3000)
    tar = gzip.compress(tarred({"a.jpg": JPEG + bytes(10_000_000)}))
    assert codes(items(tar, max_bytes=20_000_000)) == ["too_large"]
    with pytest.raises(TooLarge):
        items(tar, max_bytes=1_000_000)


def test_a_table_of_contents_that_is_itself_too_large() -> None:
    data = bytearray(zipped(FILES))
    struct.pack_into("<L", data, data.rfind(b"PK\x05\x06") + 12, DIRECTORY_MAX_BYTES + 1)
    with pytest.raises(ListUnreadable, match="too many files"):
        items(bytes(data))


@pytest.mark.parametrize(
    "size", [b"77777777777\x00", b"\x80" + b"\xff" * 11, b"-1\x00" + bytes(9), b"9" * 12]
)
def test_a_tar_with_a_size_that_cannot_be(size: bytes) -> None:
    data = bytearray(tarred({"a.jpg": JPEG}, tarfile.USTAR_FORMAT))
    data[124:136] = size
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\x00 " % sum(data[:512])
    with pytest.raises(ListUnreadable):
        items(bytes(data))


def test_a_tar_whose_extension_claims_gigabytes() -> None:
    data = bytearray(tarred({"ü" * 200: JPEG}))
    assert data[156:157] == b"x"
    data[124:136] = b"77777777777\x00"
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\x00 " % sum(data[:512])
    with pytest.raises(ListUnreadable, match="absurdly long"):
        items(bytes(data))


@pytest.mark.parametrize("cut", [600, 1100, 2000])
def test_a_tar_that_breaks_off(cut: int) -> None:
    with pytest.raises(ListUnreadable, match="breaks off"):
        items(
            tarred({"a.jpg": JPEG + bytes(600), "b.jpg": JPEG + bytes(600)}, tarfile.USTAR_FORMAT)[
                :cut
            ]
        )


@pytest.mark.parametrize("cut", [30, 200])
def test_a_zip_that_breaks_off(cut: int) -> None:
    with pytest.raises(ListUnreadable, match="breaks off"):
        items(zipped(FILES)[:cut])


LIST = (
    b"id,file,note\n1,a.jpg,x\n2,2.png,y\n3,https://example.org/3.jpg,\n4,gone.jpg,\n5,notes.md,\n"
)


def test_a_list_beside_the_pictures_that_it_names() -> None:
    data = zipped({"list.csv": LIST, "notes.md": b"#", **FILES})
    found = opened(data)
    seen = list(found)
    assert (found.format, found.columns) == ("csv", ("id", "file", "note"))
    assert [item.seq for item in seen] == list(range(6))
    assert [item.payload for item in seen[:2]] == [JPEG, PNG]
    assert (seen[1].custom_id, seen[1].source, seen[1].cells) == ("2", "2.png", ("2", "2.png", "y"))
    assert seen[2].url == "https://example.org/3.jpg"
    assert codes(seen[3:]) == ["url_invalid", "not_an_image", None]
    assert (seen[5].source, seen[5].cells) == ("ü.jpg", ())


def test_a_name_that_stands_for_two_pictures_stands_for_neither() -> None:
    rows = b"id,file\n1,x.jpg\n2,a/x.jpg\n3,./b/x.jpg\n4,b\\x.jpg\n"
    found = items(zipped({"list.csv": rows, "a/x.jpg": JPEG, "b/x.jpg": PNG}))
    assert codes(found) == ["url_invalid", None, None, None]
    assert [item.payload for item in found[1:]] == [JPEG, PNG, PNG]


def test_a_list_alone_in_a_zip_is_that_list() -> None:
    for name in ("x_v2.jsonl", "plain.csv", "urls.txt", "bluesky.json"):
        assert items(zipped({name: fixture(name)})) == items(fixture(name))


def test_a_note_beside_pictures_is_no_list() -> None:
    found = items(zipped({"readme.txt": b"Pictures, all made up.", **FILES}))
    assert codes(found) == ["not_an_image", None, None, None]


def test_archives_that_are_something_else() -> None:
    with pytest.raises(NoAvatars, match="X archive"):
        opened(
            zipped({"data/follower.js": fixture("x_archive_follower.js"), "data/account.js": b"x"})
        )
    with pytest.raises(ListUnreadable, match="save it as CSV"):
        opened(zipped({"xl/workbook.xml": b"<x/>"}))
    with pytest.raises(ListUnreadable, match="one at a time"):
        opened(zipped({"a.csv": LIST, "b.csv": LIST}))
    with pytest.raises(NoAvatars):
        opened(zipped({"a.csv": b"id,name\n1,ada\n"}))


@given(st.sampled_from([zipped(FILES), tarred(FILES), zipped({"l.csv": LIST, **FILES})]), st.data())
def test_damage_gives_items_or_a_sentence(whole: bytes, data: st.DataObject) -> None:
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    found = items_or_none(bytes(damaged[: data.draw(st.integers(1, len(damaged)))]))
    assert [item.seq for item in found or ()] == list(range(len(found or ())))
