"""A list's figures, stated and computed: rounding is no difference, anything else is."""

import copy
from typing import Any

import pytest

from app.runtime.evidence.compare import find_differences

STATED: dict[str, Any] = {
    "likely": 3,
    "prevalence": {"estimate": 0.184, "interval": [0.1, 0.28]},
    "concentration": {"p_value": 2e-5, "zoom": 1.0, "house_style": {"likely": False}},
    "duplicates": [{"pdq": "ab", "seqs": [1, 2]}],
    "accounts": {"flagged": {"with_photo": 3}},
}


def changed(path: str, value: Any) -> dict[str, Any]:
    copied = copy.deepcopy(STATED)
    *parents, last = path.split(".")
    target = copied
    for parent in parents:
        target = target[parent]
    target[last] = value
    return copied


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("likely", 3.0),
        ("prevalence.estimate", 0.1841),
        ("concentration.p_value", 4e-5),
        ("concentration.zoom", 1.01),
        ("accounts", {}),
    ],
)
def test_rounding_is_no_difference(path: str, value: Any) -> None:
    assert list(find_differences(STATED, changed(path, value))) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("likely", 4),
        ("prevalence.estimate", 0.2),
        ("prevalence.interval", [0.1]),
        ("concentration.p_value", 0.3),
        ("concentration.zoom", None),
        ("concentration.house_style", {"likely": True}),
        ("duplicates", []),
        ("further", "x" * 500),
    ],
)
def test_anything_else_is_one_that_is_named(path: str, value: Any) -> None:
    differences = list(find_differences(STATED, changed(path, value)))
    assert differences
    assert all(path.split(".")[0] in difference for difference in differences)
    assert all(len(difference) < 250 for difference in differences)
