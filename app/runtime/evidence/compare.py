"""Two forms of a list's figures: as stated, and as computed from answers that are rounded."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

_NOT_COMPARED: Final = frozenset({"accounts", "summary", "caveats", "pdq"})
"""Of accounts the results say too little; sentences only repeat the figures."""
_TOLERANCE: Final = 1e-3
"""Relative: figures have four digits."""
_GEOMETRY_TOLERANCE: Final = 0.03
"""Relative, of what follows from eyes and squares, which answers state with four decimals."""
_P_VALUE_TOLERANCE: Final = 0.5
"""Of log10 p."""


def find_differences(stated: Any, computed: Any, path: str = "") -> Iterator[str]:
    """Where ``stated`` is not what was ``computed``; members that only one has count too."""
    name = path.rsplit(".", 1)[-1]
    if name in _NOT_COMPARED:
        return
    if isinstance(stated, Mapping) and isinstance(computed, Mapping):
        for key in {**stated, **computed}:
            where = f"{path}.{key}" if path else str(key)
            yield from find_differences(stated.get(key), computed.get(key), where)
    elif isinstance(stated, list) and isinstance(computed, list) and len(stated) == len(computed):
        for number, pair in enumerate(zip(stated, computed, strict=True)):
            yield from find_differences(*pair, f"{path}.{number}")
    elif not _is_same(stated, computed, path):
        yield f"{path} is {_shorten(stated)}, and {_shorten(computed)} follows from the results"


def _is_same(stated: Any, computed: Any, path: str) -> bool:
    if not _is_number(stated) or not _is_number(computed):
        return bool(stated == computed)
    if path.endswith("p_value"):
        logs = [math.log10(max(float(p), 1e-9)) for p in (stated, computed)]
        return abs(logs[0] - logs[1]) <= _P_VALUE_TOLERANCE
    tolerance = _GEOMETRY_TOLERANCE if path.startswith("concentration") else _TOLERANCE
    return bool(abs(stated - computed) <= tolerance * max(1.0, abs(stated)))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shorten(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
