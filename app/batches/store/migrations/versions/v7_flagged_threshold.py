"""A list keeps at how many flagged items its caller wants to be told, and when that was."""

import sqlalchemy as sa
from alembic import op

revision = "v7"
down_revision = "v6"


def upgrade() -> None:
    """Lists that were sent before have no threshold."""
    big_integer = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.add_column("batches", sa.Column("flagged_threshold", big_integer))
    op.add_column("batches", sa.Column("flagged_at", sa.Double))
    op.add_column("batches", sa.Column("flagged_revision", big_integer))
    op.execute("UPDATE eyeline_schema SET version = 7")
