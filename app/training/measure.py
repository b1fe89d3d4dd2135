"""Every picture of a corpus measured once, on all cores; what is kept is small."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from app.analysis.analyze import Measurements, build_portraits, measure_all, outcome_without_face
from app.checks.eye_alignment import gan_eye_distance
from app.errors import RequestError
from app.face.landmarks import ThreadFaceFinders
from app.face.portrait import PixelNetwork
from app.image.picture import Picture, decode
from app.training.corpus import Corpus, CorpusError, ManifestRow
from app.training.skin_tone import cheek_ita_deg


@dataclass(frozen=True, eq=False)
class MeasuredPicture:
    """One picture's row, the testimony of each of its faces, and GANEyeDistance (1 if none).

    ``no_face_outcome`` is the outcome (or the error's code) of a picture without a face.
    ``side_px``: its longer side. ``reader``: which of several networks read it.
    """

    row: ManifestRow
    faces: tuple[Measurements, ...]
    gan_eye_distance: float
    no_face_outcome: str = ""
    side_px: int = 0
    network_index: int = 0
    is_orientation_certain: bool = True
    skin_ita_deg: tuple[float | None, ...] = ()
    """Apparent skin tone of each face (``skin_tone``), degrees; ``None`` without colour."""


Prepare = Callable[[Picture], Picture]


@dataclass(frozen=True, eq=False)
class Models:
    """``landmarks``: the landmark model. ``network_for``: the one that may look at a row's picture.

    For pictures that a network was trained on, that is another one, which never saw them;
    ``reader`` numbers them.
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
    """One file decoded, its faces found and measured. An undecodable one is told by its code.

    Raises ``CorpusError`` if the file is not there.
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
    )


def measure_pictures(
    corpus: Corpus,
    rows: Iterable[ManifestRow],
    models: Models,
    prepare: Prepare = unchanged,
    threads: int | None = None,
) -> Iterator[MeasuredPicture]:
    """``rows`` measured, in their order; at most a few dozen pictures are in memory."""
    count = threads or os.cpu_count() or 1
    remaining = iter(rows)
    # The pool ends before the finders close: no thread may still be using one.
    with closing(ThreadFaceFinders(models.landmarks)) as finders, ThreadPoolExecutor(count) as pool:

        def submit(batch: Iterable[ManifestRow]) -> list[Future[MeasuredPicture]]:
            return [
                pool.submit(measure_file, r, corpus.root, finders, models, prepare) for r in batch
            ]

        pending = submit(islice(remaining, 8 * count))
        while pending:
            yield pending.pop(0).result()
            pending += submit(islice(remaining, 1))
