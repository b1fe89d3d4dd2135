"""The drawing as SVG: well-formed whatever strangers call themselves, and the same every time."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

from app.cohort.network.layout import lay_out_network
from app.render.network.network_svg import write_svg
from app.render.network.scene import EDGE_STROKE
from tests.cohort.network.made_lists import make_planted_list, network_of
from tests.render.network.test_graph_files import HOSTILE

SVG = "{http://www.w3.org/2000/svg}"


def test_an_svg_holds_a_point_for_each_account_and_nothing_that_runs() -> None:
    network = network_of(make_planted_list(60))
    names = (f"<script>alert(1)</script>{HOSTILE}", *network.accounts.names[1:])
    network = replace(network, accounts=replace(network.accounts, names=names))
    layout = lay_out_network(network)
    svg = write_svg(network, layout, "Accounts of <b>")
    assert svg == write_svg(network, layout, "Accounts of <b>")
    root = ElementTree.fromstring(svg)  # noqa: S314 our own
    tags = {element.tag.removeprefix(SVG) for element in root.iter()}
    assert tags == {"svg", "title", "rect", "path", "g", "circle", "polygon", "text"}
    points = [e for e in root.iter() if e.find(f"{SVG}title") is not None and e is not root]
    assert len(points) == len(network.accounts)
    shown = [str(e.findtext(f"{SVG}title")) for e in points]
    assert any(name.startswith("<script>") for name in shown)
    assert "\u202e" not in "".join(shown)
    strokes = {e.attrib["stroke"] for e in root.iter(f"{SVG}path")}
    assert len(strokes) == len(EDGE_STROKE) - 1  # no line was brought
