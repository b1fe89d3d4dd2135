"""Whatever decodes can be analysed: of hostile pictures too, nothing but an analysis comes out."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.analysis.analyze import analyze
from app.calibration.calibration import Calibration
from app.face.landmarks import FaceFinder
from app.image.picture import Picture, decode
from app.networks.onnx import OnnxNetworks

HOSTILE = Path(__file__).resolve().parents[2] / "fixtures" / "faces" / "hostile"
READABLE = [
    row["file"]
    for row in csv.DictReader((HOSTILE / "manifest.csv").read_text("utf-8").splitlines())
    if row["expected"] == "ok"
]


@pytest.mark.parametrize("name", READABLE)
def test_every_hostile_picture_that_decodes(
    name: str, finder: FaceFinder, networks: OnnxNetworks, shipped: Calibration
) -> None:
    picture = decode((HOSTILE / name).read_bytes())
    analysis = analyze(picture, finder, networks, shipped)
    assert analysis.sha256 == picture.sha256
    assert math.isfinite(analysis.llr)


@settings(max_examples=40)
@given(
    st.tuples(st.integers(1, 60), st.integers(1, 60)),
    st.integers(0, 2**32 - 1),
    st.sampled_from([1, 3, 40, 255]),
)
def test_any_pixels(
    finder: FaceFinder,
    networks: OnnxNetworks,
    shipped: Calibration,
    size: tuple[int, int],
    seed: int,
    levels: int,
) -> None:
    noise = np.random.default_rng(seed).integers(0, levels + 1, (*size, 3), dtype=np.uint16)
    rgb = (noise * (255 // levels)).astype(np.uint8)
    rgb.setflags(write=False)
    analysis = analyze(Picture(rgb, "PNG", "0" * 64), finder, networks, shipped)
    assert math.isfinite(analysis.llr)
    assert analysis.llr_interval[0] <= analysis.llr_interval[1]


@pytest.mark.parametrize("size", [(1, 1600), (1600, 1), (2, 1600), (1600, 3)])
def test_the_narrowest_pictures(
    size: tuple[int, int], finder: FaceFinder, networks: OnnxNetworks, shipped: Calibration
) -> None:
    rgb = np.full((*size, 3), 128, np.uint8)
    rgb.setflags(write=False)
    assert analyze(Picture(rgb, "PNG", "0" * 64), finder, networks, shipped).faces == ()
