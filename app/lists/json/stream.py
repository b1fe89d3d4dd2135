"""JSON as a stream: values are built one at a time, and none may be large or deep."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import ijson

from app.errors import ListUnreadable

VALUE_MAX_CHARS: Final = 1 << 20
NODE_COST_CHARS: Final = 50
"""What a member costs beside its text: a value of many small ones is large as well."""
DEPTH_MAX: Final = 50
NESTING_MAX: Final = 10_000

JsonEvent = tuple[str, Any]
JsonPath = tuple[str, ...]
"""Names that lead from a root object to an array; none for a root array."""

_CONTAINER_TYPES: Final[dict[str, type[Any]]] = {"start_map": dict, "start_array": list}
OPENING: Final = frozenset(_CONTAINER_TYPES)
_CLOSING: Final = frozenset({"end_map", "end_array"})
_EVENTLESS_MAX_BYTES: Final = 1 << 22


@dataclass(frozen=True)
class InvalidValue:
    """Stands where a value would have stood. ``defect``: a sentence's end."""

    defect: str


TOO_LARGE: Final = InvalidValue("is larger than a row may be.")


def parse_events(chunks: Iterable[bytes], *, is_beginning: bool = False) -> Iterator[JsonEvent]:
    """The parser's events of JSON text, of one document or of several in a row.

    ``is_beginning``: the text goes on behind ``chunks``. Raises ``ListUnreadable`` for what is not
    JSON, or holds a single text of megabytes.
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
    if not is_beginning:
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
        raise ListUnreadable(f"This JSON is broken or truncated ({message[:120]}).") from None
    except (ValueError, ArithmeticError, SystemError):
        # What ijson makes of a number with thousands of digits; no fault of the interpreter's.
        raise ListUnreadable("This JSON holds a number that cannot be read.") from None


def build_value(event: JsonEvent, stream: Iterator[JsonEvent]) -> Any:
    """The value that ``event`` begins; ``TOO_LARGE`` for one that is, which is passed over."""
    kind, value = event
    if kind not in OPENING:
        return value
    root: Any = _CONTAINER_TYPES[kind]()
    stack, key, remaining_chars = [root], "", VALUE_MAX_CHARS
    for kind, value in stream:
        if kind == "map_key":
            key = value
            remaining_chars -= len(key)
        elif kind in _CLOSING:
            stack.pop()
            if not stack:
                break
        else:
            remaining_chars -= NODE_COST_CHARS + (len(value) if kind == "string" else 0)
            parent, child = stack[-1], _CONTAINER_TYPES[kind]() if kind in OPENING else value
            if isinstance(parent, dict):
                parent[key] = child
            else:
                parent.append(child)
            if kind in OPENING:
                stack.append(child)
            if remaining_chars < 0 or len(stack) > DEPTH_MAX:
                _skip_rest(stream, len(stack))
                return TOO_LARGE
    return root


def _skip_rest(stream: Iterator[JsonEvent], depth: int) -> None:
    """The rest of a value in which ``depth`` maps and arrays are open."""
    for kind, _ in stream:
        if kind in OPENING:
            depth += 1
            if depth > NESTING_MAX:
                raise ListUnreadable(f"This JSON is nested more than {NESTING_MAX} levels deep.")
        elif kind in _CLOSING:
            depth -= 1
            if not depth:
                return


def iter_elements(stream: Iterator[JsonEvent], path: JsonPath) -> Iterator[Any]:
    """The elements of the array at ``path``, in each document; what is no such document, whole."""
    for event in stream:
        for inner in _seek(event, stream, path, "start_array"):
            yield build_value(inner, stream)


def iter_members(stream: Iterator[JsonEvent], path: JsonPath) -> Iterator[tuple[str, Any]]:
    """The members of the map at ``path``, in each document."""
    for event in stream:
        for inner in _seek(event, stream, path, "start_map"):
            if inner[0] == "map_key":
                yield inner[1], build_value(next(stream), stream)


def _seek(
    event: JsonEvent, stream: Iterator[JsonEvent], path: JsonPath, wanted: str
) -> Iterator[JsonEvent]:
    """The event that begins each element (of a map: its key) of the container at ``path``."""
    if not path and event[0] == wanted:
        for inner in stream:
            if inner[0] in _CLOSING:
                return
            yield inner
    elif path and event[0] == "start_map":
        for kind, key in stream:
            if kind == "end_map":
                return
            inner = next(stream)
            if key == path[0] and inner[0] == ("start_map" if path[1:] else wanted):
                yield from _seek(inner, stream, path[1:], wanted)
            else:
                skip_value(inner, stream)
    elif wanted == "start_array":
        yield event
    else:
        skip_value(event, stream)


def skip_value(event: JsonEvent, stream: Iterator[JsonEvent]) -> None:
    """Pass over the value that ``event`` begins. Raises ``ListUnreadable`` if it has no bottom."""
    if event[0] in OPENING:
        _skip_rest(stream, 1)
