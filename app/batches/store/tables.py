"""What is kept of batches, in tables that SQLite and Postgres both hold.

``batches`` are counted and told; ``items`` are the rows of a list, as JSON; ``payloads`` the bytes
of those that came with their picture, until it was looked at. A result is keyed (batch, seq), so
that what is done twice is kept once; the ``pictures`` of a batch are keyed by their own SHA-256, so
that the same one seen twice is analysed, kept and averaged once. ``sources`` say which picture an
address led to. ``chunks`` are the ranges that a list is worked in, and what is known of how their
work went. Times are seconds since 1970 by the database's clock.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

VERSION: Final = 1
"""Of the tables; raised with a step in ``make`` that takes the older ones along."""

metadata = sa.MetaData()

_BIG: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _batch_no() -> sa.Column[int]:
    return sa.Column("batch_no", _BIG, primary_key=True, autoincrement=False)


def _count(name: str) -> sa.Column[int]:
    return sa.Column(name, _BIG, nullable=False, server_default="0")


def _json(name: str, empty: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, server_default=empty)


schema = sa.Table(
    "eyeline_schema",
    metadata,
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
)

batches = sa.Table(
    "batches",
    metadata,
    sa.Column("no", _BIG, primary_key=True, autoincrement=True),
    sa.Column("id", sa.Text, nullable=False, unique=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("idempotency_key", sa.Text),
    sa.Column("body_sha256", sa.Text, nullable=False),
    sa.Column("prior", sa.Double, nullable=False),
    sa.Column("webhook_url", sa.Text),
    _json("metadata", "{}"),
    sa.Column("list_format", sa.Text, nullable=False),
    _json("columns", "[]"),
    sa.Column("status", sa.Text, nullable=False),
    _count("total"),
    _count("completed"),
    _count("failed"),
    _json("outcomes", "{}"),
    _json("verdicts", "{}"),
    _json("reached", "{}"),
    sa.Column("cohort", sa.Text),
    sa.Column("error", sa.Text),
    _count("revision"),
    sa.Column("expires_at", sa.Double),
    sa.Column("changed_at", sa.Double, nullable=False),
    sa.Column("submitter", sa.Text, nullable=False),
    _count("generation"),
    _count("chunks"),
    _count("chunks_asked"),
    _count("chunks_done"),
    _count("final_part"),
    sa.Column("pace", sa.Double),
    sa.Column("paced_from", sa.Double),
    _count("paced_items"),
    sa.UniqueConstraint("owner", "idempotency_key", name="batches_key"),
    sa.Index("batches_owner", "owner", "no"),
    sa.Index("batches_status", "status"),
    sqlite_autoincrement=True,
)

items = sa.Table(
    "items",
    metadata,
    _batch_no(),
    sa.Column("seq", _BIG, primary_key=True, autoincrement=False),
    sa.Column("item", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)

payloads = sa.Table(
    "payloads",
    metadata,
    _batch_no(),
    sa.Column("seq", _BIG, primary_key=True, autoincrement=False),
    sa.Column("data", sa.LargeBinary, nullable=False),
)

results = sa.Table(
    "results",
    metadata,
    _batch_no(),
    sa.Column("seq", _BIG, primary_key=True, autoincrement=False),
    sa.Column("rank", sa.Double, nullable=False),
    sa.Column("verdict", sa.Text),
    sa.Column("sha256", sa.LargeBinary),
    sa.Column("failure", sa.Text),
    sa.Column("retryable", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Index("results_rank", "batch_no", sa.desc("rank"), "seq"),
    sqlite_with_rowid=False,
)

pictures = sa.Table(
    "pictures",
    metadata,
    _batch_no(),
    sa.Column("sha256", sa.LargeBinary, primary_key=True),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("llr", sa.Double, nullable=False),
    sa.Column("finding", sa.Text, nullable=False),
    sa.Column("analysis", sa.LargeBinary, nullable=False),
    sa.Column("thumbnail", sa.LargeBinary, nullable=False),
)

sources = sa.Table(
    "sources",
    metadata,
    _batch_no(),
    sa.Column("key", sa.LargeBinary, primary_key=True),
    sa.Column("sha256", sa.LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

averages = sa.Table(
    "averages",
    metadata,
    _batch_no(),
    sa.Column("of", sa.Text, primary_key=True),
    sa.Column("shard", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("pictures", _BIG, nullable=False),
    sa.Column("sums", sa.LargeBinary, nullable=False),
)

chunks = sa.Table(
    "chunks",
    metadata,
    _batch_no(),
    sa.Column("generation", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("chunk", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("first", _BIG, nullable=False),
    sa.Column("end", _BIG, nullable=False),
    sa.Column("asked_by", sa.Integer),
    sa.Column("part", sa.Integer, nullable=False, server_default="0"),
    sa.Column("done", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("begun", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("deaths", sa.Integer, nullable=False, server_default="0"),
    sa.Column("looking", _BIG),
    sa.Column("strikes", sa.Integer, nullable=False, server_default="0"),
)

workers = sa.Table(
    "workers",
    metadata,
    sa.Column("executor", sa.Text, primary_key=True),
    sa.Column("threads", sa.Integer, nullable=False),
    sa.Column("seen_at", sa.Double, nullable=False),
)

graves = sa.Table(
    "graves", metadata, sa.Column("batch_no", _BIG, primary_key=True, autoincrement=False)
)
"""Batches that are gone for everybody; what is left of them is being erased."""

BELONGINGS: Final = (payloads, results, pictures, sources, averages, chunks, items)
"""What is kept under a batch's number."""


class TablesTooNew(ValueError):
    """The database was written by a later version of this program."""


def make(connection: sa.Connection) -> None:
    """Create what is missing, inside the caller's transaction. Raises ``TablesTooNew``."""
    metadata.create_all(connection)
    found = connection.scalar(sa.select(sa.func.max(schema.c.version)))
    if found is None:
        connection.execute(sa.insert(schema).values(version=VERSION))
    elif found > VERSION:
        raise TablesTooNew(
            f"the database holds tables of version {found}, and this program knows {VERSION}: "
            "run the program that wrote them, or a later one"
        )
