"""How a list would be read: its format, columns, notes and first items, and nothing kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from app.lists.reader import FollowerList
from app.records import Item, OwnEdge

PREVIEW_ITEMS: Final = 10


def preview_list(
    follower_list: FollowerList,
    max_items: int = PREVIEW_ITEMS,
    edges: Iterable[OwnEdge] = (),
) -> dict[str, Any]:
    """A JSON object; the list is read to its end, for its notes and its length.

    ``edges``: lines between accounts from a second file. Raises what iterating either raises.
    """
    total, failed, edge_count = 0, 0, 0
    first_items: list[dict[str, Any]] = []
    for item in follower_list:
        total += 1
        failed += item.failure is not None
        edge_count += len(item.edges)
        if len(first_items) < max_items:
            first_items.append(_describe_item(item))
    edge_count += sum(1 for _ in edges)
    return {
        "object": "batch_preview",
        "list_format": follower_list.format,
        "columns": list(follower_list.columns),
        "read_as": {name: list(columns) for name, columns in follower_list.read_as.items()},
        "notes": list(follower_list.notes),
        "total": total,
        "failed": failed,
        "edges": edge_count,
        "items": first_items,
    }


def _describe_item(item: Item) -> dict[str, Any]:
    failure = item.failure
    return {
        "seq": item.seq,
        "custom_id": item.custom_id,
        "source": item.source,
        "url": item.url,
        "fallback_url": item.fallback_url,
        "account": dict(item.account),
        "error": None if failure is None else {"code": failure.code, "detail": failure.detail},
    }
