"""What a drawing of a network shows: every line and account once, within the page, or as a disc."""

from __future__ import annotations

import numpy as np
import pytest

from app.cohort.network.layout import lay_out_network
from app.cohort.network.model import ALL_KINDS, EdgeKind, Network
from app.records import OwnEdge
from app.render.network import scene as scene_module
from app.render.network.scene import EDGE_STROKE, NetworkScene, build_scene
from tests.cohort.network.made_lists import make_planted_list, network_of


def scene_of(network: Network) -> NetworkScene:
    return build_scene(network, lay_out_network(network), "Accounts of a list")


def test_everything_lies_on_the_page_and_the_texts_apart() -> None:
    network = network_of(make_planted_list(60), [OwnEdge("@u0", "@u1"), OwnEdge("@u0", "@u30")])
    scene = scene_of(network)
    width, height = scene.size
    assert scene.is_drawn.all()
    assert len(scene.edges) == len(network.edges)
    assert ((scene.points > 0) & (scene.points < [width, height])).all()
    rows = [*scene.rows, *(row for row, _ in scene.legend)]
    assert all(row.text.right <= width and row.bottom <= height for row in rows)
    field = scene.points[:, 1].min(), scene.points[:, 1].max()
    assert not any(row.text.top < field[1] and row.bottom > field[0] for row in rows)
    texts = " ".join(line for row in rows for line in row.lines)
    for wanted in ("1. 15 accounts", "who runs an account", "by chance", "the same picture: 5"):
        assert wanted in texts
    assert [text for _, _, text in scene.labels if text.startswith("@")] == [
        *network.accounts.names
    ]


def test_lines_of_two_kinds_between_two_accounts_lie_side_by_side() -> None:
    network = network_of(make_planted_list(60), [OwnEdge("@u1", "@u0")])
    scene = scene_of(network)
    names = network.accounts.names
    pairs = zip(network.edges.source.tolist(), network.edges.target.tolist(), strict=True)
    shared = [i for i, pair in enumerate(pairs) if {names[j] for j in pair} == {"@u0", "@u1"}]
    first, second = scene.ends[shared]
    gaps = np.hypot(*(first - second).T)
    assert gaps == pytest.approx([gaps[0]] * 2)
    assert gaps[0] > 1.0
    single = next(i for i in range(len(network.edges)) if i not in shared)
    ends = {tuple(p) for p in scene.ends[single].round(6).tolist()}
    assert ends <= {tuple(p) for p in scene.points.round(6).tolist()}


def test_a_component_too_large_is_a_disc_with_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scene_module, "MAX_COMPONENT", 10)
    network = network_of(make_planted_list(60))
    scene = scene_of(network)
    assert [text for *_, text in scene.discs] == ["15 accounts"]
    assert scene.is_drawn.sum() == 6
    assert len(scene.edges) == 5
    monkeypatch.setattr(scene_module, "MAX_DRAWN", 3)
    assert len(scene_of(network).discs) == 2


def test_each_kind_of_line_has_a_colour_and_a_dash_of_its_own() -> None:
    assert set(EDGE_STROKE) == set(ALL_KINDS) == set(EdgeKind)
    assert len({stroke.colour for stroke in EDGE_STROKE.values()}) == len(ALL_KINDS)
    assert len({stroke.dash_px for stroke in EDGE_STROKE.values()}) == len(ALL_KINDS)
