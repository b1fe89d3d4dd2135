"""A list's results → its accounts, one entry each, in an order that is not the list's."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from app.arrays import Int64Array
from app.cohort.account_values import parse_timestamp
from app.cohort.collector import hash_words
from app.cohort.duplicates import HASH_WORDS
from app.cohort.network.model import UNKNOWN_TIME, AccountTable
from app.evidence import Outcome, Verdict
from app.records import ItemResult

_MAX_NAME_CHARS = 256


class _Row(NamedTuple):
    """What is kept of one row; of several for one account the strongest answers."""

    has_record: bool
    llr: float
    hash: tuple[int, ...]
    has_face: bool
    is_flagged: bool
    created: int
    username: str


def collect_accounts(results: Iterable[ItemResult]) -> AccountTable:
    """The accounts of ``results``, in whatever order those come; some 300 bytes are kept of each.

    An account is known by its ``custom_id``; a row without one is an account of its own.
    """
    rows: dict[tuple[str, int], _Row] = {}
    seqs: dict[tuple[str, int], int] = {}
    for result in results:
        has_id = result.custom_id is not None
        # A row without an id is told apart by its place.
        key = (result.custom_id or "", -1) if has_id else (result.source, result.seq)
        row, known = _row_of(result), rows.get(key)
        rows[key] = row if known is None else max(row, known)
        seqs[key] = min(result.seq, seqs.get(key, result.seq))
    keys = sorted(rows)
    ordered = [rows[key] for key in keys]
    return AccountTable(
        names=tuple(key[0][:_MAX_NAME_CHARS] for key in keys),
        usernames=tuple(row.username for row in ordered),
        seqs=np.array([seqs[key] for key in keys], dtype=np.int64),
        hashes=np.array([row.hash for row in ordered], dtype=np.uint64).reshape(-1, HASH_WORDS),
        has_face=np.array([row.has_face for row in ordered], dtype=np.bool_),
        is_flagged=np.array([row.is_flagged for row in ordered], dtype=np.bool_),
        llr=np.array([row.llr if row.has_face else math.nan for row in ordered], dtype=np.float64),
        created=np.array([row.created for row in ordered], dtype=np.int64),
    )


def select_accounts(accounts: AccountTable, indices: Int64Array) -> AccountTable:
    """The entries at ``indices``, in their order."""
    return AccountTable(
        names=tuple(accounts.names[i] for i in indices.tolist()),
        usernames=tuple(accounts.usernames[i] for i in indices.tolist()),
        seqs=accounts.seqs[indices],
        hashes=accounts.hashes[indices],
        has_face=accounts.has_face[indices],
        is_flagged=accounts.is_flagged[indices],
        llr=accounts.llr[indices],
        created=accounts.created[indices],
    )


def _row_of(result: ItemResult) -> _Row:
    record = result.record
    created = parse_timestamp(result.account.get("created_at", ""))
    username = result.account.get("username", "").strip()[:_MAX_NAME_CHARS]
    has_face = record is not None and record.outcome is Outcome.SCORED
    return _Row(
        has_record=record is not None,
        llr=record.llr if record is not None and math.isfinite(record.llr) else -math.inf,
        hash=hash_words(record) if record is not None else (0,) * HASH_WORDS,
        has_face=has_face,
        is_flagged=has_face and record is not None and record.verdict is Verdict.LIKELY_STYLEGAN,
        created=UNKNOWN_TIME if created is None else created,
        username=username,
    )
