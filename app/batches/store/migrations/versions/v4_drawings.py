"""Drawings of flagged pictures are kept with a list's results."""

import sqlalchemy as sa
from alembic import op

revision = "v4"
down_revision = "v3"


def upgrade() -> None:
    """Lists that were analyzed before have none."""
    big_integer = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "drawings",
        sa.Column("batch_no", big_integer, primary_key=True, autoincrement=False),
        sa.Column("sha256", sa.LargeBinary, primary_key=True),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("image", sa.LargeBinary, nullable=False),
    )
    op.execute("UPDATE eyeline_schema SET version = 4")
