"""Nested objects → flat ones, with dotted names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from app.lists.columns.linked import is_linked_name, join_names
from app.lists.columns.names import picture_name
from app.lists.columns.vocabulary import words

MAX_DEPTH: Final = 9
OTHER_OBJECTS: Final = words(
    "entities extended_entities retweeted_status quoted_status retweetedTweet quotedTweet "
    "retweeted_status_result quoted_status_result reblog place geo"
)
"""Members of a post that hold other posts and other accounts."""

FlatObject = Mapping[str, Any]
"""An object whose nested members have dotted names."""


class BareUrl(str):
    """A text where an object might stand: it can only be a URL."""

    __slots__ = ()


def flatten(value: Mapping[str, Any]) -> FlatObject:
    """An object's members under dotted names; of lists of pictures the largest one."""
    flat: dict[str, Any] = {}
    _flatten_into(value, "", MAX_DEPTH, flat)
    return flat


def _flatten_into(value: Mapping[str, Any], prefix: str, depth: int, flat: dict[str, Any]) -> None:
    for name, member in value.items():
        if isinstance(member, dict):
            if depth > 1 and name not in OTHER_OBJECTS:
                _flatten_into(member, f"{prefix}{name}.", depth - 1, flat)
        elif isinstance(member, list):
            flat[f"{prefix}{name}"] = join_names(member) if is_linked_name(name) else None
            if member and depth > 1 and picture_name(f"{prefix}{name}") is not None:
                _flatten_pictures(member, f"{prefix}{name}", flat)
        else:
            flat[f"{prefix}{name}"] = member


def _flatten_pictures(variants: list[Any], name: str, flat: dict[str, Any]) -> None:
    """The largest of a picture's variants, which are objects with a width, or URLs."""
    objects = [each for each in variants if isinstance(each, dict)]
    if objects:
        largest = max(objects, key=lambda each: _number(each.get("width")))
        _flatten_into(largest, f"{name}.", 1, flat)
    elif isinstance(variants[0], str):
        flat[name] = variants[0]


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0
