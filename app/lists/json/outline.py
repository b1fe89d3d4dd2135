"""The outline of a JSON document: its beginning at every place, from which the list is found.

Maps are kept with their first members, arrays with their first elements, all within a fixed total,
so that a document of any size has a small outline.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from app.lists.columns.names import NAME_MAX_CHARS
from app.lists.json.stream import DEPTH_MAX, NODE_COST_CHARS, JsonEvent, skip_value

MEMBERS_MAX: Final = 1000
OBJECTS_MAX: Final = 20
"""Elements that are kept of an array; of one of texts and numbers ``MEMBERS_MAX``."""
TEXT_MAX_CHARS: Final = 8192
ARRAY_MAX_CHARS: Final = 1 << 18
OUTLINE_MAX_CHARS: Final = 1 << 21


class OutlineArray(list[Any]):
    """The first elements of an array. ``total``: how many it has."""

    total: int = 0


class OutlineMap(dict[str, Any]):
    """The first members of a map. ``total``: how many it has."""

    total: int = 0


class _Budget:
    def __init__(self, chars: int) -> None:
        self.chars = chars


def read_outline(stream: Iterator[JsonEvent]) -> list[Any]:
    """The outlines of the first documents in ``stream``, which is read to its end."""
    outlines: list[Any] = []
    budget = _Budget(OUTLINE_MAX_CHARS)
    for event in stream:
        if len(outlines) < OBJECTS_MAX:
            outlines.append(_outline(event, stream, budget, 0))
        else:
            skip_value(event, stream)
    return outlines


def _outline(event: JsonEvent, stream: Iterator[JsonEvent], budget: _Budget, depth: int) -> Any:
    kind, value = event
    budget.chars -= NODE_COST_CHARS
    if kind == "start_map":
        return _outline_map(stream, budget, depth)
    if kind == "start_array":
        return _outline_array(stream, budget, depth)
    if kind == "string":
        budget.chars -= len(value)
        return value[:TEXT_MAX_CHARS]
    return value


def _outline_map(stream: Iterator[JsonEvent], budget: _Budget, depth: int) -> OutlineMap:
    members = OutlineMap()
    for kind, key in stream:
        if kind == "end_map":
            break
        members.total += 1
        event = next(stream)
        has_room = len(members) < MEMBERS_MAX and budget.chars > 0 and depth < DEPTH_MAX
        if has_room and len(key) <= NAME_MAX_CHARS:
            budget.chars -= len(key)
            members[key] = _outline(event, stream, budget, depth + 1)
        else:
            skip_value(event, stream)
    return members


def _outline_array(stream: Iterator[JsonEvent], budget: _Budget, depth: int) -> OutlineArray:
    """An array has a budget of its own: a long one leaves room for those behind it."""
    elements = OutlineArray()
    own = _Budget(min(ARRAY_MAX_CHARS, max(budget.chars, 0)))
    granted, objects = own.chars, 0
    for event in stream:
        if event[0] == "end_array":
            break
        elements.total += 1
        is_object = event[0] in ("start_map", "start_array")
        has_room = objects < OBJECTS_MAX if is_object else len(elements) < MEMBERS_MAX
        if has_room and own.chars > 0 and depth < DEPTH_MAX:
            objects += is_object
            elements.append(_outline(event, stream, own, depth + 1))
        else:
            skip_value(event, stream)
    budget.chars -= granted - max(own.chars, 0)
    return elements
