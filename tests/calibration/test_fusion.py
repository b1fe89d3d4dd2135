import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.calibration.file import StopEntry
from app.calibration.fusion import (
    EYE_ALIGNMENT_NAME,
    FINE_TEXTURE_NAME,
    FIRST_CHECKS,
    KNEE,
    SECOND_CHECKS,
    STAMP_NAME,
    TEXTURE_NAME,
    Fusion,
    StopRule,
    build_fusion,
    mixture_llr,
    soft_clip,
)
from app.calibration.scale import LlrEstimate
from tests.synthetic_faces import make_eyes_only_fusion, make_line_entry

llrs = st.floats(-6.0, 6.0)
shares = st.floats(0.001, 0.5)
BOUNDS = (-3.0, 3.5)
PIXELS = ("texture", "teeth")


def make_fusion(**changes: Any) -> Fusion:
    fields: dict[str, Any] = {
        "framed_share": 0.02,
        "weights": {"texture": 0.8, "teeth": 0.5},
        "offset": 0.1,
    }
    return build_fusion(make_eyes_only_fusion(**fields | changes))


def eyes_only_llr(fused: Fusion, llr: float) -> float:
    return fused.total_llr({EYE_ALIGNMENT_NAME: llr})


def make_estimate(llr: float, half_width: float = 0.0) -> LlrEstimate:
    return LlrEstimate(llr, (llr - half_width, llr + half_width))


# Bounds


@given(llrs, llrs)
def test_bent_ascends_strictly_and_stays_within_bounds(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert BOUNDS[0] < soft_clip(low, BOUNDS) <= soft_clip(high, BOUNDS) < BOUNDS[1]
    if high - low > 1e-6:
        assert soft_clip(low, BOUNDS) < soft_clip(high, BOUNDS)


@given(st.floats(-1e6, 1e6))
def test_bent_never_leaves_the_bounds(llr: float) -> None:
    assert BOUNDS[0] <= soft_clip(llr, BOUNDS) <= BOUNDS[1]


@given(st.floats(BOUNDS[0] + KNEE, BOUNDS[1] - KNEE))
def test_between_the_knees_nothing_is_bent(llr: float) -> None:
    assert soft_clip(llr, BOUNDS) == llr


@pytest.mark.parametrize("knee", [BOUNDS[0] + KNEE, BOUNDS[1] - KNEE])
def test_the_knee_has_no_step_and_no_corner(knee: float) -> None:
    tiny = 1e-6
    below, at, above = (soft_clip(knee + d, BOUNDS) for d in (-tiny, 0.0, tiny))
    assert at == pytest.approx(knee, abs=1e-12)
    assert at - below == pytest.approx(tiny, rel=1e-4)
    assert above - at == pytest.approx(tiny, rel=1e-4)


@given(llrs)
def test_bent_knows_no_side(llr: float) -> None:
    assert soft_clip(-llr, (-3.5, 3.0)) == pytest.approx(-soft_clip(llr, (-3.0, 3.5)))


# The frame


@given(shares, st.floats(-300.0, 300.0))
def test_the_eyes_alone_never_weigh_more_than_the_share_of_the_framed_allows(
    share: float, llr: float
) -> None:
    assert eyes_only_llr(make_fusion(framed_share=share), llr) <= -math.log10(share) + 1e-12


def test_the_frame_by_hand() -> None:
    fused = make_fusion(framed_share=0.02)
    assert eyes_only_llr(fused, math.log10(98.0)) == pytest.approx(math.log10(1 / (0.01 + 0.02)))
    assert eyes_only_llr(fused, 300.0) == pytest.approx(math.log10(50.0))
    assert eyes_only_llr(fused, 0.0) == pytest.approx(0.0)
    assert eyes_only_llr(make_fusion(framed_share=0.0), 2.25) == pytest.approx(2.25)


@given(shares, llrs, llrs)
def test_a_better_frame_never_weighs_less(share: float, one: float, other: float) -> None:
    low, high = sorted((one, other))
    fused = make_fusion(framed_share=share)
    assert eyes_only_llr(fused, low) <= eyes_only_llr(fused, high)


@given(llrs)
def test_eyes_outside_every_frame_count_nearly_as_they_are(llr: float) -> None:
    """A share of framed avatars takes from evidence for the frame, not from that against it."""
    assume(llr < 0.0)
    left = eyes_only_llr(make_fusion(framed_share=0.02), llr)
    assert llr <= left <= llr + math.log10(1.0 / 0.98)


# Everything together


def test_the_total_by_hand() -> None:
    llr = make_fusion().total_llr(
        {EYE_ALIGNMENT_NAME: 300.0, "texture": 1.0, "teeth": -0.5, STAMP_NAME: 0.25}
    )
    assert llr == pytest.approx(math.log10(50.0) + 0.1 + 0.8 - 0.25 + 0.25)


lines = st.tuples(st.floats(0.0, 2.0), st.floats(-1.0, 1.0)).map(list)


@given(llrs, llrs, llrs, lines, lines)
def test_pixels_and_frame_mix_as_the_formula_says(
    eyes: float, texture: float, teeth: float, ordinary: list[float], framed: list[float]
) -> None:
    """1 / LR = (1 - a) / (R_e P_o) + a / P_f."""
    both = make_fusion(ordinary=ordinary, framed=framed)
    pixels = 0.1 + 0.8 * texture + 0.5 * teeth
    against_ordinary = 10.0 ** (ordinary[0] * pixels + ordinary[1])
    against_framed = 10.0 ** (framed[0] * pixels + framed[1])
    expected = 1.0 / (0.98 / (10.0**eyes * against_ordinary) + 0.02 / against_framed)
    total = both.total_llr({EYE_ALIGNMENT_NAME: eyes, "texture": texture, "teeth": teeth})
    assert total == pytest.approx(math.log10(expected))


@given(llrs, llrs, llrs, lines, lines)
def test_stronger_pixels_never_weigh_less(
    eyes: float, one: float, other: float, ordinary: list[float], framed: list[float]
) -> None:
    low, high = sorted((one, other))
    fused = make_fusion(ordinary=ordinary, framed=framed)
    less, more = (
        fused.total_llr({EYE_ALIGNMENT_NAME: eyes, "texture": llr}) for llr in (low, high)
    )
    assert less <= more + 1e-12


@given(st.floats(0.0, 300.0))
def test_pixels_strongly_against_clear_a_framed_face(eyes: float) -> None:
    llr, _ = make_fusion()(
        {EYE_ALIGNMENT_NAME: make_estimate(eyes), "texture": make_estimate(-4.0)}, BOUNDS
    ).total
    assert llr < -1.0


def test_pixels_strongly_for_are_heard_where_the_frame_is_gone() -> None:
    """What ordinary avatars never look like counts there, not what framed photographs do."""
    fused = make_fusion(ordinary=[1.5, 0.0], framed=[0.5, 0.0])
    assert fused.total_llr({EYE_ALIGNMENT_NAME: -1.0, "texture": 2.5}) > 2.0
    assert (
        fused.total_llr({EYE_ALIGNMENT_NAME: 300.0, "texture": 2.5})
        < 0.5 * 2.1 + math.log10(50.0) + 1e-9
    )


@given(llrs)
def test_an_unmeasured_check_weighs_nothing(eyes: float) -> None:
    offset_fusion = make_fusion(ordinary=[1.5, 0.5], framed=[0.5, -0.5])
    assert offset_fusion.total_llr({}) == 0.0
    assert offset_fusion.pixel_llr({EYE_ALIGNMENT_NAME: eyes, STAMP_NAME: 2.0}) is None
    assert offset_fusion.total_llr({EYE_ALIGNMENT_NAME: eyes}) == make_fusion().total_llr(
        {EYE_ALIGNMENT_NAME: eyes}
    )


def test_pixels_alone_weigh_against_ordinary_and_framed_ones() -> None:
    assert make_fusion().total_llr({"texture": 1.0}) == pytest.approx(0.9)
    offset_fusion = make_fusion(ordinary=[2.0, 0.0], framed=[0.0, 0.0])
    expected = -math.log10(0.98 * 10.0**-1.8 + 0.02)
    assert offset_fusion.total_llr({"texture": 1.0}) == pytest.approx(expected)


def test_a_check_without_a_weight_weighs_nothing() -> None:
    assert make_fusion().total_llr({"texture": 1.0, "hairline": 5.0}) == make_fusion().total_llr(
        {"texture": 1.0}
    )


@given(llrs)
def test_a_stamp_multiplies(eyes: float) -> None:
    with_stamp, without = (
        make_fusion().total_llr({EYE_ALIGNMENT_NAME: eyes, STAMP_NAME: 2.5}),
        make_fusion().total_llr({EYE_ALIGNMENT_NAME: eyes}),
    )
    assert with_stamp == pytest.approx(without + 2.5)


# The interval

checks = st.dictionaries(
    st.sampled_from((EYE_ALIGNMENT_NAME, STAMP_NAME, *PIXELS)),
    st.tuples(llrs, st.floats(0.0, 3.0)).map(lambda t: make_estimate(*t)),
    min_size=1,
)


@given(checks, st.floats(0.0, 2.0))
def test_the_interval_holds_the_llr_and_stays_within_bounds(
    weighed: dict[str, LlrEstimate], spread: float
) -> None:
    fused = make_fusion(uncertainty=[[-9.0, spread], [9.0, spread]])
    llr, (low, high) = fused(weighed, BOUNDS).total
    assert BOUNDS[0] <= low <= llr <= high <= BOUNDS[1]


@given(checks)
def test_the_total_does_not_depend_on_the_order_of_the_checks(
    weighed: dict[str, LlrEstimate],
) -> None:
    backwards = dict(reversed(weighed.items()))
    np.testing.assert_allclose(
        np.hstack(make_fusion()(weighed, BOUNDS).total),
        np.hstack(make_fusion()(backwards, BOUNDS).total),
        atol=1e-12,
    )


def test_checks_and_the_fusion_itself_add_their_variances() -> None:
    fused = make_fusion(weights={"texture": 1.0, "teeth": 1.0}, offset=0.0)
    _, (low, high) = fused(
        {"texture": make_estimate(0.2, 0.3), "teeth": make_estimate(-0.2, 0.4)}, BOUNDS
    ).total
    assert (low, high) == pytest.approx((-0.5, 0.5))
    unsure = make_fusion(
        weights={"texture": 1.0}, offset=0.0, uncertainty=[[-9.0, 0.5], [9.0, 0.5]]
    )
    _, (low, high) = unsure({"texture": make_estimate(0.0)}, BOUNDS).total
    assert (low, high) == pytest.approx((-0.98, 0.98), rel=1e-3)


def test_a_check_that_is_less_sure_widens_the_interval() -> None:
    narrow, wide = (
        make_fusion()({"texture": make_estimate(0.5, reach)}, BOUNDS).total[1]
        for reach in (0.1, 0.5)
    )
    assert wide[0] < narrow[0]
    assert narrow[1] < wide[1]


def test_all_that_is_sure_is_a_point() -> None:
    llr, interval = make_fusion()({"texture": make_estimate(0.5)}, BOUNDS).total
    assert interval == (llr, llr)


# Two ratios


@given(checks, shares)
def test_the_total_is_the_mixture_of_the_two_ratios(
    weighed: dict[str, LlrEstimate], share: float
) -> None:
    against = make_fusion(framed_share=share)(weighed, BOUNDS)
    expected = mixture_llr(against.ordinary.llr, against.framed.llr, share)
    assert against.total.llr == pytest.approx(expected)
    low, high = sorted((against.ordinary.llr, against.framed.llr))
    assert low - 1e-9 <= against.total.llr <= high + 1e-9
    assert against.framed_share == share


@given(checks)
def test_each_interval_holds_its_ratio(weighed: dict[str, LlrEstimate]) -> None:
    against = make_fusion()(weighed, BOUNDS)
    for llr, (low, high) in (against.ordinary, against.framed, against.total):
        assert BOUNDS[0] <= low <= llr <= high <= BOUNDS[1]


@given(llrs)
def test_eyes_say_nothing_against_a_framed_photograph(eyes: float) -> None:
    against = make_fusion()({EYE_ALIGNMENT_NAME: make_estimate(eyes, 0.5)}, BOUNDS)
    assert against.framed == (0.0, (0.0, 0.0))
    assert not against.is_framed_measured
    assert against.ordinary.llr == soft_clip(eyes, BOUNDS)


@given(llrs, st.floats(-2.0, 2.0))
def test_pixels_alone_weigh_against_a_framed_photograph(eyes: float, texture: float) -> None:
    fused = make_fusion(framed=[0.5, -0.2])
    pixels = {"texture": make_estimate(texture)}
    against = fused({EYE_ALIGNMENT_NAME: make_estimate(eyes), **pixels}, BOUNDS)
    assert against.framed.llr == fused(pixels, BOUNDS).framed.llr
    assert against.framed.llr == pytest.approx(0.5 * (0.8 * texture + 0.1) - 0.2)
    assert against.is_framed_measured


def test_a_stamp_multiplies_both_ratios() -> None:
    eyes = {EYE_ALIGNMENT_NAME: make_estimate(0.4), "texture": make_estimate(-0.1)}
    plain = make_fusion()(eyes, (-9.0, 9.0))
    stamped = make_fusion()({**eyes, STAMP_NAME: make_estimate(2.0)}, (-9.0, 9.0))
    assert stamped.ordinary.llr - plain.ordinary.llr == pytest.approx(2.0)
    assert stamped.framed.llr - plain.framed.llr == pytest.approx(2.0)
    assert stamped.total.llr - plain.total.llr == pytest.approx(2.0)


def test_only_a_stamp_that_was_read_tells_framed_photographs_apart() -> None:
    for llr, is_measured in ((2.0, True), (0.0, False)):
        against = make_fusion()({STAMP_NAME: make_estimate(llr)}, BOUNDS)
        assert against.is_framed_measured is is_measured


@given(llrs, llrs)
def test_an_operator_without_framed_photographs_gets_the_ordinary_ratio(
    eyes: float, texture: float
) -> None:
    weighed = {EYE_ALIGNMENT_NAME: make_estimate(eyes), "texture": make_estimate(texture)}
    rare = make_fusion().with_framed_share(1e-9)(weighed, BOUNDS)
    assert rare.total.llr == pytest.approx(rare.ordinary.llr, abs=1e-2)


# Lines by size and by what was measured


def test_a_line_is_interpolated_between_sizes_and_held_beyond_them() -> None:
    line = make_line_entry(slopes=[1.0, 2.0], offsets=[0.0, -0.4])
    fused = make_fusion(
        sides_px=[100.0, 400.0], ordinary_entry=line, framed_entry=line, framed_share=0.0
    )
    at = {px: fused.total_llr({"texture": 1.0}, px) for px in (50.0, 100.0, 200.0, 400.0, 900.0)}
    assert at[50.0] == at[100.0] == pytest.approx(0.9)
    assert at[200.0] == pytest.approx(1.5 * 0.9 - 0.2)
    assert at[900.0] == at[400.0] == pytest.approx(2.0 * 0.9 - 0.4)


def test_the_largest_crop_that_was_measured_says_the_size() -> None:
    line = make_line_entry(slopes=[1.0, 2.0], offsets=[0.0, 0.0])
    fused = make_fusion(sides_px=[100.0, 400.0], ordinary_entry=line, framed_entry=line)
    sized = {"texture": LlrEstimate(1.0, (1.0, 1.0), side_px=400.0)}
    assert fused(sized, BOUNDS).framed.llr == pytest.approx(2.0 * 0.9)
    eyes = {EYE_ALIGNMENT_NAME: LlrEstimate(0.0, (0.0, 0.0), side_px=100.0)}
    assert fused({**sized, **eyes}, BOUNDS).framed.llr == pytest.approx(2.0 * 0.9)


def test_each_check_that_could_not_measure_adds_its_own_offset() -> None:
    line = make_line_entry(unmeasured={"teeth": 0.25, "texture": -0.5})
    fused = make_fusion(ordinary_entry=line, framed_entry=line, framed_share=0.0)
    assert fused.total_llr({"texture": 1.0, "teeth": 0.0}) == pytest.approx(0.9)
    assert fused.total_llr({"texture": 1.0}) == pytest.approx(0.9 + 0.25)
    assert fused.total_llr({"teeth": 1.0}) == pytest.approx(0.6 - 0.5)
    assert fused.total_llr({EYE_ALIGNMENT_NAME: 1.0}) == pytest.approx(1.0)


def test_each_line_has_bounds_of_its_own() -> None:
    fused = make_fusion(
        ordinary_entry=make_line_entry(bounds=[-2.0, 2.5]),
        framed_entry=make_line_entry(bounds=[-1.0, 1.5]),
    )
    for sign in (1.0, -1.0):
        against = fused({"texture": make_estimate(9.0 * sign)}, BOUNDS)
        assert against.ordinary.llr == pytest.approx(2.5 if sign > 0 else -2.0, abs=0.01)
        assert against.framed.llr == pytest.approx(1.5 if sign > 0 else -1.0, abs=0.01)


# Where few checks speak for all

STOP = StopRule(eye_llr=-1.5, texture_llr=-0.2, both_llr=0.0)
FAR = {EYE_ALIGNMENT_NAME: -1.6, TEXTURE_NAME: -0.4}


@pytest.mark.parametrize(
    "changes",
    [
        {EYE_ALIGNMENT_NAME: -1.4},
        {TEXTURE_NAME: 0.1},
        {STAMP_NAME: 2.0},
    ],
)
def test_a_rule_holds_only_far_from_every_frame_without_a_stamp_or_a_drawn_look(
    changes: dict[str, float],
) -> None:
    assert STOP.deciding_checks(FAR) == FIRST_CHECKS
    assert STOP.deciding_checks(FAR | {STAMP_NAME: 0.0}) == FIRST_CHECKS
    assert STOP.deciding_checks(FAR | changes) is None


@pytest.mark.parametrize("name", [EYE_ALIGNMENT_NAME, TEXTURE_NAME])
def test_a_rule_does_not_hold_where_one_of_its_checks_could_not_measure(name: str) -> None:
    assert STOP.deciding_checks({key: llr for key, llr in FAR.items() if key != name}) is None


@pytest.mark.parametrize(
    ("texture", "fine_texture", "deciding"),
    [
        (-0.1, -0.1, SECOND_CHECKS),
        (-0.1, 0.1, None),
        (0.1, -3.0, None),
        (-0.3, 0.1, FIRST_CHECKS),
        (-0.3, -0.3, FIRST_CHECKS),
    ],
)
def test_where_texture_is_less_clear_both_textures_must_look_photographed(
    texture: float, fine_texture: float, deciding: tuple[str, ...] | None
) -> None:
    both = FAR | {TEXTURE_NAME: texture, FINE_TEXTURE_NAME: fine_texture}
    assert STOP.deciding_checks(both) == deciding
    alone = StopRule(STOP.eye_llr, STOP.texture_llr).deciding_checks(both)
    assert alone == (deciding if deciding == FIRST_CHECKS else None)


@given(llrs, llrs.filter(lambda llr: llr <= 0.0), st.floats(-1.7, -1.5))
def test_where_it_holds_no_other_check_moves_a_ratio(
    teeth: float, texture: float, eyes: float
) -> None:
    """One texture is enough or both are needed, as the first of them reads."""
    fused = make_fusion(
        stop=StopEntry(
            eye_llr=STOP.eye_llr, texture_llr=STOP.texture_llr, both_llr=STOP.both_llr, pictures=10,
            generated=0, ordinary_share=0.8, exceptions=0, highest_llr=-1.2, largest_change=0.5,
        )
    )  # fmt: skip
    short = {EYE_ALIGNMENT_NAME: eyes, TEXTURE_NAME: texture, STAMP_NAME: 0.0}
    if texture > STOP.texture_llr:
        short[FINE_TEXTURE_NAME] = texture
    full = short | {"teeth": teeth}
    assert fused.is_decided(full)
    assert fused.total_llr(full) == fused.total_llr(short)
    estimates = {name: make_estimate(llr, 0.3) for name, llr in full.items()}
    without = {name: estimates[name] for name in short}
    assert fused(estimates, BOUNDS) == fused(without, BOUNDS)
