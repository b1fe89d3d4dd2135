"""JSON as it streams by: values are built one at a time, and none may be large or deep."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import ijson

from app.errors import ListUnreadable

VALUE_MAX_CHARS: Final = 1 << 20
NODE_CHARS: Final = 50
"""What a member costs of that beside its text: a value of many small ones is large as well."""
DEPTH_MAX: Final = 50
OPEN_MAX: Final = 10_000

Event = tuple[str, Any]
Path = tuple[str, ...]
"""Names that lead from a root object to an array; none for a root array."""

_EMPTY: Final[dict[str, type[Any]]] = {"start_map": dict, "start_array": list}
_OPENING: Final = frozenset(_EMPTY)
_CLOSING: Final = frozenset({"end_map", "end_array"})
_SILENT_MAX_BYTES: Final = 1 << 22


@dataclass(frozen=True)
class Unusable:
    """Stands where a value would have stood. ``complaint``: a sentence's end."""

    complaint: str


TOO_LARGE: Final = Unusable("is larger than a row may be.")


def events(pieces: Iterable[bytes]) -> Iterator[Event]:
    """What happens in JSON text, of one document or of several in a row.

    Raises ``ListUnreadable`` for what is no JSON, or holds a single text of megabytes.
    """
    happened = ijson.sendable_list()
    parser = ijson.basic_parse_coro(happened, multiple_values=True)
    silent_bytes = 0
    for piece in pieces:
        _send(parser, piece)
        silent_bytes = 0 if happened else silent_bytes + len(piece)
        if silent_bytes > _SILENT_MAX_BYTES:
            raise ListUnreadable("A single value in this JSON is larger than a row may be.")
        yield from happened
        del happened[:]
    _send(parser, None)
    yield from happened


def _send(parser: Any, piece: bytes | None) -> None:
    try:
        if piece is None:
            parser.close()
        else:
            parser.send(piece)
    except ijson.JSONError as error:
        words = " ".join(str(error).split("\n")[0].split())
        raise ListUnreadable(f"This JSON is broken or breaks off ({words[:120]}).") from None
    except (ValueError, ArithmeticError, SystemError):
        # What ijson makes of a number with thousands of digits; no fault of the interpreter's.
        raise ListUnreadable("This JSON holds a number that cannot be read.") from None


def build(event: Event, stream: Iterator[Event], arrays: set[str] | None = None) -> Any:
    """The value that ``event`` begins. ``arrays``: takes the names of a map's members that are.

    ``TOO_LARGE`` for a value that is; what belongs to it has been passed over.
    """
    kind, value = event
    if kind not in _OPENING:
        return value
    root: Any = _EMPTY[kind]()
    stack, key, room = [root], "", VALUE_MAX_CHARS
    for kind, value in stream:
        if kind == "map_key":
            key = value
            room -= len(key)
        elif kind in _CLOSING:
            parent = stack.pop()
            if not stack:
                break
        else:
            room -= NODE_CHARS + (len(value) if kind == "string" else 0)
            parent, child = stack[-1], _EMPTY[kind]() if kind in _OPENING else value
            if isinstance(parent, dict):
                parent[key] = child
            else:
                parent.append(child)
            if kind in _OPENING:
                stack.append(child)
            if room < 0 or len(stack) > DEPTH_MAX:
                _pass_over(stream, len(stack), arrays)
                parent = TOO_LARGE
                break
    _note(root, arrays)
    return parent


def _note(root: Any, arrays: set[str] | None) -> None:
    if arrays is not None and isinstance(root, dict):
        arrays.update(name for name, member in root.items() if isinstance(member, list))


def _pass_over(stream: Iterator[Event], depth: int, arrays: set[str] | None) -> None:
    """The rest of a value in which ``depth`` maps and arrays are open."""
    key = ""
    for kind, value in stream:
        if kind in _OPENING:
            if depth == 1 and kind == "start_array" and arrays is not None:
                arrays.add(key)
            depth += 1
            if depth > OPEN_MAX:
                raise ListUnreadable(f"This JSON is nested more than {OPEN_MAX} levels deep.")
        elif kind in _CLOSING:
            depth -= 1
            if not depth:
                return
        elif kind == "map_key":
            key = value


def survey(stream: Iterator[Event]) -> tuple[dict[Path, None], dict[str, Any]]:
    """The arrays at the root, in it and one level below, in order; and the root's small members."""
    paths: dict[Path, None] = {}
    members: dict[str, Any] = {}
    for event in stream:
        if event[0] == "start_array":
            paths[()] = None
            build(event, stream)
        elif event[0] == "start_map":
            for key, within, value in _members(stream):
                if within is None:
                    members.setdefault(key, value)
                    continue
                paths.update(dict.fromkeys((key, *rest) for rest in within))
                if not isinstance(value, Unusable):
                    members.setdefault(key, value)
    return paths, members


def _members(stream: Iterator[Event]) -> Iterator[tuple[str, list[Path] | None, Any]]:
    """A map's members: the name, the ways to arrays from there (``None``: a scalar), the value."""
    for kind, key in stream:
        if kind == "end_map":
            return
        event = next(stream)
        if event[0] not in _OPENING:
            yield key, None, event[1]
            continue
        arrays: set[str] = set()
        value = build(event, stream, arrays)
        yield key, [()] if event[0] == "start_array" else [(a,) for a in sorted(arrays)], value


def elements(stream: Iterator[Event], path: Path) -> Iterator[Any]:
    """The elements of the array at ``path``, in each document; what is no such document, whole."""
    for event in stream:
        yield from _elements(event, stream, path)


def _elements(event: Event, stream: Iterator[Event], path: Path) -> Iterator[Any]:
    if not path and event[0] == "start_array":
        for inner in stream:
            if inner[0] == "end_array":
                return
            yield build(inner, stream)
    elif path and event[0] == "start_map":
        for kind, key in stream:
            if kind == "end_map":
                return
            inner = next(stream)
            leads = key == path[0] and inner[0] == ("start_map" if path[1:] else "start_array")
            if leads:
                yield from _elements(inner, stream, path[1:])
            else:
                build(inner, stream)
    else:
        yield build(event, stream)
