"""The tables of webhooks: messages, and every attempt to deliver one.

Both are keyed by their batch, and are deleted with it.
"""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from app.batches.store.tables import metadata

_BIGINT: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

webhook_messages = sa.Table(
    "webhook_messages",
    metadata,
    sa.Column("batch_no", _BIGINT, primary_key=True, autoincrement=False),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("created_at", sa.Double, nullable=False),
    # When it is to be sent next; NULL once it is delivered, failed or refused.
    sa.Column("due_at", sa.Double),
    # Attempts since it was created, or last resent by hand: they set the next delay.
    sa.Column("round", sa.Integer, nullable=False, server_default="0"),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    # A sender's claim, and when it lapses.
    sa.Column("lease", sa.Text),
    sa.Column("leased_until", sa.Double, nullable=False, server_default="0"),
    sa.Index("webhook_messages_due", "due_at"),
)

webhook_attempts = sa.Table(
    "webhook_tries",
    metadata,
    sa.Column("batch_no", _BIGINT, primary_key=True, autoincrement=False),
    sa.Column("message", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", sa.Double, nullable=False),
    sa.Column("status", sa.Integer),
    sa.Column("error", sa.Text),
    sa.Column("duration_s", sa.Double, nullable=False),
)

WEBHOOK_TABLES: Final = (webhook_attempts, webhook_messages)
"""Tables with rows of a batch, by its number."""
