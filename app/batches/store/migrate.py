"""Tables of any released version become today's: created, or carried over by Alembic."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from app.batches.store.tables import SCHEMA_VERSION, TablesTooNew, metadata, schema
from app.batches.webhooks.webhook_tables import WEBHOOK_TABLES

_SCRIPTS: Final = Path(__file__).with_name("migrations")
_FIRST_REVISION: Final = "v1"
"""Of databases that were released before Alembic kept their revision."""

# It reports every connection at INFO, and this runs at each start.
logging.getLogger("alembic").setLevel(logging.WARNING)


def create_or_upgrade(connection: sa.Connection) -> None:
    """Bring the tables up to date inside the caller's transaction. Raises ``TablesTooNew``."""
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_SCRIPTS))
    config.set_main_option("path_separator", "os")
    scripts, context = ScriptDirectory.from_config(config), MigrationContext.configure(connection)
    if not sa.inspect(connection).has_table(schema.name):
        metadata.create_all(connection)
        connection.execute(sa.insert(schema).values(version=SCHEMA_VERSION))
        context.stamp(scripts, "head")
        return
    version = connection.scalar(sa.select(sa.func.max(schema.c.version))) or 0
    if version > SCHEMA_VERSION:
        raise TablesTooNew(
            f"the database holds tables of version {version}, and this program knows "
            f"{SCHEMA_VERSION}: run the program that wrote them, or a later one"
        )
    if context.get_current_revision() is None:
        context.stamp(scripts, _FIRST_REVISION)
    if context.get_current_revision() != scripts.get_current_head():
        command.upgrade(config, "head")
    # A worker that was the first to open a new database once left these out.
    metadata.create_all(connection, tables=WEBHOOK_TABLES)
