"""Every picture of a corpus measured once, on all cores; what is kept is small."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from app.analysis import Testimony, faceless, portray, testify
from app.checks.eye_alignment import gan_eye_distance
from app.errors import AvatarError
from app.fitting.corpus import Corpus, Row
from app.landmarks import FaceFinders
from app.picture import Picture, decode


@dataclass(frozen=True, eq=False)
class Measured:
    """One picture's row, the testimony of each of its faces, and GANEyeDistance (1 if none).

    ``faceless`` is the outcome (or the error's code) of a picture without a face.
    """

    row: Row
    testimonies: tuple[Testimony, ...]
    gan_eye_distance: float
    faceless: str = ""


Prepare = Callable[[Picture], Picture]


def as_it_is(picture: Picture) -> Picture:
    """No change."""
    return picture


def measure_file(row: Row, root: Path, finders: FaceFinders, prepare: Prepare) -> Measured:
    """One file decoded, its faces found and measured. An unreadable one is told by its code."""
    try:
        picture = prepare(decode((root / row.path).read_bytes()))
    except AvatarError as error:
        return Measured(row, (), 1.0, error.code)
    portraits = portray(picture, finders.mine())
    return Measured(
        row,
        tuple(testify(p) for p in portraits),
        min((gan_eye_distance(p) for p in portraits), default=1.0),
        "" if portraits else faceless(picture),
    )


def measure(
    corpus: Corpus,
    rows: Iterable[Row],
    model: bytes,
    prepare: Prepare = as_it_is,
    threads: int | None = None,
) -> Iterator[Measured]:
    """``rows`` measured, in their order; at most a few dozen pictures are in memory."""
    count = threads or os.cpu_count() or 1
    finders = FaceFinders(model)
    todo = iter(rows)
    with ThreadPoolExecutor(count) as pool:

        def submit(batch: Iterable[Row]) -> list:  # type: ignore[type-arg]
            return [pool.submit(measure_file, r, corpus.root, finders, prepare) for r in batch]

        waiting = submit(islice(todo, 8 * count))
        while waiting:
            yield waiting.pop(0).result()
            waiting += submit(islice(todo, 1))
    finders.close()
