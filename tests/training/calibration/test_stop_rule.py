"""Where an analysis may stop, chosen from made-up scores."""

from __future__ import annotations

from collections.abc import Sequence

from app.calibration.file import StopEntry
from app.calibration.fusion import (
    EYE_ALIGNMENT_NAME,
    FINE_TEXTURE_NAME,
    TEXTURE_NAME,
    StopRule,
)
from app.evidence import Outcome, Verdict
from app.training.calibration.stop_rule import FAR_EYE_LLR, TEXTURE_LLRS, choose_stop
from app.training.corpus import ManifestRow
from app.training.evaluation.scoring import ScoredPicture
from app.training.measure import MeasuredPicture
from tests.likelihood_ratios import make_ratios
from tests.training.made_measurements import generated_row, real_row

Case = tuple[ManifestRow, float, float, float, float, float]
"""A picture's row, the llr of its eyes, its texture and that at full detail, its total in full and
under a rule."""


def make_case(
    texture: float = -0.8,
    full: float = -2.0,
    short: float = -2.2,
    eyes: float = -1.65,
    fine_texture: float = 0.4,
) -> Case:
    return real_row(), eyes, texture, fine_texture, full, short


def choose(
    *cases: Case, is_certain: bool = True, teeth: tuple[float, float] | str = (0.0, -0.3)
) -> StopEntry | None:
    pictures = [
        MeasuredPicture(row, (), 1.0, str(i), is_orientation_certain=is_certain)
        for i, (row, *_) in enumerate(cases)
    ]

    def score(
        chosen: Sequence[MeasuredPicture], rule: StopRule | None
    ) -> tuple[ScoredPicture, ...]:
        return tuple(make_score(cases[int(m.no_face_outcome)], rule, teeth) for m in chosen)

    return choose_stop(pictures, score)


def make_score(
    case: Case, rule: StopRule | None, teeth: tuple[float, float] | str
) -> ScoredPicture:
    row, eyes, texture, fine_texture, full, short = case
    checks: dict[str, tuple[float, float] | str] = {
        EYE_ALIGNMENT_NAME: (0.0, eyes),
        TEXTURE_NAME: (0.0, texture),
        FINE_TEXTURE_NAME: (0.0, fine_texture),
        "teeth": teeth,
    }
    ratios = make_ratios(full if rule is None else short)
    return ScoredPicture(row, Outcome.SCORED, Verdict.INCONCLUSIVE, ratios, checks, 1.0)


def test_the_rule_states_what_stops_and_what_the_rest_would_have_changed() -> None:
    near = make_case(eyes=1.0, full=0.5, short=0.5)
    drawn = make_case(texture=0.4, full=-0.5, short=-1.1)
    cut = (generated_row(), -1.6, -0.1, 0.4, -1.5, -1.4)
    stop = choose(make_case(), make_case(full=-2.5), near, drawn, cut)
    assert stop is not None
    assert (stop.eye_llr, stop.texture_llr) == (FAR_EYE_LLR, TEXTURE_LLRS[0])
    assert (stop.pictures, stop.generated, stop.ordinary_share) == (3, 1, 0.5)
    assert (stop.highest_llr, stop.largest_change, stop.exceptions) == (-1.4, 0.3, 0)
    assert stop.both_llr is None


def test_a_verdict_that_would_change_lowers_the_bound() -> None:
    for full, short in ((-0.9, -1.5), (-1.5, -0.9)):
        stop = choose(make_case(), make_case(texture=-0.3, full=full, short=short))
        assert stop is not None
        assert stop.texture_llr == TEXTURE_LLRS[2]
        assert stop.pictures == 1


def test_among_a_thousand_that_stop_one_may_look_drawn_in_its_details() -> None:
    usual, odd = make_case(), make_case(full=-0.9)
    stop = choose(*[usual] * 999, odd)
    assert stop is not None
    assert (stop.pictures, stop.exceptions) == (1000, 1)
    assert choose(*[usual] * 998, odd) is None
    assert choose(*[usual] * 999, make_case(short=-0.9)) is None


def test_where_texture_is_less_clear_that_at_full_detail_may_decide() -> None:
    cases = (
        make_case(),
        make_case(texture=-0.1, full=-0.5),
        make_case(texture=-0.1, fine_texture=-0.2),
        make_case(texture=0.1, fine_texture=-2.0),
    )
    stop = choose(*cases)
    assert stop is not None
    assert (stop.texture_llr, stop.both_llr) == (TEXTURE_LLRS[1], TEXTURE_LLRS[0])
    assert stop.pictures == 2


def test_where_every_bound_changes_a_verdict_nothing_stops() -> None:
    assert choose(make_case(), make_case(texture=-3.0, full=-0.2)) is None


def test_where_no_picture_stops_there_is_no_rule() -> None:
    assert choose() is None
    assert choose(make_case(eyes=2.0, full=1.5)) is None


def test_a_face_of_uncertain_orientation_proves_nothing() -> None:
    assert choose(make_case(full=0.0, short=0.0), is_certain=False) is None


def test_a_face_that_no_other_check_could_measure_proves_nothing() -> None:
    """Nothing is left to look at, whatever its llr."""
    assert choose(make_case(full=-0.4, short=-0.4), teeth="too_small") is None
