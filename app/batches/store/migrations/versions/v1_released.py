"""The tables as first released, with the queue in a database of its own.

A database of this version is stamped with this revision; a new one is created as it is today.
"""

revision = "v1"
down_revision = None


def upgrade() -> None:
    """Nothing precedes this version."""
