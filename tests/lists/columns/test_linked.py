"""A column that names linked accounts: in every format, told, and within bounds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.errors import TooLarge
from app.lists.columns import linked
from app.lists.columns.linked import is_linked_name
from app.lists.preview import preview_list
from app.records import OwnEdge
from tests.lists.open_list import open_bytes, read_items

URL = "https://img.example"
CSV = f"id,avatar,linked_with\n1,{URL}/1.jpg,2; 3\n2,{URL}/2.jpg,\n,{URL}/3.jpg,@ada\n"
ROWS: list[dict[str, Any]] = [
    {"id": 1, "avatar": f"{URL}/1.jpg", "linked_with": ["2", 3]},
    {"id": 2, "avatar": f"{URL}/2.jpg", "linked_with": []},
    {"avatar": f"{URL}/3.jpg", "linkedWith": ["@ada"], "linked_with": "@ada"},
]
EDGES = [OwnEdge("1", "2"), OwnEdge("1", "3"), OwnEdge(f"{URL}/3.jpg", "@ada")]


@pytest.mark.parametrize("name", ["linked_with", "LinkedTo", "connected accounts", "x.related_to"])
def test_names_of_the_column(name: str) -> None:
    assert is_linked_name(name) == (name != "x.related_to")


@pytest.mark.parametrize(
    "data",
    [
        CSV.encode(),
        CSV.replace(",", "\t").encode(),
        json.dumps(ROWS).encode(),
        "\n".join(map(json.dumps, ROWS)).encode(),
        json.dumps([{"user": row, "linked_with": row["linked_with"]} for row in ROWS]).encode(),
    ],
    ids=["csv", "tsv", "json", "ndjson", "nested"],
)
def test_a_line_for_every_account_that_a_row_names(data: bytes) -> None:
    assert [edge for item in read_items(data) for edge in item.edges] == EDGES


def test_it_is_told_how_the_column_was_read() -> None:
    preview = preview_list(open_bytes(CSV.encode()), edges=[OwnEdge("1", "2")])
    assert preview["read_as"]["linked_with"] == ["linked_with"]
    assert preview["edges"] == 4
    assert any("linked accounts from `linked_with`" in note for note in preview["notes"])
    assert "3 lines between accounts were read from the list." in preview["notes"]


def test_accounts_of_other_servers_are_no_e_mail_addresses() -> None:
    table = f"id,avatar,linked_with\n1,{URL}/1.jpg,ada@server.example\n"
    assert [item.edges for item in read_items(table.encode())] == [
        (OwnEdge("1", "ada@server.example"),)
    ]


def test_a_cell_and_a_list_hold_only_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    names = " ".join(f"@user{n}" for n in range(3000))
    followers = open_bytes(f"id,avatar,linked_with\n1,{URL}/1.jpg,{names}\n".encode())
    (item,) = followers
    assert item.edges[-1].target.startswith("@user1")
    assert item.edges[-1].target in names.split()
    assert any("Send such lines as `edges`" in note for note in followers.notes)
    monkeypatch.setattr(linked, "MAX_EDGES", 2)
    with pytest.raises(TooLarge):
        read_items(CSV.encode())
