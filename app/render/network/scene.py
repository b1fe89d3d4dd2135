"""What a drawing of a network is made of, in px: the same for PNG and for SVG.

Each kind of line has a colour and a dash of its own, each sort of account a colour and a shape. A
component too large to be looked at line by line is drawn as one disc with its number of accounts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from app.arrays import BoolArray, FloatArray, Int64Array
from app.cohort.network.layout import NetworkLayout
from app.cohort.network.model import ALL_KINDS, EdgeKind, Network
from app.cohort.network.text import DOES_NOT_SHOW, SHOWS, heading_sentence
from app.cohort.number_text import pluralize
from app.face.alignment import Box
from app.render.style import (
    BLUE,
    BLUISH_GREEN,
    FAINT_INK,
    INK,
    REDDISH_PURPLE,
    SKY_BLUE,
    VERMILLION,
    Colour,
    DotShape,
    Stroke,
)
from app.render.text_layout import BODY, SMALL, TITLE, PlacedRow, TextRow, TextStyle, stack_rows

EDGE_STROKE: Final = {
    EdgeKind.PICTURE: Stroke(BLUE, 2),
    EdgeKind.BURST: Stroke(REDDISH_PURPLE, 2, (9.0, 6.0)),
    EdgeKind.NAME: Stroke(BLUISH_GREEN, 2, (2.0, 5.0)),
    EdgeKind.OWN: Stroke(FAINT_INK, 1, (12.0, 5.0, 2.0, 5.0)),
}
NODE_STYLE: Final[tuple[tuple[Colour, DotShape, str], ...]] = (
    (VERMILLION, "diamond", "an account whose picture is flagged"),
    (SKY_BLUE, "disc", "another account with a scored face"),
    (INK, "square", "an account without a scored face"),
)
LABEL: Final = TextStyle(14, INK)
MAX_LABELS: Final = 60
"""Accounts up to which each is named in the drawing."""
MAX_DRAWN: Final = 20_000
"""Accounts that are drawn one by one; components beyond them are discs."""
MAX_COMPONENT: Final = 6_000
MAX_DASHED: Final = 20_000
"""Lines up to which dashes are drawn; beyond, colours alone."""
_MARGIN_PX: Final = 40
_FIELD_PX: Final = 1400
_SCALE_PX: Final = (3.0, 48.0)
_SYMBOL_PX: Final = (44, 26)
_GUTTER_PX: Final = 58
_LISTED_COMPONENTS: Final = 8
_NUMBERED: Final = 40


@dataclass(frozen=True, eq=False)
class NetworkScene:
    """``points`` (n, 2) px, ``styles`` (n,): places in ``NODE_STYLE``; ``is_drawn`` (n,).

    ``edges``: indices of the lines that are drawn. ``ends`` (m, 2, 2) px: of all of them.
    ``discs``: components drawn as one, as (x, y, radius, text). ``labels``: (x, y, text).
    ``legend``: rows with their symbol's subject: a kind of line, or a place in ``NODE_STYLE``.
    """

    size: tuple[int, int]
    points: FloatArray
    styles: Int64Array
    is_drawn: BoolArray
    radius_px: float
    edges: Int64Array
    ends: FloatArray
    kinds: Int64Array
    discs: tuple[tuple[float, float, float, str], ...]
    labels: tuple[tuple[float, float, str], ...]
    rows: tuple[PlacedRow, ...]
    legend: tuple[tuple[PlacedRow, EdgeKind | int], ...]

    @property
    def is_dashed(self) -> bool:
        return len(self.edges) <= MAX_DASHED


def build_scene(network: Network, layout: NetworkLayout, title: str) -> NetworkScene:
    """Heading and legend, the field, and below it the components and what chance would bring."""
    scale = float(np.clip(_FIELD_PX / layout.width, *_SCALE_PX))
    right = _MARGIN_PX + max(_FIELD_PX, round(layout.width * scale))
    middle = _MARGIN_PX + (right - _MARGIN_PX) * 0.62
    heading = stack_rows(
        (TextRow(title, TITLE), TextRow(heading_sentence(network)), TextRow(SHOWS, SMALL)),
        Box(_MARGIN_PX, _MARGIN_PX, middle, 0),
        0,
    )
    entries = list(_legend_entries(network))
    legend = stack_rows(
        [TextRow(text, BODY, lambda *_: None, _SYMBOL_PX, space_above_px=4) for _, text in entries],
        Box(middle + _MARGIN_PX, _MARGIN_PX, right, 0),
        _GUTTER_PX,
    )
    top = max(heading[-1].bottom, legend[-1].bottom) + 24
    left = _MARGIN_PX + max(0.0, (_FIELD_PX - layout.width * scale) / 2)
    origin = np.array([left, top])
    points = origin + layout.positions * scale
    centres, radii = origin + layout.centres * scale, layout.radii * scale
    is_disc = _choose_discs(network, layout)
    below = top + layout.height * scale + 16
    footer = stack_rows(_footer_rows(network), Box(_MARGIN_PX, below, right, 0), 0)
    is_drawn = ~is_disc[network.component_of]
    return NetworkScene(
        size=(right + _MARGIN_PX, round(footer[-1].bottom) + _MARGIN_PX),
        points=points,
        styles=_node_styles(network),
        is_drawn=is_drawn,
        radius_px=float(np.clip(0.2 * scale, 1.6, 6.5)),
        edges=np.flatnonzero(is_drawn[network.edges.source]),
        ends=_edge_ends(network, points, spread_px=min(3.0, 0.1 * scale)),
        kinds=network.edges.kind,
        discs=tuple(
            (*centres[i].tolist(), float(radii[i]), pluralize(len(c.nodes), "account"))
            for i, c in enumerate(network.components)
            if is_disc[i]
        ),
        labels=(*_numbers(centres, radii, is_disc), *_names(network, points, 0.3 * scale)),
        rows=(*heading, *footer),
        legend=tuple((row, subject) for row, (subject, _) in zip(legend, entries, strict=True)),
    )


def _choose_discs(network: Network, layout: NetworkLayout) -> BoolArray:
    """Which components are drawn as one disc: those too large, and all beyond the limit."""
    sizes = np.array([len(c.nodes) for c in network.components], dtype=np.int64)
    is_disc: BoolArray = layout.is_disc | (sizes > MAX_COMPONENT)
    drawn = np.cumsum(np.where(is_disc, 0, sizes))
    out: BoolArray = is_disc | (drawn > MAX_DRAWN)
    return out


def _node_styles(network: Network) -> Int64Array:
    accounts = network.accounts
    out: Int64Array = np.where(accounts.is_flagged, 0, np.where(accounts.has_face, 1, 2)).astype(
        np.int64
    )
    return out


def _edge_ends(network: Network, points: FloatArray, spread_px: float) -> FloatArray:
    """Both ends of each line; where several join the same accounts, they lie side by side."""
    edges = network.edges
    pairs = np.sort(np.stack([edges.source, edges.target], axis=1), axis=1)
    ends = points[pairs]
    _, pair, counts = np.unique(pairs, axis=0, return_inverse=True, return_counts=True)
    is_shared = counts[pair.ravel()] > 1
    along = ends[:, 1] - ends[:, 0]
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    across /= np.maximum(np.hypot(*across.T), 1e-9)[:, None]
    shift = (edges.kind - (len(ALL_KINDS) - 1) / 2.0) * spread_px * is_shared
    out: FloatArray = ends + (across * shift[:, None])[:, None, :]
    return out


def _legend_entries(network: Network) -> Iterator[tuple[EdgeKind | int, str]]:
    counts = np.bincount(network.edges.kind, minlength=len(ALL_KINDS))
    for kind, count in zip(ALL_KINDS, counts.tolist(), strict=True):
        if any(summary.kind is kind for summary in network.kinds):
            yield kind, f"{kind.label}: {pluralize(count, 'line')}"
    for place, (_, _, text) in enumerate(NODE_STYLE):
        yield place, text


def _footer_rows(network: Network) -> Iterator[TextRow]:
    for number, component in enumerate(network.components[:_LISTED_COMPONENTS], start=1):
        yield TextRow(f"{number}. {component.sentence}", BODY, space_above_px=4)
    more = len(network.components) - _LISTED_COMPONENTS
    if more > 0:
        yield TextRow(f"and {pluralize(more, 'smaller component')}.", BODY, space_above_px=4)
    for summary in network.kinds:
        text = " ".join((f"{summary.kind.label}: {summary.chance}", *summary.left_out))
        yield TextRow(text[0].upper() + text[1:], SMALL, space_above_px=8)
    for note in (*network.notes, DOES_NOT_SHOW):
        yield TextRow(note, SMALL, space_above_px=8)


def _numbers(
    centres: FloatArray, radii: FloatArray, is_disc: BoolArray
) -> Iterator[tuple[float, float, str]]:
    """The number of each of the larger components, at its upper left."""
    for index in range(min(len(radii), _NUMBERED)):
        reach = 0.78 * radii[index]
        x, y = (centres[index] - reach).tolist()
        if not is_disc[index] and radii[index] > 12.0:
            yield x, y, str(index + 1)


def _names(
    network: Network, points: FloatArray, drop_px: float
) -> Sequence[tuple[float, float, str]]:
    """The accounts' names below their points, in a small network."""
    if len(points) > MAX_LABELS:
        return ()
    rows = zip(points.tolist(), network.accounts.names, strict=True)
    return [(x, y + drop_px + LABEL.size_px / 2, name) for (x, y), name in rows]
