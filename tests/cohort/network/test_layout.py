"""Where accounts are drawn: always in the same place, inside the field, none on another."""

from __future__ import annotations

import numpy as np
import pytest

from app.arrays import FloatArray
from app.cohort.network import layout as layout_module
from app.cohort.network.layout import lay_out_network
from app.cohort.network.model import Network
from app.records import OwnEdge
from tests.cohort.network.made_lists import make_list, make_planted_list, network_of


def make_tree(count: int) -> Network:
    """One component whose accounts each hang on one of the third before it."""
    results = make_list(count)
    own = [OwnEdge(f"@u{n // 3}", f"@u{n}") for n in range(1, count)]
    return network_of(results, own)


def nearest(positions: FloatArray) -> FloatArray:
    distances = np.hypot(*(positions[:, None] - positions[None]).transpose(2, 0, 1))
    np.fill_diagonal(distances, np.inf)
    out: FloatArray = distances.min(axis=1)
    return out


@pytest.mark.parametrize("count", [2, 4, 30, 100, 400])
def test_every_account_has_a_place_of_its_own(count: int) -> None:
    network = make_tree(count)
    layout = lay_out_network(network)
    assert np.array_equal(layout.positions, lay_out_network(network).positions)
    assert layout.positions.min() >= 0.0
    assert layout.positions[:, 0].max() <= layout.width
    assert layout.positions[:, 1].max() <= layout.height
    assert float(np.median(nearest(layout.positions))) > 0.2
    assert float(nearest(layout.positions).min()) > 1e-3
    source, target = network.edges.source, network.edges.target
    lengths = np.hypot(*(layout.positions[source] - layout.positions[target]).T)
    assert np.median(lengths) < 0.6 * layout.width


def test_components_do_not_overlap() -> None:
    own = [OwnEdge(f"@u{n}", f"@u{n + 1}") for n in range(100, 200, 2)]
    network = network_of(make_planted_list(), own)
    layout = lay_out_network(network)
    gaps = np.hypot(*(layout.centres[:, None] - layout.centres[None]).transpose(2, 0, 1))
    gaps -= layout.radii[:, None] + layout.radii[None]
    np.fill_diagonal(gaps, 1.0)
    assert gaps.min() > 0.0
    assert layout.width / layout.height < 3.0


def test_a_component_too_large_for_forces_is_a_disc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout_module, "MAX_BY_FORCES", 300)
    layout = lay_out_network(make_tree(400))
    assert layout.is_disc.tolist() == [True]
    assert float(nearest(layout.positions).min()) > 0.3
