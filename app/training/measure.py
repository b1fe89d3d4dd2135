"""Every picture of a corpus measured once, on all cores; what is kept is small."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from app.analysis.analyze import Testimony, faceless, portray, testify
from app.checks.eye_alignment import gan_eye_distance
from app.errors import AvatarError
from app.face.landmarks import FaceFinders
from app.face.portrait import Network
from app.image.picture import Picture, decode
from app.training.corpus import Corpus, CorpusError, Row


@dataclass(frozen=True, eq=False)
class Measured:
    """One picture's row, the testimony of each of its faces, and GANEyeDistance (1 if none).

    ``faceless`` is the outcome (or the error's code) of a picture without a face. ``side_px``: its
    longer side. ``reader``: which of several networks read it.
    """

    row: Row
    testimonies: tuple[Testimony, ...]
    gan_eye_distance: float
    faceless: str = ""
    side_px: int = 0
    reader: int = 0


Prepare = Callable[[Picture], Picture]


@dataclass(frozen=True, eq=False)
class Models:
    """``landmarks``: the landmark model. ``network``: the one that may look at a row's picture.

    For pictures that a network was trained on, that is another one, which never saw them;
    ``reader`` numbers them.
    """

    landmarks: bytes
    network: Callable[[Row], Network]
    reader: Callable[[Row], int] = lambda _: 0


def as_it_is(picture: Picture) -> Picture:
    """No change."""
    return picture


def measure_file(
    row: Row, root: Path, finders: FaceFinders, models: Models, prepare: Prepare
) -> Measured:
    """One file decoded, its faces found and measured. An undecodable one is told by its code.

    Raises ``CorpusError`` if the file is not there.
    """
    try:
        data = (root / row.path).read_bytes()
    except OSError as error:
        raise CorpusError(f"cannot read {root / row.path}: {error.strerror}") from error
    try:
        picture = prepare(decode(data))
    except AvatarError as error:
        return Measured(row, (), 1.0, error.code)
    portraits = portray(picture, finders.mine(), models.network(row))
    return Measured(
        row,
        tuple(testify(p) for p in portraits),
        min((gan_eye_distance(p) for p in portraits), default=1.0),
        "" if portraits else faceless(picture),
        max(picture.size),
        models.reader(row),
    )


def measure(
    corpus: Corpus,
    rows: Iterable[Row],
    models: Models,
    prepare: Prepare = as_it_is,
    threads: int | None = None,
) -> Iterator[Measured]:
    """``rows`` measured, in their order; at most a few dozen pictures are in memory."""
    count = threads or os.cpu_count() or 1
    todo = iter(rows)
    # The pool ends before the finders close: no thread may still be using one.
    with closing(FaceFinders(models.landmarks)) as finders, ThreadPoolExecutor(count) as pool:

        def submit(batch: Iterable[Row]) -> list[Future[Measured]]:
            return [
                pool.submit(measure_file, r, corpus.root, finders, models, prepare) for r in batch
            ]

        waiting = submit(islice(todo, 8 * count))
        while waiting:
            yield waiting.pop(0).result()
            waiting += submit(islice(todo, 1))
