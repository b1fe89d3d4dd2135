"""Answers about single pictures are kept, where the operator wants that."""

import sqlalchemy as sa
from alembic import op

revision = "v8"
down_revision = "v7"


def upgrade() -> None:
    """Empty: they lay in the memory of each process."""
    big_integer = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "answers",
        sa.Column("no", big_integer, primary_key=True, autoincrement=True),
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
    op.execute("UPDATE eyeline_schema SET version = 8")
