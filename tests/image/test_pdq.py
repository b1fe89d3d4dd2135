"""PDQ is the reference's: the same digits, the same quality."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from app.arrays import RgbArray
from app.image.pdq import pdq_hash
from app.image.picture import decode

FACES = Path(__file__).resolve().parents[2] / "fixtures" / "faces"

REFERENCE = {
    "astronaut.jpg": ("2d6f1af3a956c529c79ca3d2526fa834d4196c81cedd04de0a26b855fc99b724", 100),
    "astronaut_ffhq_48px.jpg": (
        "0dc7d23cdda49e1332dedc31206d7ad040efbef02b433ed4a068d507c65263af",
        100,
    ),
    "astronaut_ffhq_frame.jpg": (
        "1dc7d23cbda79e1332dad831206d5ad040efbcf00b433edca168d507c65263af",
        100,
    ),
    "astronaut_ffhq_border.png": (
        "f5a5696f3cc670d2998bf59c49db1f25c53c49737a94c21cad21a1d638d01c2b",
        100,
    ),
    "chelsea.jpg": ("5feb5321f01da156898e2b7629a5d343c412cdbd23f48942464526315db33ffd", 100),
    "coffee.jpg": ("8c629e779a663698b9a33866c026726c21a679f61eb6e1f8c79ba7e23c8299e0", 100),
    "landscape.jpg": ("0107096afebd03971378fce6c5970a183e28c1c78ed8bea851670157fea8fea9", 44),
    "cartoon.png": ("e1ee0e639e11f61c61fe01e31e619fece01ee6011dee11eee661ee1e191e01e1", 100),
    "noise.png": ("15cf18e235b51ba82ba0382f585c773d174a74cc57a80299d9fb096f98f9394e", 100),
}
"""From pdqhash 0.2.8, the reference's C++ code, on the pixels that ``decode`` gives."""


def distance(one: str, other: str) -> int:
    return (int(one, 16) ^ int(other, 16)).bit_count()


@pytest.mark.parametrize("name", REFERENCE)
def test_as_the_reference(name: str) -> None:
    assert pdq_hash(decode((FACES / name).read_bytes()).rgb) == REFERENCE[name]


def test_a_flat_picture_has_no_quality() -> None:
    assert pdq_hash(np.full((300, 200, 3), 90, np.uint8)).quality == 0


@pytest.mark.parametrize("shape", [(4, 400, 3), (400, 4, 3), (1, 1, 3)])
def test_a_tiny_picture_has_no_hash(shape: tuple[int, int, int]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    assert pdq_hash(noise) == ("0" * 64, 0)


@given(
    arrays(
        np.uint8, st.tuples(st.integers(5, 150), st.integers(5, 150), st.just(3)), fill=st.just(7)
    )
)
def test_any_picture_has_one(rgb: RgbArray) -> None:
    result = pdq_hash(rgb)
    assert len(result.hex) == 64
    assert 0 <= result.quality <= 100
    assert int(result.hex, 16).bit_count() <= 128


def test_colour_counts_as_luma_alone() -> None:
    rgb = decode((FACES / "astronaut.jpg").read_bytes()).rgb
    gray = np.repeat((rgb @ np.array([0.299, 0.587, 0.114])).round()[..., None], 3, axis=2)
    assert distance(pdq_hash(rgb).hex, pdq_hash(gray.astype(np.uint8)).hex) <= 4
