"""The panel: careful words, and boxes that neither overflow nor overlap."""

import itertools
import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from app.evidence import Analysis, Evidence, Match, Outcome, Reason, Unmeasurable, Verdict
from app.face.alignment import Box
from app.face.face import Face
from app.render import analysis_text
from app.render.overlay.overlay import lay_out_canvas
from app.render.text_layout import TextRow, text_width_px

MakeAnalysis = Callable[..., Analysis]
DrawPixels = Callable[..., NDArray[np.int64]]


def sheet_rows(analysis: Analysis) -> list[TextRow]:
    """Every row of text on the sheet."""
    return [placed.row for placed in lay_out_canvas(analysis).rows]


class TestPanel:
    def test_every_outcome_and_verdict_can_be_drawn_and_minds_its_words(
        self,
        make_analysis: MakeAnalysis,
        make_faceless_analysis: MakeAnalysis,
        make_match: Callable[..., Match],
        draw_pixels: DrawPixels,
    ) -> None:
        analyses = [
            replace(make_analysis(match=make_match((400, 400)), llr=llr), verdict=verdict)
            for verdict in (Verdict.LIKELY_STYLEGAN, Verdict.INCONCLUSIVE)
            for llr in (-9.0, -1.5, 0.0, 0.2, 14.0)
        ]
        analyses += [make_faceless_analysis(o) for o in Outcome if o is not Outcome.SCORED]
        analyses += [replace(make_analysis(), verdict=Verdict.UNLIKELY_STYLEGAN)]
        for analysis in analyses:
            assert draw_pixels(analysis).size
            texts = " ".join(row.text for row in sheet_rows(analysis))
            assert not re.search(r"\b(fake|real|bot|genuine|authentic)\b", texts, re.IGNORECASE)
            assert "Silent about diffusion models" in texts

    def test_it_says_what_was_found(
        self,
        make_analysis: MakeAnalysis,
        make_match: Callable[..., Match],
        make_evidence: Callable[..., Evidence],
    ) -> None:
        silent = replace(
            make_evidence("teeth", summary=""), measurement=Unmeasurable(Reason.TOO_SMALL)
        )
        analysis = make_analysis(
            match=make_match((400, 400), Box(-50.0, -50.0, 450.0, 450.0), distance=0.84),
            evidence=(
                make_evidence("eye_alignment", summary="both eyes lie there", llr=3.2),
                silent,
            ),
            warnings=("several_faces", "some_new_code"),
        )
        texts = [row.text for row in sheet_rows(analysis)]
        for sentence in (
            "Likely StyleGAN",
            "llr +3.2 (95 % interval +2.9 to +3.4)",
            "1 · Eye alignment: llr +3.2. Both eyes lie there.",
            "2 · Teeth: not measured, too small.",
            "Probability at the base rate, where 0.05\u00a0% of avatars are generated: 44\u00a0%. "
            "The llr alone is no probability.",
            "Closest template: ffhq, zoomed in 1.25 times; 0.8 standard deviations away.",
            "Note: several faces. Each was scored; the result is that of the face with marked "
            "irises.",
            "Note: some new code.",
            "the picture's own frame (400 x 400 px)",
        ):
            assert sentence in texts

    def test_several_checks_are_no_sum(
        self, make_analysis: MakeAnalysis, make_evidence: Callable[..., Evidence]
    ) -> None:
        one, other = make_evidence("eye_alignment"), make_evidence("texture")
        for evidence, is_stated in (((one,), False), ((one, other), True)):
            texts = [row.text for row in sheet_rows(make_analysis(evidence=evidence))]
            assert (analysis_text.NOT_A_SUM in texts) is is_stated

    def test_a_reason_is_told_in_words(
        self, make_analysis: MakeAnalysis, make_evidence: Callable[..., Evidence]
    ) -> None:
        silent = replace(
            make_evidence("teeth", summary="not measured: mouth_closed"),
            measurement=Unmeasurable(Reason.MOUTH_CLOSED),
        )
        texts = [row.text for row in sheet_rows(make_analysis(evidence=(silent,)))]
        assert "1 · Teeth: not measured, mouth closed." in texts

    def test_long_texts_stay_in_their_boxes(
        self,
        make_analysis: MakeAnalysis,
        make_match: Callable[..., Match],
        make_evidence: Callable[..., Evidence],
        draw_pixels: DrawPixels,
    ) -> None:
        wordy = make_analysis(
            match=make_match((400, 400), Box(-9.0, -9.0, 409.0, 409.0)),
            evidence=tuple(
                make_evidence(f"check_{i}" * 9, summary="supercalifragilistic " * (8 * i))
                for i in range(7)
            ),
            warnings=("x" * 400, "many short words " * 60, "漢字 ž \n\t ≥ 3"),
        )
        assert_no_overlap(wordy)
        pixels = draw_pixels(wordy)
        edges = pixels[:, -20:], pixels[-20:]
        assert all((edge == 255).all() for edge in edges)


def assert_no_overlap(analysis: Analysis) -> None:
    """Every box lies on the canvas, the panel's beside the image, the others below, all apart."""
    layout = lay_out_canvas(analysis)
    boxes = [
        box
        for row in layout.rows
        for box in (row.text if row.lines else None, row.symbol)
        if box is not None
    ]
    boxes += [card.picture_box for card in layout.cards]
    for box in boxes:
        assert 0 < box.left <= box.right <= layout.size[0]
        assert 0 <= box.top < box.bottom <= layout.size[1]
    for row in layout.panel:
        assert layout.overlay.area.right < row.text.left
        assert row.bottom <= layout.overlay.area.bottom
    below = [card.picture_box for card in layout.cards] + [row.text for row in layout.footer]
    assert all(box.top >= layout.overlay.area.bottom for box in below)
    for one, other in itertools.combinations(boxes, 2):
        aside = one.right <= other.left or other.right <= one.left
        assert aside or one.bottom <= other.top + 2 or other.bottom <= one.top + 2
    for row in layout.rows:
        for line in row.lines:
            assert text_width_px(line, row.row.style) <= row.text.width
    avatar, area = layout.overlay.avatar, layout.overlay.area
    assert area.left < avatar.left < avatar.right < area.right
    assert area.top < avatar.top < avatar.bottom < area.bottom


sides = st.integers(1, 2000)
coordinates = st.floats(-1e5, 1e5)


@given(
    width=sides,
    height=sides,
    summary=st.text(max_size=300),
    warnings=st.lists(st.text(max_size=80), max_size=4),
)
@settings(max_examples=60, deadline=None)
def test_any_size_and_any_text_is_laid_out_tidily(
    width: int,
    height: int,
    summary: str,
    warnings: list[str],
    make_analysis: MakeAnalysis,
    make_match: Callable[..., Match],
    make_evidence: Callable[..., Evidence],
    ordinary_face: Face,
) -> None:
    evidence = (make_evidence("check", summary=summary),)
    size = (width, height)
    assert_no_overlap(
        make_analysis(size, (ordinary_face,), make_match(size), evidence, tuple(warnings))
    )
