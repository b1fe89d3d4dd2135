"""The eye-position overlay montage: a list's avatars side by side, the template through each.

Avatars are shown as they are, never aligned by us: what is to be seen is whether their eyes lie in
one place of their own accord. One page holds 300 tiles at most and is drawn from thumbnails,
unpacked one at a time, so that a list of any length costs one page of memory.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from PIL import Image, ImageDraw

from app.evidence import SCOPE, Points, Verdict
from app.face.alignment import Box
from app.render import cohort_text, shapes
from app.render.eye_template import Template
from app.render.montage_tile import CELL_PX, Tile, draw_captions, draw_tile
from app.render.png import encode_png
from app.render.shapes import Canvas
from app.render.style import IRIS, PAPER, STAGE, TEMPLATE_EYE, VERDICT, VERDICT_DOT
from app.render.text_layout import BODY, SMALL, TITLE, Painter, PlacedRow, Row, draw_row, stack

PER_PAGE: Final = 60
MAX_PER_PAGE: Final = 300
MIN_COLUMNS: Final = 10
"""Fewer tiles than this leave room at the right: the heading needs the width."""
MARGIN_PX: Final = 32

_GUTTER_PX: Final = 50
_SYMBOL_PX: Final = (34, 30)


@dataclass(frozen=True)
class Sheet:
    """Which page this is, and of what. ``first``: the place of its first tile, 1 or more.

    ``order``: how the tiles are sorted, in words ("highest llr first"). ``verdicts``, ``failed``:
    how many of the whole list there are of each. ``notes``: further sentences for the heading.
    """

    title: str
    page: int
    pages: int
    first: int
    total: int
    order: str
    verdicts: Mapping[str, int] = field(default_factory=dict)
    failed: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Layout:
    """Where a page's parts go, px; ``size`` is (width, height)."""

    size: tuple[int, int]
    rows: tuple[PlacedRow, ...]
    columns: int
    top: int

    def cell(self, number: int) -> tuple[int, int]:
        """Left top corner of the tile at ``number``, 0 or more."""
        row, column = divmod(number, self.columns)
        return MARGIN_PX + column * CELL_PX[0], self.top + row * CELL_PX[1]


def draw_montage(tiles: Iterable[Tile], sheet: Sheet, template: Template) -> bytes:
    """One page as PNG bytes; the same input gives the same bytes.

    Raises ``ValueError`` for more than 300 tiles, before a single one is drawn.
    """
    shown = tuple(itertools.islice(tiles, MAX_PER_PAGE + 1))
    if len(shown) > MAX_PER_PAGE:
        raise ValueError(f"a page holds {MAX_PER_PAGE} avatars at most")
    plan = lay_out(len(shown), sheet, template)
    width, height = plan.size
    canvas: Canvas = np.full((height, width, 3), PAPER, dtype=np.uint8)
    for row in plan.rows:
        if row.row.symbol and row.symbol:
            row.row.symbol(canvas, row.symbol)
    for number, tile in enumerate(shown):
        draw_tile(canvas, plan.cell(number), tile, template)
    image = Image.fromarray(canvas)
    draw = ImageDraw.Draw(image)
    for number, tile in enumerate(shown):
        draw_captions(draw, plan.cell(number), tile)
    for row in plan.rows:
        draw_row(draw, row)
    return encode_png(np.asarray(image))


def lay_out(count: int, sheet: Sheet, template: Template) -> Layout:
    """A heading over ``count`` tiles in rows, somewhat wider than tall, small print below."""
    columns = max(MIN_COLUMNS, math.ceil(math.sqrt(1.3 * count)))
    right = MARGIN_PX + columns * CELL_PX[0]
    middle = MARGIN_PX + (right - MARGIN_PX) * 0.58
    heading = stack(
        _heading(count, sheet), Box(MARGIN_PX, MARGIN_PX, middle, MARGIN_PX), _GUTTER_PX
    )
    legend = stack(
        _legend(template), Box(middle + MARGIN_PX, MARGIN_PX, right, MARGIN_PX), _GUTTER_PX
    )
    top = round(max(heading[-1].bottom, legend[-1].bottom)) + 26
    bottom = top + math.ceil(count / columns) * CELL_PX[1] + 8
    print_ = stack(_small_print(), Box(MARGIN_PX, bottom, right, bottom), _GUTTER_PX)
    size = right + MARGIN_PX, round(print_[-1].bottom) + MARGIN_PX
    return Layout(size, (*heading, *legend, *print_), columns, top)


def _heading(count: int, sheet: Sheet) -> Iterator[Row]:
    yield Row(sheet.title, TITLE)
    yield Row(_which(count, sheet))
    yield Row(cohort_text.tally(sheet.verdicts, sheet.failed), space_above_px=2)
    for note in sheet.notes:
        yield Row(note, space_above_px=2)
    yield Row(
        "Avatars as they are, none aligned. Where many irises lie in the rings of their own "
        "accord, the pictures share one frame.",
        SMALL,
        space_above_px=8,
    )


def _which(count: int, sheet: Sheet) -> str:
    page = f"Page {sheet.page:,} of {max(sheet.pages, 1):,}"
    if count == 0:
        return f"{page}: no avatar to show"
    last = sheet.first + count - 1
    total = cohort_text.counted(sheet.total, "avatar")
    return f"{page}: {sheet.first:,} to {last:,} of {total}, {sheet.order}"


def _legend(template: Template) -> Iterator[Row]:
    yield _symbol(_ring, f"where the {template.name} template puts the irises: same in every tile")
    yield _symbol(_iris, "the irises as measured")
    for verdict in Verdict:
        yield _symbol(_dot(verdict), f"{cohort_text.WORD[verdict]}{_MEANT[verdict]}")


_MEANT: Final = {
    Verdict.LIKELY_GENERATED: " (thick frame); the number is the llr",
    Verdict.INCONCLUSIVE: "",
    Verdict.UNLIKELY_GENERATED: " to be StyleGAN-generated",
    Verdict.NOT_APPLICABLE: ": no face, too small, no photograph",
}


def _small_print() -> Iterator[Row]:
    yield Row(SCOPE, SMALL)
    yield Row(cohort_text.NOT_THE_ACCOUNT, SMALL, space_above_px=2)


def _symbol(painter: Painter, text: str) -> Row:
    return Row(text, BODY, painter, _SYMBOL_PX, space_above_px=3)


def _ring(canvas: Canvas, box: Box) -> None:
    shapes.fill_box(canvas, box, STAGE)
    shapes.crosshair_ring(canvas, _middle(box), 9.0, TEMPLATE_EYE, shapes.SLIM)


def _iris(canvas: Canvas, box: Box) -> None:
    shapes.fill_box(canvas, box, STAGE)
    shapes.dot(canvas, _middle(box), 2.4, IRIS, "disc", shapes.SLIM)


def _dot(verdict: Verdict) -> Painter:
    return lambda canvas, box: shapes.dot(
        canvas, _middle(box), 6.0, VERDICT[verdict], VERDICT_DOT[verdict], ()
    )


def _middle(box: Box) -> Points:
    return np.array([(box.left + box.right) / 2, (box.top + box.bottom) / 2])
