"""Where commands write: by suffix, complete or not at all, and nothing replaced unasked."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from app.cli.output_files import (
    KEY_FILE,
    STANDARD_OUTPUT,
    OutputError,
    OutputPaths,
    atomic_writer,
    write_picture,
)
from app.render.png import encode_png


@pytest.mark.parametrize(
    ("outputs", "message"),
    [
        (OutputPaths(Path("o.txt")), "--out o.txt must end in .csv or .ndjson"),
        (OutputPaths(Path("o")), "--out o must end in .csv or .ndjson"),
        (OutputPaths(Path("o.csv"), scatter=Path("s.gif")), "--scatter s.gif must end in .png"),
        (OutputPaths(Path("o.csv"), report=Path("r.pdf")), "--report r.pdf must end in .html"),
        (OutputPaths(Path("o.csv"), network=Path("n.dot")), "--network n.dot must end in .svg"),
    ],
)
def test_a_suffix_that_says_no_format_is_named_with_its_option(
    outputs: OutputPaths, message: str
) -> None:
    with pytest.raises(OutputError, match=message):
        outputs.require_known_formats()


@pytest.mark.parametrize(
    "outputs",
    [
        OutputPaths(Path("O.CSV"), montage=Path("m.JPG"), composite=Path("c.jpeg")),
        OutputPaths(Path("o.ndjson"), report=Path("r.htm")),
        OutputPaths(Path("o.txt"), result_format="csv"),
        OutputPaths(STANDARD_OUTPUT),
    ],
    ids=str,
)
def test_known_formats(outputs: OutputPaths) -> None:
    outputs.require_known_formats()


def test_pages_of_an_earlier_montage_are_not_replaced_either(tmp_path: Path) -> None:
    outputs = OutputPaths(tmp_path / "o.csv", montage=tmp_path / "m[1].png")
    (tmp_path / "m1-2.png").touch()
    outputs.require_new()
    (tmp_path / "m[1]-2.png").touch()
    with pytest.raises(OutputError, match=r"m\[1\]-2.png exists: .*--force"):
        outputs.require_new()


def test_a_run_is_begun_once_its_state_has_a_key(tmp_path: Path) -> None:
    outputs, seen = OutputPaths(tmp_path / "o.csv"), []
    for step in (lambda: None, outputs.state_dir.mkdir, (outputs.state_dir / KEY_FILE).touch):
        step()
        seen.append(outputs.is_begun)
    assert seen == [False, False, True]
    assert not OutputPaths(STANDARD_OUTPUT).is_begun


def test_a_picture_is_what_its_suffix_says(tmp_path: Path) -> None:
    pixels = np.full((40, 60, 3), (200, 100, 50), np.uint8)
    for name in ("a.png", "a.jpg"):
        write_picture(tmp_path / name, encode_png(pixels))
        decoded = cv2.imread(str(tmp_path / name))
        assert decoded is not None
        assert np.abs(decoded[:, :, ::-1].astype(int) - pixels).max() <= 3
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "a.jpg").read_bytes().startswith(b"\xff\xd8\xff")


def test_what_fails_half_way_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"old")
    blocks = (b"%d" % (100 // left) for left in (1, 0))
    with pytest.raises(ZeroDivisionError), atomic_writer(path) as file:
        file.writelines(blocks)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
