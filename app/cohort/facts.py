"""Facts of a cohort's JSON, read one by one: one that is missing or odd is ``None``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

CohortJson = Mapping[str, Any]


def read_sentences(cohort: CohortJson, key: str) -> list[str]:
    """The sentences that the cohort itself brings under ``key``."""
    lines = cohort.get(key)
    return [one for one in lines if isinstance(one, str)] if isinstance(lines, list | tuple) else []


def read_number(cohort: CohortJson, *path: str) -> float | None:
    """The finite number at ``path``, if there is one."""
    value = _read(cohort, *path)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None


def read_interval(cohort: CohortJson, *path: str) -> tuple[float, float] | None:
    """The pair of finite numbers at ``path``, if there is one."""
    value = _read(cohort, *path)
    if not isinstance(value, list | tuple) or len(value) != 2:
        return None
    low, high = (read_number({"end": end}, "end") for end in value)
    return None if low is None or high is None else (low, high)


def _read(cohort: CohortJson, *path: str) -> Any:
    value: Any = cohort
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value
