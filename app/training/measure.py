"""Measures every picture of a corpus on all cores; pixels are not kept."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from app.analysis.analyze import build_portraits, outcome_without_face, portrait_warnings
from app.analysis.face_result import Measurements, measure_all
from app.checks.eye_alignment import gan_eye_distance
from app.errors import RequestError
from app.face.landmarks import ThreadFaceFinders
from app.face.portrait import PixelNetwork
from app.image.picture import Picture, decode
from app.training.corpus import Corpus, CorpusError, ManifestRow
from app.training.skin_tone import cheek_ita_deg


@dataclass(frozen=True, eq=False)
class MeasuredPicture:
    """One picture's row, the measurements of each of its faces, and GANEyeDistance (1 if none).

    ``no_face_outcome`` is the outcome (or the error's code) of a picture without a face.
    ``side_px``: its longer side. ``network_index``: which of several networks read it.
    """

    row: ManifestRow
    faces: tuple[Measurements, ...]
    gan_eye_distance: float
    no_face_outcome: str = ""
    side_px: int = 0
    network_index: int = 0
    is_orientation_certain: bool = True
    skin_ita_deg: tuple[float | None, ...] = ()
    """Apparent skin tone (ITA) of each face, degrees; ``None`` without colour."""
    face_warnings: tuple[tuple[str, ...], ...] = ()
    """``portrait_warnings`` of each face."""
    animated: bool = False


Prepare = Callable[[Picture], Picture]


@dataclass(frozen=True, eq=False)
class Models:
    """The landmark model's bytes, and the network that reads each row's picture.

    ``network_for`` gives a network that was not trained on the row's picture, where there are
    several; ``network_index_for`` gives that network's index.
    """

    landmarks: bytes
    network_for: Callable[[ManifestRow], PixelNetwork]
    network_index_for: Callable[[ManifestRow], int] = lambda _: 0


def unchanged(picture: Picture) -> Picture:
    """No change."""
    return picture


def measure_file(
    row: ManifestRow, root: Path, finders: ThreadFaceFinders, models: Models, prepare: Prepare
) -> MeasuredPicture:
    """Decode and measure one file; a file that cannot be decoded gets its error code.

    Raises ``CorpusError`` if the file is missing.
    """
    try:
        data = (root / row.path).read_bytes()
    except OSError as error:
        raise CorpusError(f"cannot read {root / row.path}: {error.strerror}") from error
    try:
        picture = prepare(decode(data))
    except RequestError as error:
        return MeasuredPicture(row, (), 1.0, error.code)
    portraits = build_portraits(picture, finders.for_current_thread(), models.network_for(row))
    return MeasuredPicture(
        row,
        tuple(measure_all(p) for p in portraits),
        min((gan_eye_distance(p) for p in portraits), default=1.0),
        "" if portraits else outcome_without_face(picture),
        max(picture.size),
        models.network_index_for(row),
        all(p.is_orientation_certain for p in portraits),
        tuple(cheek_ita_deg(p.picture.rgb, p.face) for p in portraits),
        tuple(portrait_warnings(p) for p in portraits),
        picture.animated,
    )


def measure_pictures(
    corpus: Corpus,
    rows: Iterable[ManifestRow],
    models: Models,
    prepare: Prepare = unchanged,
    threads: int | None = None,
) -> Iterator[MeasuredPicture]:
    """Measure ``rows``, in their order; at most a few dozen pictures are in memory."""
    count = threads or os.cpu_count() or 1
    remaining = iter(rows)
    # The pool shuts down before the finders close: no thread may still be using one.
    with closing(ThreadFaceFinders(models.landmarks)) as finders, ThreadPoolExecutor(count) as pool:

        def submit(batch: Iterable[ManifestRow]) -> list[Future[MeasuredPicture]]:
            return [
                pool.submit(measure_file, r, corpus.root, finders, models, prepare) for r in batch
            ]

        pending = submit(islice(remaining, 8 * count))
        while pending:
            yield pending.pop(0).result()
            pending += submit(islice(remaining, 1))
