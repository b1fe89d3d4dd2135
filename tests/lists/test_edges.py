"""Lines that a caller brings: with or without a header, in any order of columns."""

from __future__ import annotations

import io

import pytest

from app.errors import ListUnreadable, RequestError, TooLarge
from app.lists import edges as edges_module
from app.lists.edges import read_edges
from app.lists.notes import ListNotes
from app.records import OwnEdge


def read(text: str, notes: ListNotes | None = None) -> list[OwnEdge]:
    kept = ListNotes() if notes is None else notes
    return list(read_edges(io.BytesIO(text.encode()), kept))


@pytest.mark.parametrize(
    "text",
    [
        "source,target,weight\n@a,@b,2\n@b,@c,\n",
        "weight;to;from\n2;@b;@a\n;@c;@b\n",
        "@a,@b,2\n@b,@c,1\n",
        "@a\t@b\t2\n@b\t@c\t1\n",
        "﻿Source,Target,Weight,Label\r\n@a,@b,2.0,x\r\n@b,@c,1,y\r\n",
    ],
)
def test_lines_in_the_shapes_that_people_write(text: str) -> None:
    assert read(text) == [OwnEdge("@a", "@b", 2.0), OwnEdge("@b", "@c", 1.0)]


def test_a_single_line_without_a_header_is_a_line() -> None:
    assert read("@a,@b") == [OwnEdge("@a", "@b", 1.0)]


def test_rows_that_cannot_be_used_are_counted() -> None:
    notes = ListNotes()
    text = f"source,target,weight\n@a,@b,1\n,@b,1\n@a,,1\n@a,@b,-1\n@a,@b,nan\n{'x' * 257},@b,1\n"
    assert read(text, notes) == [OwnEdge("@a", "@b", 1.0)]
    assert list(notes) == [
        "5 rows of the lines that you brought have no two names, or a weight that is no number "
        "above 0."
    ]


@pytest.mark.parametrize("text", ["", "one\ntwo\n", "\x00\x01"])
def test_what_is_no_list_of_lines_is_refused(text: str) -> None:
    with pytest.raises(RequestError) as refused:
        read(text)
    assert isinstance(refused.value, ListUnreadable)


def test_there_may_be_a_million_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edges_module, "MAX_EDGES", 2)
    assert len(read("source,target\na,b\nc,d\n")) == 2
    with pytest.raises(TooLarge):
        read("source,target\na,b\nc,d\ne,f\n")
