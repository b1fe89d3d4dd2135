"""What is kept of webhooks: each message until it has arrived or was given up, and every try.

Both are keyed by the batch they tell of, and go with it.
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
    # When it is to be sent next; nobody waits for it once this is empty.
    sa.Column("due_at", sa.Double),
    # Tries since it was made, or last sent by hand: how far the waits have grown.
    sa.Column("round", sa.Integer, nullable=False, server_default="0"),
    sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
    # Whoever sends it holds it until then; whoever died holding it does so no longer.
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
"""What is kept of webhooks under a batch's number."""
