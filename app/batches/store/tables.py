"""The tables of batches, for SQLite and Postgres.

``batches`` hold status and counts; ``items`` the rows of a list, as JSON; ``payloads`` the bytes of
uploaded pictures until they were analyzed. Results are keyed (batch, seq), so that what is done
twice is stored once; the ``pictures`` of a batch are keyed by their SHA-256, so that equal ones are
analyzed, stored and averaged once; ``drawings`` are kept of flagged ones. ``decisions`` are what
people said of items. ``sources`` map addresses to pictures. ``chunks`` are the ranges that a list
is analyzed in, and how their runs ended. ``answers`` are those about single pictures. Times are
seconds since 1970 by the database's clock.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

SCHEMA_VERSION: Final = 8
"""Of the tables; raised with each script in ``migrations``, for programs that know none of them."""

metadata = sa.MetaData()

_BIGINT: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _batch_no_column() -> sa.Column[int]:
    return sa.Column("batch_no", _BIGINT, primary_key=True, autoincrement=False)


def _counter_column(name: str) -> sa.Column[int]:
    return sa.Column(name, _BIGINT, nullable=False, server_default="0")


def _json_column(name: str, empty: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default=empty)


schema = sa.Table(
    "eyeline_schema",
    metadata,
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
)

batches = sa.Table(
    "batches",
    metadata,
    sa.Column("no", _BIGINT, primary_key=True, autoincrement=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("idempotency_key", sa.Text),
    sa.Column("body_sha256", sa.Text, nullable=False),
    sa.Column("prior", sa.Double, nullable=False),
    sa.Column("base_rate", sa.Double),
    sa.Column("webhook_url", sa.Text),
    sa.Column("flagged_threshold", _BIGINT),
    sa.Column("flagged_at", sa.Double),
    sa.Column("flagged_revision", _BIGINT),
    _json_column("metadata", "{}"),
    sa.Column("list_format", sa.Text, nullable=False),
    _json_column("columns", "[]"),
    _json_column("notes", "[]"),
    sa.Column("title", sa.Text),
    sa.Column("status", sa.Text, nullable=False),
    _counter_column("total"),
    _counter_column("completed"),
    _counter_column("failed"),
    _counter_column("kept_bytes"),
    _json_column("outcomes", "{}"),
    _json_column("verdicts", "{}"),
    _json_column("reached", "{}"),
    sa.Column("cohort", sa.Text),
    sa.Column("error", sa.Text),
    _counter_column("revision"),
    sa.Column("expires_at", sa.Double),
    sa.Column("changed_at", sa.Double, nullable=False),
    sa.Column("submitter", sa.Text, nullable=False),
    _counter_column("generation"),
    _counter_column("chunks"),
    _counter_column("chunks_asked"),
    _counter_column("chunks_done"),
    _counter_column("final_part"),
    sa.Column("pace", sa.Double),
    sa.Column("paced_from", sa.Double),
    _counter_column("paced_items"),
    sa.UniqueConstraint("owner", "idempotency_key", name="batches_key"),
    sa.Index("batches_owner", "owner", "no"),
    sa.Index("batches_status", "status"),
    sqlite_autoincrement=True,
)

items = sa.Table(
    "items",
    metadata,
    _batch_no_column(),
    sa.Column("seq", _BIGINT, primary_key=True, autoincrement=False),
    sa.Column("item", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)

payloads = sa.Table(
    "payloads",
    metadata,
    _batch_no_column(),
    sa.Column("seq", _BIGINT, primary_key=True, autoincrement=False),
    sa.Column("data", sa.LargeBinary, nullable=False),
)

results = sa.Table(
    "results",
    metadata,
    _batch_no_column(),
    sa.Column("seq", _BIGINT, primary_key=True, autoincrement=False),
    sa.Column("rank", sa.Double, nullable=False),
    sa.Column("verdict", sa.Text),
    sa.Column("sha256", sa.LargeBinary),
    sa.Column("failure", sa.Text),
    sa.Column("retryable", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Index("results_rank", "batch_no", sa.desc("rank"), "seq"),
    sqlite_with_rowid=False,
)

decisions = sa.Table(
    "decisions",
    metadata,
    _batch_no_column(),
    sa.Column("seq", _BIGINT, primary_key=True, autoincrement=False),
    sa.Column("choice", sa.Text, nullable=False),
    sa.Column("decided_by", sa.Text, nullable=False),
    sa.Column("decided_at", sa.Double, nullable=False),
    _json_column("note", '""'),
    sqlite_with_rowid=False,
)

pictures = sa.Table(
    "pictures",
    metadata,
    _batch_no_column(),
    sa.Column("sha256", sa.LargeBinary, primary_key=True),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("llr", sa.Double, nullable=False),
    sa.Column("finding", sa.Text, nullable=False),
    sa.Column("analysis", sa.LargeBinary, nullable=False),
    sa.Column("thumbnail", sa.LargeBinary, nullable=False),
)

drawings = sa.Table(
    "drawings",
    metadata,
    _batch_no_column(),
    sa.Column("sha256", sa.LargeBinary, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("image", sa.LargeBinary, nullable=False),
)

sources = sa.Table(
    "sources",
    metadata,
    _batch_no_column(),
    sa.Column("key", sa.LargeBinary, primary_key=True),
    sa.Column("sha256", sa.LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

averages = sa.Table(
    "averages",
    metadata,
    _batch_no_column(),
    sa.Column("of", sa.Text, primary_key=True),
    sa.Column("shard", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("pictures", _BIGINT, nullable=False),
    sa.Column("sums", sa.LargeBinary, nullable=False),
)

own_edges = sa.Table(
    "own_edges",
    metadata,
    _batch_no_column(),
    sa.Column("part", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("data", sa.LargeBinary, nullable=False),
)

chunks = sa.Table(
    "chunks",
    metadata,
    _batch_no_column(),
    sa.Column("generation", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("chunk", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("first", _BIGINT, nullable=False),
    sa.Column("end", _BIGINT, nullable=False),
    sa.Column("part", sa.Integer, nullable=False, server_default="0"),
    sa.Column("done", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("begun", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("deaths", sa.Integer, nullable=False, server_default="0"),
    sa.Column("looking", _BIGINT),
    sa.Column("strikes", sa.Integer, nullable=False, server_default="0"),
)

answers = sa.Table(
    "answers",
    metadata,
    sa.Column("no", _BIGINT, primary_key=True, autoincrement=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("sha256", sa.LargeBinary, nullable=False),
    sa.Column("prior", sa.Double, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("analysis", sa.LargeBinary, nullable=False),
    sa.Column("expires_at", sa.Double, nullable=False),
    sa.UniqueConstraint("owner", "sha256", "prior", "model", name="answers_key"),
    sa.Index("answers_expiry", "expires_at"),
    sqlite_autoincrement=True,
)

workers = sa.Table(
    "workers",
    metadata,
    sa.Column("executor", sa.Text, primary_key=True),
    sa.Column("threads", sa.Integer, nullable=False),
    sa.Column("seen_at", sa.Double, nullable=False),
)

deleted_batches = sa.Table(
    "graves",
    metadata,
    sa.Column("batch_no", _BIGINT, primary_key=True, autoincrement=False),
    sa.Column("id", sa.Text),
)
"""Batches that nobody finds any more, while their rows are being deleted."""

BATCH_TABLES: Final = (
    payloads,
    results,
    decisions,
    own_edges,
    pictures,
    drawings,
    sources,
    averages,
    chunks,
    items,
)
"""Tables with rows of a batch, by its number."""


class TablesTooNew(ValueError):
    """The database was written by a later version of this program."""
