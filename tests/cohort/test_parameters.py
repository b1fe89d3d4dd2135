import json
from pathlib import Path
from typing import Any

import pytest

from app.cohort.parameters import (
    DEFAULT_COHORT_PATH,
    CohortParameters,
    CohortParametersError,
    default_parameters,
    load_parameters,
)
from app.training.calibration.thresholds import serialize_model


def test_the_shipped_file_is_as_the_fit_writes_it(parameters: CohortParameters) -> None:
    assert serialize_model(parameters) == DEFAULT_COHORT_PATH.read_bytes()
    assert default_parameters() is parameters


def _corrupt(change: dict[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(DEFAULT_COHORT_PATH.read_bytes())
    return content | change


@pytest.mark.parametrize(
    "change",
    [
        {"format": 1},
        {"more": 1},
        {"prevalence": {"atypical_generated": 0.1}},
    ],
)
def test_another_shape_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    path = tmp_path / "cohort.json"
    path.write_text(json.dumps(_corrupt(change)))
    with pytest.raises(CohortParametersError, match="malformed"):
        load_parameters(path)


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ("prevalence", "atypical_generated", 0.0),
        ("prevalence", "atypical_framed", -1.0),
        ("prevalence", "mean_deviation", 0.0),
        ("concentration", "frames", []),
        ("concentration", "max_zoom", 1.0),
        ("duplicates", "radius", 129),
    ],
)
def test_numbers_that_cannot_be_are_refused(
    tmp_path: Path, part: str, key: str, value: object
) -> None:
    content = _corrupt({})
    content[part][key] = value
    path = tmp_path / "cohort.json"
    path.write_text(json.dumps(content))
    with pytest.raises(CohortParametersError, match="malformed"):
        load_parameters(path)


def test_a_missing_file_is_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(CohortParametersError, match="eyeline fit"):
        load_parameters(tmp_path / "cohort.json")
