"""Checks that the configured database and data folder can be used."""

from __future__ import annotations

import tempfile
from pathlib import Path

from app.batches.disk import Disk
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


def exposed_files(settings: Settings) -> list[Path]:
    """The data folder, and files in it, that other users of the machine may read or change."""
    folder = settings.data_dir
    paths = [folder, *sorted(folder.glob("eyeline.*"))] if folder.is_dir() else []
    return [path for path in paths if path.stat().st_mode & 0o077]


def disk_problem(settings: Settings) -> str | None:
    """Why no list would be taken in for want of space, in a sentence; ``None`` if there is room."""
    return Disk(resolve_spool_folder(settings), settings.min_free_bytes).problem()


def resolve_spool_folder(settings: Settings) -> Path:
    """A writable folder: the data folder, or with a database the system's temporary folder.

    Raises ``SettingsError`` that says what to do.
    """
    try:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=settings.data_dir):
            return settings.data_dir
    except OSError as error:
        if settings.database_url is not None:
            return Path(tempfile.gettempdir())
        raise SettingsError(
            f"EYELINE_DATA_DIR={settings.data_dir} cannot be written ({error.strerror}): batches "
            "are stored there; set another folder, or EYELINE_DATABASE_URL"
        ) from error
