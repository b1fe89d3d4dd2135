"""What people said of items is kept beside the results."""

import sqlalchemy as sa
from alembic import op

revision = "v3"
down_revision = "v2"


def upgrade() -> None:
    """A table of its own: results are replaced when items are retried, decisions are not."""
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "decisions",
        sa.Column("batch_no", number, primary_key=True, autoincrement=False),
        sa.Column("seq", number, primary_key=True, autoincrement=False),
        sa.Column("choice", sa.Text, nullable=False),
        sa.Column("decided_by", sa.Text, nullable=False),
        sa.Column("decided_at", sa.Double, nullable=False),
        sa.Column("note", sa.Text, nullable=False, server_default='""'),
        sqlite_with_rowid=False,
    )
    op.execute("UPDATE eyeline_schema SET version = 3")
