"""No picture is drawn for nothing: a list that has its drawings gets no more of them."""

from dataclasses import replace

import pytest

from app.batches.execution import drawing_budget
from app.batches.execution.drawing_budget import DrawingBudget
from app.batches.store.database import open_database
from tests.batches.fake_tools import bytes_of, drawings_of, record_of

RECORD = record_of(bytes_of(1))
DRAWN = replace(RECORD, drawings=drawings_of(bytes_of(1)))


def test_drawing_ends_with_the_budget_of_each_list(
    tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing_budget, "MAX_DRAWN_PICTURES", 2)
    monkeypatch.setattr(drawing_budget, "_MAX_BATCHES", 2)
    database = open_database(None, tmp_path, "executor")
    try:
        budget = DrawingBudget(database)
        for record in (DRAWN, RECORD, DRAWN):
            assert budget.scope(1) == "flagged"
            budget.charge(1, record)
        assert (budget.scope(1), budget.scope(2)) == ("none", "flagged")
        assert budget.scope(3) == "flagged"  # forgets what it knew, and counts what is stored
        assert budget.scope(1) == "flagged"
    finally:
        database.close()
