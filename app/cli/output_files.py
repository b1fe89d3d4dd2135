"""Files that commands write: formats by suffix, complete or not at all, none replaced unasked."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Literal

ResultFormat = Literal["csv", "ndjson"]

KEY_FILE: Final = "key"
"""In the state folder: of the input and options that it belongs to."""
STANDARD_OUTPUT: Final = Path("-")
RESULT_FORMATS: Final[dict[str, ResultFormat]] = {".csv": "csv", ".ndjson": "ndjson"}
JPEG_SUFFIXES: Final = (".jpg", ".jpeg")
PICTURE_SUFFIXES: Final = (".png", *JPEG_SUFFIXES)
REPORT_SUFFIXES: Final = (".html", ".htm")
NETWORK_SUFFIXES: Final = (".svg", ".png", ".json", ".graphml", ".gexf")


class OutputError(ValueError):
    """An output cannot be written as asked; the text names its option and says what to do."""


@dataclass(frozen=True)
class OutputPaths:
    """Where each output goes, ``None`` for those not asked for.

    ``results``: may be ``STANDARD_OUTPUT``. ``result_format``: by the suffix of ``results`` if
    ``None``. ``order``: of the results. ``min_llr``: weaker ones are not written. ``lines``:
    whether montage and composite show template lines. ``case_number``: for the report.
    ``edges``: a file of lines between accounts, which the network shows.
    """

    results: Path
    result_format: ResultFormat | None = None
    order: Literal["input", "-llr"] = "input"
    min_llr: float | None = None
    montage: Path | None = None
    composite: Path | None = None
    scatter: Path | None = None
    network: Path | None = None
    edges: Path | None = None
    report: Path | None = None
    evidence: Path | None = None
    lines: bool = True
    case_number: str = ""

    @property
    def is_standard_output(self) -> bool:
        return self.results == STANDARD_OUTPUT

    @property
    def state_dir(self) -> Path:
        """The folder of the unfinished batch's database."""
        return self.results.parent / f".{self.results.name}.eyeline"

    @property
    def is_begun(self) -> bool:
        """Whether there is the state of an earlier run, which may be gone on with."""
        return not self.is_standard_output and (self.state_dir / KEY_FILE).exists()

    @property
    def display_name(self) -> str:
        return "standard output" if self.is_standard_output else str(self.results)

    def require_known_formats(self) -> None:
        """Raises ``OutputError`` for a suffix that says no format that can be written."""
        if not self.is_standard_output and self.result_format is None:
            _require_suffix("out", self.results, tuple(RESULT_FORMATS))
        for option in ("montage", "composite", "scatter"):
            _require_suffix(option, getattr(self, option), PICTURE_SUFFIXES)
        _require_suffix("report", self.report, REPORT_SUFFIXES)
        _require_suffix("network", self.network, NETWORK_SUFFIXES)
        _require_suffix("evidence", self.evidence, (".zip",))

    def require_new(self) -> None:
        """Raises ``OutputError`` if a file would be replaced."""
        paths = [self.montage, self.composite, self.scatter, self.report, self.network]
        paths += [self.evidence]
        paths += [] if self.is_standard_output else [self.results]
        paths += [] if self.montage is None else _existing_pages(self.montage)
        for path in paths:
            if path is not None:
                require_new(path)


def require_new(path: Path) -> None:
    """Raises ``OutputError`` if ``path`` would be replaced."""
    if path.exists():
        raise OutputError(f"{path} exists: choose another name, or --force to replace it")


def _existing_pages(montage: Path) -> list[Path]:
    """Further pages of an earlier montage of this name, which would remain or be replaced."""
    pattern = f"{glob.escape(montage.stem)}-[0-9]*{glob.escape(montage.suffix)}"
    return sorted(montage.parent.glob(pattern))


def _require_suffix(option: str, path: Path | None, suffixes: tuple[str, ...]) -> None:
    if path is not None and path.suffix.lower() not in suffixes:
        raise OutputError(f"--{option} {path} must end in {' or '.join(suffixes)}")


def write_picture(path: Path, png: bytes) -> None:
    """Write ``png``, as a JPEG where the suffix of ``path`` says so."""
    if path.suffix.lower() in JPEG_SUFFIXES:
        from app.render.jpeg import png_to_jpeg

        png = png_to_jpeg(png)
    write_file(path, png)


def write_file(path: Path, content: bytes) -> None:
    """Write ``content``, complete or not at all."""
    with atomic_writer(path) as file:
        file.write(content)


@contextmanager
def atomic_writer(path: Path) -> Iterator[IO[bytes]]:
    """A temporary file that replaces ``path`` once it is complete."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
