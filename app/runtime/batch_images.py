"""Renders a batch: converts its results to the records that the render functions take."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal

from app.analysis.model import ModelInfo
from app.batches.service import BatchService
from app.batches.store.models import Batch
from app.cohort.text import concentration_text
from app.errors import NotFound, NotYet
from app.evidence import Verdict
from app.records import ItemResult
from app.render.composite import draw_composite
from app.render.eye_template import EyeTemplate
from app.render.montage import (
    DEFAULT_TILES_PER_PAGE,
    MAX_TILES_PER_PAGE,
    MontageHeader,
    draw_montage,
)
from app.render.montage_tile import MontageTile
from app.render.report.record import MAX_CUT_OUT_PICTURES, FlaggedPicture
from app.render.report.report import render_report
from app.render.report.tables import duplicate_seqs, duplicate_thumbnail_seqs
from app.render.scatter.scatter import draw_scatter
from app.runtime.batch_network import BatchNetworks
from app.runtime.batch_report import batch_title, build_report, display_name, list_display_name

ResultOrder = Literal["input", "-llr"]
CompositeGroup = Literal["likely_stylegan", "rest", "all"]

TEMPLATE_FAMILY: Final = "ffhq"
"""The template drawn over every tile; the other families' frames are cropped from it."""
_ORDER_LABELS: Final = {"input": "in the list's own order", "-llr": "strongest evidence first"}


@dataclass(frozen=True)
class MontageQuery:
    """Which items a montage shows, and their order. ``page``: 1 is the first.

    ``lines``: whether lines through the template's eyes are drawn.
    """

    page: int = 1
    per_page: int = DEFAULT_TILES_PER_PAGE
    order: ResultOrder = "-llr"
    verdict: Verdict | None = None
    lines: bool = True


class BatchImages:
    """Renders batches on the calling thread.

    ``list_name``: name of lists whose metadata have none; without it the batch's id is used.
    """

    def __init__(
        self,
        service: BatchService,
        networks: BatchNetworks,
        model: ModelInfo,
        base_rate: float,
        list_name: str = "",
        contact: str = "",
        case_number: str = "",
    ) -> None:
        self._service = service
        self._networks = networks
        left, right = model.template_eyes[TEMPLATE_FAMILY]
        self._template = EyeTemplate(
            TEMPLATE_FAMILY.upper(), ((left[0], left[1]), (right[0], right[1]))
        )
        self.model = model.description
        self._base_rate = base_rate
        self._list_name = list_name
        self._contact = contact
        self._case_number = case_number

    def montage(self, batch: Batch, query: MontageQuery = MontageQuery()) -> bytes:
        """One page as PNG. Raises ``NotYet``, or ``NotFound`` beyond the last page."""
        result_count = _require_results(batch)
        total = batch.verdicts.get(query.verdict, 0) if query.verdict else result_count
        pages = max(1, math.ceil(total / query.per_page))
        if query.page > pages:
            raise NotFound(f"The last page of this montage is {pages}.")
        first = (query.page - 1) * query.per_page
        results = self._service.iter_results(
            batch.id, batch.request.owner, order=query.order, verdict=query.verdict, skip=first
        )
        page_results = itertools.islice(results, query.per_page)
        header = MontageHeader(
            title=f"Avatars of {batch_title(batch, self._list_name)}",
            page=query.page,
            pages=pages,
            first_position=first + 1,
            total=total,
            order=_ORDER_LABELS[query.order],
            verdicts=batch.verdicts,
            failed=batch.failed,
        )
        return draw_montage(
            (montage_tile(result) for result in page_results),
            header,
            self._template if query.lines else None,
        )

    def montage_pages(self, batch: Batch, lines: bool = True) -> Iterator[bytes]:
        """Every page of the montage, strongest evidence first, on as few pages as possible."""
        pages = math.ceil(_require_results(batch) / MAX_TILES_PER_PAGE)
        for page in range(1, pages + 1):
            yield self.montage(batch, MontageQuery(page, MAX_TILES_PER_PAGE, lines=lines))

    def composite(self, batch: Batch, of: CompositeGroup | None, lines: bool = True) -> bytes:
        """The averages as PNG: likely StyleGAN and the rest side by side if ``of`` is not given."""
        _require_results(batch)
        averages = self._service.read_tile_sums(batch.id, batch.request.owner)
        return draw_composite(averages, group=of, template=self._template if lines else None)

    def scatter(self, batch: Batch) -> bytes:
        """Scatter plot of all eye positions in the frame, as PNG."""
        _require_results(batch)
        return draw_scatter(self._iter_eyes(batch), self._template, notes=cohort_notes(batch))

    def report(self, batch: Batch) -> bytes:
        """The report, one HTML page."""
        _require_results(batch)
        flagged = self._service.iter_results(
            batch.id, batch.request.owner, order="-llr", verdict=Verdict.LIKELY_STYLEGAN
        )
        name = list_display_name(batch, self._list_name)
        report_data = build_report(
            batch,
            self._iter_named(batch),
            flagged,
            self.model,
            batch.request.base_rate or self._base_rate,
            name,
            self._contact,
            self._case_number,
        )
        names, thumbnails = self._read_duplicates(batch)
        complete_report = replace(
            report_data,
            names={**report_data.names, **names},
            flagged=self._with_cut_outs(batch, report_data.flagged),
            alike=thumbnails,
            montage=self.montage(batch),
            composite=self.composite(batch, None),
            scatter=self.scatter(batch),
            network=self._networks.sentences(batch),
        )
        return render_report(complete_report)

    def _with_cut_outs(
        self, batch: Batch, flagged: tuple[FlaggedPicture, ...]
    ) -> tuple[FlaggedPicture, ...]:
        """``flagged``, the first ones with the cut-outs that are kept of them."""
        first = {each.sha256 for each in flagged[:MAX_CUT_OUT_PICTURES]}
        kept = self._service.drawings.read_cut_outs(batch.id, batch.request.owner, first)
        return tuple(
            replace(each, cut_outs=kept.get(each.sha256, {}) if n < MAX_CUT_OUT_PICTURES else {})
            for n, each in enumerate(flagged)
        )

    def _read_duplicates(self, batch: Batch) -> tuple[dict[int, str], dict[int, bytes]]:
        """Names of the items whose pictures look alike, and thumbnails of those that are shown."""
        groups = (batch.cohort or {}).get("duplicates")
        shown = set(duplicate_thumbnail_seqs(groups))
        names: dict[int, str] = {}
        thumbnails: dict[int, bytes] = {}
        seqs = duplicate_seqs(groups)
        for result in self._service.iter_selected(batch.id, batch.request.owner, seqs):
            names[result.seq] = display_name(result)
            if result.record is not None and result.seq in shown:
                thumbnails[result.seq] = result.record.thumbnail
        return names, thumbnails

    def _iter_named(self, batch: Batch) -> Iterator[ItemResult]:
        """Results that a report names or counts: all but those that speak against StyleGAN."""
        return self._service.iter_results(
            batch.id,
            batch.request.owner,
            excluded_verdict=Verdict.UNLIKELY_STYLEGAN,
            thumbnails=False,
            analyses=False,
        )

    def _iter_eyes(self, batch: Batch) -> Iterator[tuple[tuple[float, float, float, float], str]]:
        return self._service.iter_eyes(batch.id, batch.request.owner)


def montage_tile(result: ItemResult) -> MontageTile:
    """The montage tile of ``result``."""
    name = display_name(result)
    record = result.record
    if record is None:
        assert result.failure is not None
        return MontageTile(result.seq, name, error=result.failure.title)
    is_zoomed = record.transform in ("zoomed", "trimmed")
    return MontageTile(
        result.seq,
        name,
        record.verdict,
        record.outcome,
        record.llr,
        record.thumbnail,
        record.eyes,
        note=str(record.transform) if is_zoomed and record.llr > 0 else "",
    )


def cohort_notes(batch: Batch) -> tuple[str, ...]:
    """A sentence about the list's concentration on a template, for a heading."""
    text = concentration_text(batch.cohort or {})
    return () if text is None else (f"Faces in a template: {text}.",)


def _require_results(batch: Batch) -> int:
    """How many items have a result; raises ``NotYet`` if none has."""
    result_count = batch.completed + batch.failed
    if result_count == 0:
        raise NotYet("No picture of this list has been analyzed yet; ask again when one has.")
    return result_count
