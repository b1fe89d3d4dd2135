"""A list keeps the base rate that it was sent under, and how many bytes its rows hold."""

import sqlalchemy as sa
from alembic import op

revision = "v5"
down_revision = "v4"


def upgrade() -> None:
    """Lists that were sent before have no base rate of their own, and count as empty."""
    big_integer = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.add_column("batches", sa.Column("base_rate", sa.Double))
    op.add_column(
        "batches", sa.Column("kept_bytes", big_integer, nullable=False, server_default="0")
    )
    op.execute("UPDATE eyeline_schema SET version = 5")
