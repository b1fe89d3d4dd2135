"""Checks that the configured database and data folder can be used."""

from __future__ import annotations

import tempfile
from pathlib import Path

from app.batches.store.database import database_problem
from app.settings import Settings, SettingsError


def check_storage(settings: Settings) -> str | None:
    """Why batches cannot be stored as configured; ``None`` if they can.

    Raises ``app.batches.store.database.DatabaseInUse`` if another process uses it.
    """
    url = settings.database_url
    try:
        resolve_spool_folder(settings)
    except SettingsError as error:
        return str(error)
    return database_problem(url.get_secret_value() if url else None, settings.data_dir)


def resolve_spool_folder(settings: Settings) -> Path:
    """A writable folder: the data folder, or with a database the system's temporary folder.

    Raises ``SettingsError`` that says what to do.
    """
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=settings.data_dir):
            return settings.data_dir
    except OSError as error:
        if settings.database_url is not None:
            return Path(tempfile.gettempdir())
        raise SettingsError(
            f"EYELINE_DATA_DIR={settings.data_dir} cannot be written ({error.strerror}): batches "
            "are stored there; set another folder, or EYELINE_DATABASE_URL"
        ) from error
