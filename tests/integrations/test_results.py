from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.errors import ListUnreadable
from app.integrations.results import is_cleared, is_flagged, iter_lines, read_batch_id
from tests.integrations.make_results import make_line


def test_answers_are_read_and_failures_and_the_summary_are_not(tmp_path: Path) -> None:
    path = tmp_path / "results.ndjson"
    lines = [make_line(3.0), {"seq": 1, "error": {"code": "fetch_failed"}}, make_line(0.5)]
    lines.append({"summary": {"id": "batch_1", "status": "completed"}})
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    assert [line["llr"] for line in iter_lines(path)] == [3.0, 0.5]
    assert read_batch_id(path) == "batch_1"
    path.write_text(json.dumps(make_line(3.0)), encoding="utf-8")
    assert read_batch_id(path) is None


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "[]\n", '{"llr": 1}\n{"cut'])
def test_what_is_no_result_is_told_by_its_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "results.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ListUnreadable, match=r"Line \d is no result"):
        list(iter_lines(path))


def test_what_is_flagged_and_what_is_cleared() -> None:
    assert is_flagged(make_line(1.0), None)
    assert not is_flagged(make_line(0.9), None)
    assert is_flagged(make_line(0.9), 0.9)
    assert not is_flagged({**make_line(0.0), "outcome": "no_face"}, 0.0)
    assert is_cleared({**make_line(3.0), "decision": "real"})
    assert not is_cleared({**make_line(3.0), "decision": "unsure"})
