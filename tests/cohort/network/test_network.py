"""What hangs together: planted groups are found, chance's are not, and order plays no part."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from app.cohort.network import network as network_module
from app.cohort.network.model import ALL_KINDS, EdgeKind, Network
from app.cohort.network.text import heading_sentence
from app.records import Failure, ItemResult, OwnEdge
from tests.cohort.network.made_lists import make_list, make_planted_list, network_of


def names_by_component(network: Network) -> list[list[str]]:
    return [[network.accounts.names[i] for i in c.nodes.tolist()] for c in network.components]


def lines_of(network: Network) -> set[tuple[str, str, str, float]]:
    names, edges = network.accounts.names, network.edges
    rows = zip(
        edges.source.tolist(), edges.target.tolist(), edges.kind.tolist(), edges.weight.tolist(),
        strict=True,
    )  # fmt: skip
    return {(names[a], names[b], ALL_KINDS[kind].value, w) for a, b, kind, w in rows}


def test_planted_groups_are_drawn_and_nobody_else() -> None:
    network = network_of(make_planted_list(), [OwnEdge("@u100", "@U101", 2.0)])
    assert network.listed == 300
    assert names_by_component(network) == [
        sorted(f"@u{n}" for n in range(10, 25)),
        [f"@u{n}" for n in range(6)],
        ["@u100", "@u101"],
    ]
    assert [summary.groups for summary in network.kinds] == [1, 1, 1, 0]
    first, second, third = (c.sentence for c in network.components)
    assert first.startswith("15 accounts: 9 were created within 25 minutes from 2017-07-14 02:42")
    assert "8 are called “truepatriot” with digits" in first
    assert second.startswith("6 accounts; 6 flagged: 6 show the same picture")
    assert third == "2 accounts: 1 line you brought."
    assert ("@u100", "@u101", "own", 2.0) in lines_of(network)
    assert len(network.edges) == 5 + 8 + 7 + 1


@pytest.mark.parametrize("seed", range(3))
def test_people_who_have_nothing_to_do_with_each_other_are_no_network(seed: int) -> None:
    network = network_of(make_list(400, seed))
    assert len(network.accounts) == len(network.edges) == len(network.components) == 0
    assert heading_sentence(network).startswith("No two of 400 accounts")


def test_the_order_of_the_list_plays_no_part() -> None:
    results = make_planted_list()
    own = [OwnEdge(f"@u{n}", f"@u{n * 7 % 300}") for n in range(40)]
    first = network_of(results, own)
    random.Random(3).shuffle(results)
    shuffled = [replace(result, seq=seq) for seq, result in enumerate(results)]
    random.Random(4).shuffle(own)
    second = network_of(shuffled, own)
    assert names_by_component(first) == names_by_component(second)
    assert lines_of(first) == lines_of(second)
    assert [c.sentence for c in first.components] == [c.sentence for c in second.components]
    assert first.kinds == second.kinds


def test_an_isolated_account_and_a_repeated_one_add_nothing() -> None:
    results = make_planted_list()
    failure = Failure("fetch_failed", "", "")
    lonely = ItemResult(300, "300.jpg", "@lonely", failure=failure)
    again = replace(results[12], seq=301, record=None, failure=failure)
    before, after = network_of(results), network_of([*results, lonely, again])
    assert lines_of(before) == lines_of(after)
    assert [c.sentence for c in before.components] == [c.sentence for c in after.components]
    assert after.listed == 301


def test_only_the_kinds_that_were_asked_for() -> None:
    network = network_of(make_planted_list(), [OwnEdge("@u1", "@u2")], (EdgeKind.NAME,))
    assert [summary.kind for summary in network.kinds] == [EdgeKind.NAME]
    assert len(network.accounts) == 8
    empty = network_of([], [OwnEdge("a", "b")])
    assert (empty.listed, len(empty.accounts)) == (0, 0)


def test_a_network_too_large_loses_its_smallest_components(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(network_module, "MAX_ACCOUNTS", 22)
    network = network_of(make_planted_list(), [OwnEdge("@u100", "@u101")])
    assert [len(c.nodes) for c in network.components] == [15, 6]
    assert network.notes == (
        "Left out, because the network is too large: its 1 component of the fewest accounts "
        "(2 accounts in all).",
    )
    assert int(np.max(network.edges.target)) < len(network.accounts)


def test_where_nothing_can_be_compared_nothing_is_expected() -> None:
    picture, burst, name = network_of([]).kinds
    assert picture.chance.startswith("Fewer than two pictures")
    assert "too few to say" in burst.chance
    assert name.chance == "The list gives no handles."
