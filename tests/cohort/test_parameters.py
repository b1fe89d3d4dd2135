import json
from pathlib import Path
from typing import Any

import pytest

from app.cohort import Numbers, NumbersError, load, shipped
from app.cohort.parameters import SHIPPED
from app.training.calibration.thresholds import written


def test_the_shipped_file_is_as_the_fit_writes_it(numbers: Numbers) -> None:
    assert written(numbers) == SHIPPED.read_bytes()
    assert shipped() is numbers


def _spoiled(change: dict[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(SHIPPED.read_bytes())
    return content | change


@pytest.mark.parametrize(
    "change",
    [
        {"format": 2},
        {"more": 1},
        {"likely": {"hits": 1, "pictures": 0, "rate": 0, "upper_95": 0, "worst_collector": 0}},
    ],
)
def test_another_shape_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    path = tmp_path / "cohort.json"
    path.write_text(json.dumps(_spoiled(change)))
    with pytest.raises(NumbersError, match="malformed"):
        load(path)


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ("prevalence", "generated", [0.5, 0.5]),
        ("prevalence", "edges", [3.0] * 16),
        ("prevalence", "floor", -1.0),
        ("concentration", "frames", []),
        ("concentration", "max_zoom", 1.0),
        ("duplicates", "radius", 9),
    ],
)
def test_numbers_that_cannot_be_are_refused(
    tmp_path: Path, part: str, key: str, value: object
) -> None:
    content = _spoiled({})
    content[part][key] = value
    path = tmp_path / "cohort.json"
    path.write_text(json.dumps(content))
    with pytest.raises(NumbersError, match="malformed"):
        load(path)


def test_a_missing_file_is_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NumbersError, match="eyeline fit"):
        load(tmp_path / "cohort.json")
