"""Whether the database of the batches can be opened, before anybody depends on it."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from app.jobs.database import DatabaseTaken, open_database
from app.jobs.tables import TablesTooNew


class InUse(Exception):
    """Another process has the SQLite database open, as a running service has."""


def complaint(url: str | None, data_dir: Path) -> str | None:
    """Why the database cannot be opened, in a line that holds no password; ``None`` if it can.

    Raises ``InUse``.
    """
    try:
        open_database(url, data_dir).close()
    except DatabaseTaken as error:
        if url is None:
            raise InUse(str(error)) from error
        return str(error)
    except TablesTooNew as error:
        return str(error)
    except (OSError, SQLAlchemyError) as error:
        where = f"in EYELINE_DATA_DIR={data_dir}" if url is None else "at EYELINE_DATABASE_URL"
        return f"the database {where} cannot be opened ({type(error).__name__})"
    return None
