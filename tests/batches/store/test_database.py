"""Opening a database: what cannot be is said in a line; and how many rows fit into a page."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.batches.store.database import count_fitting, database_problem


@pytest.mark.parametrize(
    "url",
    [
        "no url",
        "mysql://u@127.0.0.1/db",
        "postgresql://u@127.0.0.1:port/db",
        "postgresql://[::1/db",
        "postgresql://u:\udcff@127.0.0.1:1/db",
    ],
)
def test_a_url_that_cannot_be_is_refused_in_a_line(url: str, tmp_path: Path) -> None:
    problem = database_problem(url, tmp_path)
    assert problem is not None
    assert "EYELINE_DATABASE_URL" in problem
    assert "\n" not in problem
    assert "\udcff" not in problem


@pytest.mark.parametrize(
    ("sizes", "count"),
    [([], 0), ([5], 1), ([500, 1], 1), ([4, 6, 1], 2), ([1] * 30, 10), ([10, 0, 0], 3)],
)
def test_one_row_fits_always_and_others_while_there_is_room(sizes: list[int], count: int) -> None:
    assert count_fitting(iter(sizes), 10) == count
