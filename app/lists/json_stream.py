"""JSON as it streams by: values are built one at a time, and none may be large or deep."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import ijson

from app.errors import ListUnreadable

VALUE_MAX_CHARS: Final = 1 << 20
NODE_COST_CHARS: Final = 50
"""What a member costs of that beside its text: a value of many small ones is large as well."""
DEPTH_MAX: Final = 50
NESTING_MAX: Final = 10_000

JsonEvent = tuple[str, Any]
JsonPath = tuple[str, ...]
"""Names that lead from a root object to an array; none for a root array."""

_CONTAINER_TYPES: Final[dict[str, type[Any]]] = {"start_map": dict, "start_array": list}
_OPENING: Final = frozenset(_CONTAINER_TYPES)
_CLOSING: Final = frozenset({"end_map", "end_array"})
_EVENTLESS_MAX_BYTES: Final = 1 << 22


@dataclass(frozen=True)
class InvalidValue:
    """Stands where a value would have stood. ``defect``: a sentence's end."""

    defect: str


TOO_LARGE: Final = InvalidValue("is larger than a row may be.")


def parse_events(chunks: Iterable[bytes]) -> Iterator[JsonEvent]:
    """What happens in JSON text, of one document or of several in a row.

    Raises ``ListUnreadable`` for what is no JSON, or holds a single text of megabytes.
    """
    parsed = ijson.sendable_list()
    parser = ijson.basic_parse_coro(parsed, multiple_values=True)
    eventless_bytes = 0
    for chunk in chunks:
        _feed_parser(parser, chunk)
        eventless_bytes = 0 if parsed else eventless_bytes + len(chunk)
        if eventless_bytes > _EVENTLESS_MAX_BYTES:
            raise ListUnreadable("A single value in this JSON is larger than a row may be.")
        yield from parsed
        del parsed[:]
    _feed_parser(parser, None)
    yield from parsed


def _feed_parser(parser: Any, chunk: bytes | None) -> None:
    try:
        if chunk is None:
            parser.close()
        else:
            parser.send(chunk)
    except ijson.JSONError as error:
        message = " ".join(str(error).split("\n")[0].split())
        raise ListUnreadable(f"This JSON is broken or breaks off ({message[:120]}).") from None
    except (ValueError, ArithmeticError, SystemError):
        # What ijson makes of a number with thousands of digits; no fault of the interpreter's.
        raise ListUnreadable("This JSON holds a number that cannot be read.") from None


def build_value(
    event: JsonEvent, stream: Iterator[JsonEvent], arrays: set[str] | None = None
) -> Any:
    """The value that ``event`` begins. ``arrays``: takes the names of a map's members that are.

    ``TOO_LARGE`` for a value that is; what belongs to it has been passed over.
    """
    kind, value = event
    if kind not in _OPENING:
        return value
    root: Any = _CONTAINER_TYPES[kind]()
    stack, key, remaining_chars = [root], "", VALUE_MAX_CHARS
    for kind, value in stream:
        if kind == "map_key":
            key = value
            remaining_chars -= len(key)
        elif kind in _CLOSING:
            parent = stack.pop()
            if not stack:
                break
        else:
            remaining_chars -= NODE_COST_CHARS + (len(value) if kind == "string" else 0)
            parent, child = stack[-1], _CONTAINER_TYPES[kind]() if kind in _OPENING else value
            if isinstance(parent, dict):
                parent[key] = child
            else:
                parent.append(child)
            if kind in _OPENING:
                stack.append(child)
            if remaining_chars < 0 or len(stack) > DEPTH_MAX:
                _skip_value(stream, len(stack), arrays)
                parent = TOO_LARGE
                break
    _collect_array_names(root, arrays)
    return parent


def _collect_array_names(root: Any, arrays: set[str] | None) -> None:
    if arrays is not None and isinstance(root, dict):
        arrays.update(name for name, member in root.items() if isinstance(member, list))


def _skip_value(stream: Iterator[JsonEvent], depth: int, arrays: set[str] | None) -> None:
    """The rest of a value in which ``depth`` maps and arrays are open."""
    key = ""
    for kind, value in stream:
        if kind in _OPENING:
            if depth == 1 and kind == "start_array" and arrays is not None:
                arrays.add(key)
            depth += 1
            if depth > NESTING_MAX:
                raise ListUnreadable(f"This JSON is nested more than {NESTING_MAX} levels deep.")
        elif kind in _CLOSING:
            depth -= 1
            if not depth:
                return
        elif kind == "map_key":
            key = value


def find_arrays(stream: Iterator[JsonEvent]) -> tuple[dict[JsonPath, None], dict[str, Any]]:
    """The arrays at the root, in it and one level below, in order; and the root's small members."""
    paths: dict[JsonPath, None] = {}
    members: dict[str, Any] = {}
    for event in stream:
        if event[0] == "start_array":
            paths[()] = None
            build_value(event, stream)
        elif event[0] == "start_map":
            for key, subpaths, value in _read_members(stream):
                if subpaths is None:
                    members.setdefault(key, value)
                    continue
                paths.update(dict.fromkeys((key, *rest) for rest in subpaths))
                if not isinstance(value, InvalidValue):
                    members.setdefault(key, value)
    return paths, members


def _read_members(stream: Iterator[JsonEvent]) -> Iterator[tuple[str, list[JsonPath] | None, Any]]:
    """A map's members: the name, the ways to arrays from there (``None``: a scalar), the value."""
    for kind, key in stream:
        if kind == "end_map":
            return
        event = next(stream)
        if event[0] not in _OPENING:
            yield key, None, event[1]
            continue
        arrays: set[str] = set()
        value = build_value(event, stream, arrays)
        yield key, [()] if event[0] == "start_array" else [(a,) for a in sorted(arrays)], value


def iter_elements(stream: Iterator[JsonEvent], path: JsonPath) -> Iterator[Any]:
    """The elements of the array at ``path``, in each document; what is no such document, whole."""
    for event in stream:
        yield from _iter_elements(event, stream, path)


def _iter_elements(event: JsonEvent, stream: Iterator[JsonEvent], path: JsonPath) -> Iterator[Any]:
    if not path and event[0] == "start_array":
        for inner in stream:
            if inner[0] == "end_array":
                return
            yield build_value(inner, stream)
    elif path and event[0] == "start_map":
        for kind, key in stream:
            if kind == "end_map":
                return
            inner = next(stream)
            is_on_path = key == path[0] and inner[0] == ("start_map" if path[1:] else "start_array")
            if is_on_path:
                yield from _iter_elements(inner, stream, path[1:])
            else:
                build_value(inner, stream)
    else:
        yield build_value(event, stream)
