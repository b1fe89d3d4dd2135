"""A network as SVG: the drawing of ``network_picture``, to be enlarged and searched.

No script, no style sheet, nothing from elsewhere; names come from strangers and are escaped.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from xml.sax.saxutils import escape

import numpy as np

from app.arrays import FloatArray
from app.cohort.network.layout import NetworkLayout
from app.cohort.network.model import ALL_KINDS, EdgeKind, Network
from app.render import shapes
from app.render.html import shorten_middle
from app.render.network.graph_files import clean_text
from app.render.network.scene import EDGE_STROKE, LABEL, NODE_STYLE, NetworkScene, build_scene
from app.render.style import FAINT_INK, INK, PAPER, RULE, Colour
from app.render.text_layout import BODY, PlacedRow

_FONT: Final = "Aileron, Helvetica, Arial, sans-serif"
_LABEL_CHARS: Final = 18
_CORNERS: Final = {
    "diamond": ((0.0, -1.3), (1.3, 0.0), (0.0, 1.3), (-1.3, 0.0)),
    "square": ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)),
}


def write_svg(network: Network, layout: NetworkLayout, title: str) -> bytes:
    """SVG 1.1, UTF-8; the same network gives the same bytes."""
    return "".join(_svg_parts(network, layout, title)).encode()


def _svg_parts(network: Network, layout: NetworkLayout, title: str) -> Iterator[str]:
    scene = build_scene(network, layout, title)
    width, height = scene.size
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" font-family="{_FONT}">\n<title>{_text(title)}</title>\n'
        f'<rect width="{width}" height="{height}" fill="{_hex(PAPER)}"/>\n'
    )
    yield from _lines(scene)
    yield '<g stroke="#ffffff" stroke-width="0.8">\n'
    for index in np.flatnonzero(scene.is_drawn).tolist():
        name = network.accounts.names[index]
        yield _node(scene.points[index], scene.radius_px, int(scene.styles[index]), name)
    yield "</g>\n"
    for x, y, radius, text in scene.discs:
        yield (
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{_hex(RULE)}" '
            f'stroke="{_hex(FAINT_INK)}" stroke-width="2"/>\n'
        )
        yield _words(x, y, text, BODY.size_px, INK, "middle")
    for x, y, text in scene.labels:
        shown = shorten_middle(text, _LABEL_CHARS)
        yield _words(x, y, shown, LABEL.size_px, INK, "middle", halo=True)
    for row, subject in scene.legend:
        yield from _symbol(row, subject)
    for row in (*scene.rows, *(row for row, _ in scene.legend)):
        yield from _row(row)
    yield "</svg>\n"


def _lines(scene: NetworkScene) -> Iterator[str]:
    """One path a kind: a million characters less than a line for each."""
    for code, kind in enumerate(ALL_KINDS):
        chosen = scene.ends[scene.edges[scene.kinds[scene.edges] == code]]
        if len(chosen):
            steps = (f"M{a:.1f} {b:.1f}L{c:.1f} {d:.1f}" for (a, b), (c, d) in chosen.tolist())
            yield f'<path d="{"".join(steps)}" {_stroke(kind, scene.is_dashed)}/>\n'


def _stroke(kind: EdgeKind, is_dashed: bool) -> str:
    stroke = EDGE_STROKE[kind]
    dash = " ".join(f"{length:g}" for length in stroke.dash_px) if is_dashed else ""
    dash_text = f' stroke-dasharray="{dash}"' if dash else ""
    width = stroke.width_px if is_dashed else 1
    return f'fill="none" stroke="{_hex(stroke.colour)}" stroke-width="{width}"{dash_text}'


def _node(point: FloatArray, radius: float, style: int, name: str) -> str:
    colour, shape, _ = NODE_STYLE[style]
    x, y = point.tolist()
    title = f"<title>{_text(name)}</title>" if name else ""
    if shape == "disc":
        return (
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{_hex(colour)}">{title}'
            "</circle>\n"
        )
    corners = " ".join(f"{x + radius * a:.1f},{y + radius * b:.1f}" for a, b in _CORNERS[shape])
    return f'<polygon points="{corners}" fill="{_hex(colour)}">{title}</polygon>\n'


def _symbol(row: PlacedRow, subject: EdgeKind | int) -> Iterator[str]:
    assert row.symbol is not None
    middle = shapes.box_centre(row.symbol)
    if isinstance(subject, EdgeKind):
        left, right, y = row.symbol.left, row.symbol.right, middle[1]
        yield f'<path d="M{left:.1f} {y:.1f}L{right:.1f} {y:.1f}" {_stroke(subject, True)}/>\n'
    else:
        yield _node(middle, 6.5, subject, "")


def _row(row: PlacedRow) -> Iterator[str]:
    style = row.row.style
    for number, line in enumerate(row.lines):
        y = row.text.top + (number + 0.5) * style.line_px
        yield _words(row.text.left, y, line, style.size_px, style.colour, "start")


def _words(
    x: float, y: float, text: str, size_px: int, colour: Colour, anchor: str, *, halo: bool = False
) -> str:
    outline = ' stroke="#ffffff" stroke-width="4" paint-order="stroke"' if halo else ""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size_px}" fill="{_hex(colour)}" '
        f'text-anchor="{anchor}" dominant-baseline="middle"{outline}>{_text(text)}</text>\n'
    )


def _text(text: str) -> str:
    return escape(clean_text(text))


def _hex(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
