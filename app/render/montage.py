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

from app.cohort.number_text import pluralize
from app.evidence import SCOPE, Verdict
from app.face.alignment import Box
from app.render import analysis_text, shapes
from app.render.eye_lines import draw_eye_lines, draw_iris_ticks
from app.render.eye_template import EyeTemplate
from app.render.lettering import write_rows
from app.render.montage_tile import CELL_PX, MontageTile, draw_tile, write_captions
from app.render.png import encode_png
from app.render.shapes import Canvas
from app.render.style import (
    PAPER,
    SURROUND,
    VERDICT_COLOUR,
    VERDICT_DOT_SHAPE,
)
from app.render.text_layout import (
    BODY,
    SMALL,
    TITLE,
    Painter,
    PlacedRow,
    TextRow,
    stack_rows,
)

DEFAULT_TILES_PER_PAGE: Final = 60
MAX_TILES_PER_PAGE: Final = 300
MIN_COLUMNS: Final = 10
"""Fewer tiles than this leave room at the right: the heading needs the width."""
MARGIN_PX: Final = 32

_GUTTER_PX: Final = 62
_SYMBOL_PX: Final = (48, 32)
_SYMBOL_TEMPLATE: Final = EyeTemplate("symbol", ((0.3, 0.5), (0.7, 0.5)))


@dataclass(frozen=True)
class MontageHeader:
    """Which page this is, and of what. ``first_position``: the place of its first tile, 1 or more.

    ``order``: how the tiles are sorted, in words ("highest llr first"). ``verdicts``, ``failed``:
    how many of the whole list there are of each. ``notes``: further sentences for the heading.
    """

    title: str
    page: int
    pages: int
    first_position: int
    total: int
    order: str
    verdicts: Mapping[str, int] = field(default_factory=dict)
    failed: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class MontageLayout:
    """Where a page's parts go, px; ``size`` is (width, height)."""

    size: tuple[int, int]
    rows: tuple[PlacedRow, ...]
    columns: int
    tiles_top: int

    def cell(self, number: int) -> tuple[int, int]:
        """Left top corner of the tile at ``number``, 0 or more."""
        row, column = divmod(number, self.columns)
        return MARGIN_PX + column * CELL_PX[0], self.tiles_top + row * CELL_PX[1]


def draw_montage(
    tiles: Iterable[MontageTile], header: MontageHeader, template: EyeTemplate | None
) -> bytes:
    """One page as PNG bytes; the same input gives the same bytes.

    ``template``: whose lines are drawn through every avatar; ``None`` draws no lines.
    Raises ``ValueError`` for more than 300 tiles, before a single one is drawn.
    """
    shown = tuple(itertools.islice(tiles, MAX_TILES_PER_PAGE + 1))
    if len(shown) > MAX_TILES_PER_PAGE:
        raise ValueError(f"a page holds {MAX_TILES_PER_PAGE} avatars at most")
    layout = lay_out_montage(len(shown), header, template)
    width, height = layout.size
    canvas = shapes.make_canvas(width, height, PAPER)
    for row in layout.rows:
        if row.row.symbol and row.symbol:
            row.row.symbol(canvas, row.symbol)
    for number, tile in enumerate(shown):
        draw_tile(canvas, layout.cell(number), tile, template)
    for number, tile in enumerate(shown):
        write_captions(canvas, layout.cell(number), tile)
    write_rows(canvas, layout.rows)
    return encode_png(canvas)


def lay_out_montage(
    count: int, header: MontageHeader, template: EyeTemplate | None
) -> MontageLayout:
    """A heading over ``count`` tiles in rows, somewhat wider than tall, small print below."""
    columns = max(MIN_COLUMNS, math.ceil(math.sqrt(1.3 * count)))
    right = MARGIN_PX + columns * CELL_PX[0]
    middle = MARGIN_PX + (right - MARGIN_PX) * 0.58
    heading = stack_rows(
        _heading_rows(count, header), Box(MARGIN_PX, MARGIN_PX, middle, MARGIN_PX), _GUTTER_PX
    )
    legend = stack_rows(
        _legend_rows(template), Box(middle + MARGIN_PX, MARGIN_PX, right, MARGIN_PX), _GUTTER_PX
    )
    top = round(max(heading[-1].bottom, legend[-1].bottom)) + 26
    bottom = top + math.ceil(count / columns) * CELL_PX[1] + 8
    footer = stack_rows(_footer_rows(), Box(MARGIN_PX, bottom, right, bottom), _GUTTER_PX)
    size = right + MARGIN_PX, round(footer[-1].bottom) + MARGIN_PX
    return MontageLayout(size, (*heading, *legend, *footer), columns, top)


def _heading_rows(count: int, header: MontageHeader) -> Iterator[TextRow]:
    yield TextRow(header.title, TITLE)
    yield TextRow(_page_text(count, header))
    yield TextRow(
        analysis_text.verdict_counts_text(header.verdicts, header.failed), space_above_px=2
    )
    for note in header.notes:
        yield TextRow(note, space_above_px=2)
    yield TextRow(
        "Avatars as they are, none aligned. Where the eyes of many lie on one place of their own "
        "accord, the pictures share one frame.",
        SMALL,
        space_above_px=8,
    )


def _page_text(count: int, header: MontageHeader) -> str:
    page = f"Page {header.page:,} of {max(header.pages, 1):,}"
    if count == 0:
        return f"{page}: no avatar to show"
    last = header.first_position + count - 1
    total = pluralize(header.total, "avatar")
    return f"{page}: {header.first_position:,} to {last:,} of {total}, {header.order}"


def _legend_rows(template: EyeTemplate | None) -> Iterator[TextRow]:
    if template is not None:
        yield _legend_row(
            _draw_lines_symbol,
            f"lines meet where the {template.name} template puts the irises: same in every tile",
        )
        yield _legend_row(_draw_ticks_symbol, "ticks at the edges: the irises as measured")
    for verdict in Verdict:
        yield _legend_row(
            _verdict_dot_painter(verdict),
            f"{analysis_text.VERDICT_LABEL[verdict]}{_VERDICT_LEGEND_SUFFIX[verdict]}",
        )


_VERDICT_LEGEND_SUFFIX: Final = {
    Verdict.LIKELY_STYLEGAN: " (thick frame); the number is the llr",
    Verdict.INCONCLUSIVE: "",
    Verdict.UNLIKELY_STYLEGAN: " to be StyleGAN-generated",
    Verdict.NOT_APPLICABLE: ": no face, too small, no photograph",
}


def _footer_rows() -> Iterator[TextRow]:
    yield TextRow(SCOPE, SMALL)
    yield TextRow(analysis_text.NOT_THE_ACCOUNT, SMALL, space_above_px=2)


def _legend_row(painter: Painter, text: str) -> TextRow:
    return TextRow(text, BODY, painter, _SYMBOL_PX, space_above_px=3)


def _draw_lines_symbol(canvas: Canvas, box: Box) -> None:
    shapes.fill_box(canvas, box, SURROUND)
    draw_eye_lines(canvas, box, _SYMBOL_TEMPLATE)


def _draw_ticks_symbol(canvas: Canvas, box: Box) -> None:
    shapes.fill_box(canvas, box, SURROUND)
    draw_iris_ticks(canvas, box, _SYMBOL_TEMPLATE.centres)


def _verdict_dot_painter(verdict: Verdict) -> Painter:
    return lambda canvas, box: shapes.draw_dot(
        canvas, shapes.box_centre(box), 6.0, VERDICT_COLOUR[verdict], VERDICT_DOT_SHAPE[verdict], ()
    )
