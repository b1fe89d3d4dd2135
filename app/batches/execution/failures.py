"""Failures of items that batches give themselves, each with what to do about it."""

from __future__ import annotations

from app.errors import QuotaExceeded, RequestError
from app.records import Failure


def failure_from_error(error: RequestError) -> Failure:
    """An error of the picture or its address, as it is stored."""
    return Failure(error.code, error.title, error.detail, error.retryable)


def internal_failure() -> Failure:
    """A fault of ours costs an item, not the list."""
    return Failure(
        "internal",
        "Something went wrong here",
        "an internal error, logged by the service: try again later",
        retryable=True,
    )


def payload_gone_failure() -> Failure:
    """An uploaded picture was deleted after its analysis, and the item has no answer."""
    return Failure(
        "payload_gone",
        "The picture is no longer stored",
        "uploaded pictures are deleted after analysis: send the list again",
    )


def crash_failure() -> Failure:
    """A picture at which the process crashed twice."""
    return Failure(
        "picture_kills",
        "This picture crashes the analysis",
        "the analyzing process crashed twice, so the picture is skipped: report it to the operator",
    )


def kept_bytes_failure() -> Failure:
    """An item whose result would be beyond what its owner may keep."""
    return Failure(
        QuotaExceeded.code,
        QuotaExceeded.title,
        "your lists and their results hold what they may (EYELINE_MAX_KEPT_BYTES): erase lists, "
        "or wait until they expire, then retry this one",
        retryable=True,
    )


def exhausted_failure() -> Failure:
    """An item of a chunk that crashed too many processes."""
    return Failure(
        "internal",
        "Something went wrong here",
        "worker processes crashed repeatedly on this part of the list: try again later",
        retryable=True,
    )
