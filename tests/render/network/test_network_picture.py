"""The drawing in pixels: each kind of line in its colour, and a list of any size."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from app.arrays import RgbArray
from app.cohort.network.layout import lay_out_network
from app.cohort.network.model import EdgeKind, Network
from app.records import OwnEdge
from app.render.network import scene as scene_module
from app.render.network.network_picture import draw_network
from app.render.network.scene import EDGE_STROKE
from app.render.style import RULE, VERMILLION
from tests.cohort.network.made_lists import make_planted_list, network_of

OWN = [OwnEdge(f"@u{n}", f"@u{n + 1}") for n in range(30, 50, 2)]


def pixels_of(network: Network) -> RgbArray:
    png = draw_network(network, lay_out_network(network), "Accounts of a list")
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def count(pixels: RgbArray, colour: tuple[int, int, int]) -> int:
    return int((pixels == colour).all(axis=2).sum())


def test_every_kind_shows_in_its_colour() -> None:
    pixels = pixels_of(network_of(make_planted_list(60), OWN))
    without = pixels_of(network_of(make_planted_list(60), OWN, (EdgeKind.OWN,)))
    for kind in (EdgeKind.PICTURE, EdgeKind.BURST, EdgeKind.NAME):
        colour = EDGE_STROKE[kind].colour
        assert count(pixels, colour) > 100
        assert count(without, colour) == 0
    assert count(pixels, VERMILLION) > count(without, VERMILLION) > 0
    assert count(pixels, RULE) == 0
    assert np.array_equal(pixels, pixels_of(network_of(make_planted_list(60), OWN)))


def test_many_lines_lose_their_dashes_and_a_large_component_its_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network = network_of(make_planted_list(60), OWN)
    monkeypatch.setattr(scene_module, "MAX_DASHED", 3)
    monkeypatch.setattr(scene_module, "MAX_COMPONENT", 10)
    pixels = pixels_of(network)
    assert count(pixels, RULE) > 1_000
    assert pixels.shape[2] == 3


def test_an_empty_network_is_a_page_that_says_so() -> None:
    assert pixels_of(network_of([])).shape[1] > 1_000
