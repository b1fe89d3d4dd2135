"""A batch as pictures: its results become the plain records that drawings take."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal

from app.analysis.analyzer import Analyst
from app.batches.service import Desk
from app.batches.store.models import Batch
from app.errors import NotFound, NotYet
from app.evidence import Outcome, Verdict
from app.records import Result
from app.render.composite import draw_composite
from app.render.eye_template import Template
from app.render.montage import PER_PAGE, Sheet, draw_montage
from app.render.montage_tile import Tile
from app.render.report.html import cut
from app.render.report.report import write_report
from app.render.report.tables import shown_alike
from app.render.scatter.scatter import draw_scatter
from app.render.text_layout import is_legible
from app.runtime.batch_report import name_of, name_of_list, report_of

Order = Literal["input", "-llr"]
Group = Literal["likely_generated", "rest", "all"]

_TITLE_CHARS: Final = 60
FAMILY: Final = "ffhq"
"""The frame that is drawn through every tile; the others are recropped from it."""
_ORDER: Final = {"input": "in the list's own order", "-llr": "strongest evidence first"}


@dataclass(frozen=True)
class Wall:
    """Which part of a list a montage shows, how sorted. ``page``: 1 is the first."""

    page: int = 1
    per_page: int = PER_PAGE
    order: Order = "-llr"
    verdict: Verdict | None = None


class Gallery:
    """Draws on the calling thread. ``analyst``: asked for the template and for what it is.

    ``list_name``: what lists are called whose metadata do not say it under ``name`` or ``list``;
    without one, by their batch.
    """

    def __init__(self, desk: Desk, analyst: Analyst, base_rate: float, list_name: str = "") -> None:
        self._desk = desk
        left, right = analyst.family_eyes()[FAMILY]
        self._template = Template(FAMILY.upper(), ((left[0], left[1]), (right[0], right[1])))
        self._model = analyst.describe()
        self._base_rate = base_rate
        self._list_name = list_name

    def montage(self, batch: Batch, wall: Wall = Wall()) -> bytes:
        """One page as PNG. Raises ``NotYet``, or ``NotFound`` beyond the last page."""
        done = _done(batch)
        total = batch.verdicts.get(wall.verdict, 0) if wall.verdict else done
        pages = max(1, math.ceil(total / wall.per_page))
        if wall.page > pages:
            raise NotFound(f"The last page of this montage is {pages}.")
        first = (wall.page - 1) * wall.per_page
        found = self._desk.every(
            batch.id, batch.new.owner, order=wall.order, verdict=wall.verdict, skip=first
        )
        shown = itertools.islice(found, wall.per_page)
        sheet = Sheet(
            title=f"Avatars of {self._title(batch)}",
            page=wall.page,
            pages=pages,
            first=first + 1,
            total=total,
            order=_ORDER[wall.order],
            verdicts=batch.verdicts,
            failed=batch.failed,
        )
        return draw_montage((tile_of(result) for result in shown), sheet, self._template)

    def composite(self, batch: Batch, of: Group | None) -> bytes:
        """The averages as PNG; the likely generated beside the rest if ``of`` is not given."""
        _done(batch)
        averages = self._desk.averages(batch.id, batch.new.owner)
        return draw_composite(averages, of=of, template=self._template)

    def scatter(self, batch: Batch) -> bytes:
        """Every face's eyes over the frame, as PNG."""
        _done(batch)
        return draw_scatter(self._seen(batch), self._template, notes=notes_of(batch))

    def report(self, batch: Batch) -> bytes:
        """All of it in one page of HTML."""
        _done(batch)
        flagged = self._desk.every(
            batch.id, batch.new.owner, order="-llr", verdict=Verdict.LIKELY_GENERATED
        )
        name = name_of_list(batch, self._list_name)
        told = report_of(batch, self._plain(batch), flagged, self._model, self._base_rate, name)
        drawn = replace(
            told,
            alike=self._alike(batch),
            montage=self.montage(batch),
            composite=self.composite(batch, None),
            scatter=self.scatter(batch),
        )
        return write_report(drawn)

    def _title(self, batch: Batch) -> str:
        """The list's name as the drawings' font can write it, in a line."""
        name = cut(name_of_list(batch, self._list_name), _TITLE_CHARS)
        return name if name and is_legible(name) else batch.id

    def _alike(self, batch: Batch) -> dict[int, bytes]:
        """Thumbnails of pictures that look alike, by item."""
        wanted = shown_alike((batch.cohort or {}).get("duplicates"))
        found = self._desk.picked(batch.id, batch.new.owner, wanted)
        return {r.seq: r.finding.thumbnail for r in found if r.finding is not None}

    def _plain(self, batch: Batch) -> Iterator[Result]:
        """Every result in the list's order, without its thumbnail."""
        return self._desk.every(batch.id, batch.new.owner, thumbnails=False)

    def _seen(self, batch: Batch) -> Iterator[tuple[tuple[float, float, float, float], str]]:
        for result in self._plain(batch):
            if result.finding and result.finding.eyes:
                yield result.finding.eyes, result.finding.verdict


def tile_of(result: Result) -> Tile:
    """What a montage shows of ``result``."""
    name = name_of(result)
    found = result.finding
    if found is None:
        assert result.failure is not None
        return Tile(result.seq, name, error=result.failure.title)
    zoomed = found.transform in ("zoomed", "trimmed")
    return Tile(
        result.seq,
        name,
        Verdict(found.verdict),
        Outcome(found.outcome),
        found.llr,
        found.thumbnail,
        found.eyes,
        note=str(found.transform) if zoomed and found.llr > 0 else "",
    )


def notes_of(batch: Batch) -> tuple[str, ...]:
    """What the list as a whole says, in sentences for a heading."""
    concentration = (batch.cohort or {}).get("concentration")
    if not concentration or concentration.get("p_value") is None:
        return ()
    return (
        f"{concentration['observed']} on the template, {concentration['expected']:.3g} expected "
        f"of ordinary avatars: p = {concentration['p_value']:.2g}.",
    )


def _done(batch: Batch) -> int:
    """How many items have a result; raises ``NotYet`` if none has."""
    done = batch.completed + batch.failed
    if done == 0:
        raise NotYet("Nothing of this list has been looked at yet; come back when something has.")
    return done
