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
from app.render.overlay.overlay import plan_overlay
from app.render.overlay.overlay_panel import panel_rows
from app.render.text_layout import width_px

Say = Callable[..., Analysis]
Draw = Callable[..., NDArray[np.int64]]


class TestPanel:
    def test_every_outcome_and_verdict_can_be_drawn_and_minds_its_words(
        self, said_of: Say, without_face: Say, matched: Callable[..., Match], drawn: Draw
    ) -> None:
        analyses = [
            replace(said_of(match=matched((400, 400)), llr=llr), verdict=verdict)
            for verdict in (Verdict.LIKELY_GENERATED, Verdict.INCONCLUSIVE)
            for llr in (-9.0, -1.5, 0.0, 0.2, 14.0)
        ]
        analyses += [without_face(o) for o in Outcome if o is not Outcome.SCORED]
        analyses += [replace(said_of(), verdict=Verdict.UNLIKELY_GENERATED)]
        for analysis in analyses:
            assert drawn(analysis).size
            said = " ".join(row.text for row in panel_rows(analysis))
            assert not re.search(r"\b(fake|real|bot|genuine|authentic)\b", said, re.IGNORECASE)
            assert "Silent about diffusion models" in said

    def test_it_says_what_was_found(
        self, said_of: Say, matched: Callable[..., Match], testimony: Callable[..., Evidence]
    ) -> None:
        silent = replace(testimony("teeth", summary=""), measured=Unmeasurable(Reason.TOO_SMALL))
        analysis = said_of(
            match=matched((400, 400), Box(-50.0, -50.0, 450.0, 450.0), distance=0.84),
            evidence=(testimony("eye_alignment", summary="both eyes lie there", llr=3.2), silent),
            warnings=("several_faces", "some_new_code"),
        )
        said = [row.text for row in panel_rows(analysis)]
        for sentence in (
            "Likely generated",
            "llr +3.2 (95 % interval +2.9 to +3.4)",
            "Eye alignment: llr +3.2",
            "Both eyes lie there.",
            "Teeth: not measured",
            "Reason: too small.",
            "Closest template: ffhq, zoomed in 1.25 times; 0.8 standard deviations away.",
            "Note: several faces. Each was weighed; the one with marked irises answers.",
            "Note: some new code.",
            "the picture's own frame (400 x 400 px)",
        ):
            assert sentence in said

    def test_several_checks_are_no_sum(
        self, said_of: Say, testimony: Callable[..., Evidence]
    ) -> None:
        one, other = testimony("eye_alignment"), testimony("texture")
        for evidence, told in (((one,), False), ((one, other), True)):
            said = [row.text for row in panel_rows(said_of(evidence=evidence))]
            assert (analysis_text.NOT_A_SUM in said) is told

    def test_a_reason_is_told_in_words(
        self, said_of: Say, testimony: Callable[..., Evidence]
    ) -> None:
        silent = replace(
            testimony("teeth", summary="not measured: mouth_closed"),
            measured=Unmeasurable(Reason.MOUTH_CLOSED),
        )
        said = [row.text for row in panel_rows(said_of(evidence=(silent,)))]
        assert "Not measured: mouth closed." in said

    def test_long_texts_stay_in_their_boxes(
        self,
        said_of: Say,
        matched: Callable[..., Match],
        testimony: Callable[..., Evidence],
        drawn: Draw,
    ) -> None:
        wordy = said_of(
            match=matched((400, 400), Box(-9.0, -9.0, 409.0, 409.0)),
            evidence=tuple(
                testimony(f"check_{i}" * 9, summary="supercalifragilistic " * (8 * i))
                for i in range(7)
            ),
            warnings=("x" * 400, "many short words " * 60, "漢字 ž \n\t ≥ 3"),
        )
        assert_tidy(wordy)
        plan = plan_overlay(wordy)
        shown = drawn(wordy)
        edges = shown[:, -20:], shown[-20:, int(plan.stage.area.right) :]
        assert all((edge == 255).all() for edge in edges)


def assert_tidy(analysis: Analysis) -> None:
    """Every box of the panel lies on the canvas, beside the stage, and apart from the others."""
    plan = plan_overlay(analysis)
    boxes = [
        box
        for row in plan.rows
        for box in (row.text if row.lines else None, row.symbol)
        if box is not None
    ]
    for box in boxes:
        assert plan.stage.area.right < box.left <= box.right <= plan.size[0]
        assert 0 <= box.top < box.bottom <= plan.size[1]
    for one, other in itertools.combinations(boxes, 2):
        aside = one.right <= other.left or other.right <= one.left
        assert aside or one.bottom <= other.top + 2 or other.bottom <= one.top + 2
    for row in plan.rows:
        for line in row.lines:
            assert width_px(line, row.row.style) <= row.text.width
    avatar, area = plan.stage.avatar, plan.stage.area
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
    said_of: Say,
    matched: Callable[..., Match],
    testimony: Callable[..., Evidence],
    ordinary: Face,
) -> None:
    evidence = (testimony("check", summary=summary),)
    size = (width, height)
    assert_tidy(said_of(size, (ordinary,), matched(size), evidence, tuple(warnings)))
