import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.arrays import FloatArray
from app.calibration.file import FusionEntry
from app.calibration.fusion import EYE_ALIGNMENT_NAME, STAMP_NAME, build_fusion
from app.training.calibration import fusion as fusing
from app.training.calibration.fusion import (
    FRAMED_SHARE,
    PixelLlrs,
    build_scales,
    compute_pixel_llrs,
    fit_fusion,
    pixel_check_names,
    weigh_checks,
)
from app.training.corpus import ManifestRow
from tests.synthetic_faces import make_logistic_entry, make_stamp_entry
from tests.training.made_measurements import STAMP as STAMP_CHECK
from tests.training.made_measurements import (
    TEETH,
    TEXTURE,
    generated_row,
    make_check,
    measured_face,
    measured_picture,
    network_measures,
    real_row,
    two_gaussians,
)

LN10 = math.log(10.0)
COUNT = 300
SCALES = build_scales(
    {"texture": make_logistic_entry(), "teeth": make_logistic_entry(), "stamp": make_stamp_entry()}
)


def gaussian_llrs(mean: float, seed: int = 0) -> tuple[FloatArray, FloatArray]:
    """True llrs of generated and real ones whose readings are Gaussians of deviation 1."""
    generated, real = two_gaussians(mean, 1.0, COUNT, seed)
    return 2.0 * mean * generated / LN10, 2.0 * mean * real / LN10


def make_faces(**llrs: tuple[FloatArray, FloatArray]) -> list[PixelLlrs]:
    """As many faces of each side as there are llrs; every check measured each."""
    sides: list[tuple[ManifestRow, int]] = [(generated_row(), 0), (real_row(), 1)]
    return [
        PixelLlrs(row, {name: float(sides_llrs[side][i]) for name, sides_llrs in llrs.items()})
        for row, side in sides
        for i in range(len(next(iter(llrs.values()))[side]))
    ]


def fit(**llrs: tuple[FloatArray, FloatArray]) -> FusionEntry:
    return fit_fusion(list(llrs), make_faces(**llrs))


# Weights


def test_a_lone_true_llr_is_left_as_it_is() -> None:
    result = fit(texture=gaussian_llrs(1.0))
    assert result.weights["texture"] == pytest.approx(1.0, abs=0.05)
    assert result.offset == pytest.approx(0.0, abs=0.02)


def test_independent_llrs_add_up() -> None:
    result = fit(texture=gaussian_llrs(0.9), teeth=gaussian_llrs(0.6, seed=1))
    assert result.weights["texture"] == pytest.approx(1.0, abs=0.1)
    assert result.weights["teeth"] == pytest.approx(1.0, abs=0.1)


def test_two_copies_share_one_weight_instead_of_doubling_it() -> None:
    once, copies = gaussian_llrs(0.9), gaussian_llrs(0.9)
    alone = fit(texture=once).weights["texture"]
    both = fit(texture=once, teeth=copies).weights
    assert both["texture"] + both["teeth"] == pytest.approx(alone, abs=0.01)
    assert both["texture"] == pytest.approx(both["teeth"], abs=0.01)


def test_an_overstated_llr_is_taken_back() -> None:
    low, high = gaussian_llrs(0.9)
    result = fit(texture=(3.0 * low, 3.0 * high))
    assert result.weights["texture"] == pytest.approx(1.0 / 3.0, abs=0.02)


def test_a_check_that_speaks_against_itself_gets_no_weight() -> None:
    low, high = gaussian_llrs(0.9, seed=1)
    result = fit(texture=gaussian_llrs(0.9), teeth=(-low, -high))
    assert result.weights["teeth"] == 0.0
    assert result.weights["texture"] == pytest.approx(1.0, abs=0.1)


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.floats(-2.0, 2.0), st.floats(-2.0, 2.0))
def test_no_weight_is_negative_whatever_was_seen(seed: int, one: float, other: float) -> None:
    rng = np.random.default_rng(seed)
    texture, teeth = (
        (rng.normal(shift, 1.0, 20), rng.normal(0.0, 1.0, 20)) for shift in (one, other)
    )
    result = fit(texture=texture, teeth=teeth)
    assert min(result.weights.values()) >= 0.0
    assert math.isfinite(result.offset)


def test_fused_llrs_cost_no_more_than_the_better_check() -> None:
    """On what it was fitted on; the cost is the logistic one that it minimises."""
    llrs = {"texture": gaussian_llrs(0.8), "teeth": gaussian_llrs(0.5, seed=1)}
    faces = make_faces(**llrs)
    fused = build_fusion(fit_fusion(list(llrs), faces))

    def cost(total) -> float:
        signs = [1.0 if f.row.is_generated else -1.0 for f in faces]
        each = [np.logaddexp(0.0, -s * LN10 * total(f)) for s, f in zip(signs, faces, strict=True)]
        return float(np.mean(each))

    assert cost(lambda f: fused.pixel_llr(f.llrs)) < min(
        cost(lambda f, name=name: f.llrs[name]) for name in llrs
    )


def test_faces_on_which_nothing_was_measured_change_nothing() -> None:
    faces = make_faces(texture=gaussian_llrs(0.9), teeth=gaussian_llrs(0.6, seed=1))
    names = ["texture", "teeth"]
    blank = [PixelLlrs(real_row(), {})] * 50
    assert fit_fusion(names, faces + blank) == fit_fusion(names, faces)


def test_how_many_pictures_a_kind_has_does_not_matter() -> None:
    faces, names = make_faces(texture=gaussian_llrs(0.9)), ["texture"]
    more = faces + [f for f in faces if not f.row.is_generated] * 3
    once, again = fit_fusion(names, faces), fit_fusion(names, more)
    assert again.weights == pytest.approx(once.weights, abs=0.01)
    assert again.offset == pytest.approx(once.offset, abs=0.01)


def test_the_fit_is_the_same_every_time_and_in_any_order() -> None:
    faces = make_faces(texture=gaussian_llrs(0.9), teeth=gaussian_llrs(0.6, seed=1))
    names = ["texture", "teeth"]
    first = fit_fusion(names, faces)
    assert first == fit_fusion(names, faces)
    backwards = fit_fusion(names, faces[::-1])
    assert backwards.weights == pytest.approx(first.weights, abs=2e-3)
    assert first.framed_share == FRAMED_SHARE


# Against whom


def test_a_true_llr_is_true_against_everybody_alike() -> None:
    low, high = gaussian_llrs(0.9)
    rows = [generated_row(), real_row(), real_row("aligned")]
    faces = [
        PixelLlrs(row, {"texture": float(v)})
        for row, values in zip(rows, (low, high, high), strict=True)
        for v in values
    ]
    result = fit_fusion(["texture"], faces)
    for line in (build_fusion(result).ordinary, build_fusion(result).framed):
        for pixels in (-1.0, 0.0, 1.0):
            llr = line.llr(pixels, 200.0, ["texture"])
            assert llr == pytest.approx(pixels, abs=0.07)


def test_those_who_look_less_generated_are_told_by_the_steeper_or_higher_line() -> None:
    low, high = gaussian_llrs(0.9)
    people = [PixelLlrs(real_row(), {"texture": float(v) - 1.0}) for v in high]
    framed = [PixelLlrs(real_row("aligned"), {"texture": float(v)}) for v in high]
    maker = [PixelLlrs(generated_row(), {"texture": float(v)}) for v in low]
    result = fit_fusion(["texture"], maker + people + framed)
    fused = build_fusion(result)
    by_ordinary, by_framed = (
        line.llr(1.0, 200.0, ["texture"]) for line in (fused.ordinary, fused.framed)
    )
    assert by_ordinary > by_framed + 0.2


def test_against_nobody_the_sum_is_left_as_it_is() -> None:
    result = fit(texture=gaussian_llrs(1.0))
    fused = build_fusion(result)
    assert fused.framed.llr(0.7, 200.0, []) == 0.7
    assert fused.ordinary.llr(1.0, 200.0, ["texture"]) == pytest.approx(1.0, abs=0.07)


def test_a_size_at_which_pixels_tell_less_gets_a_flatter_line() -> None:
    generated, real = gaussian_llrs(0.9)
    rng = np.random.default_rng(5)
    faces = [
        PixelLlrs(row, {"texture": float(v if px == 400.0 else rng.permuted(both)[0])}, px)
        for px in (64.0, 400.0)
        for row, values in ((generated_row(), generated), (real_row("aligned"), real))
        for both in [np.concatenate([generated, real])]
        for v in values
    ]
    framed = build_fusion(fit_fusion(["texture"], faces)).framed
    # Not to nothing: the fit holds neighbouring sizes together.
    assert framed.slope.y[-1] > framed.slope.y[0] + 0.3
    assert framed.slope.y[-1] == pytest.approx(1.0, abs=0.25)


def test_small_faces_that_silence_a_check_do_not_move_the_weights() -> None:
    faces = make_faces(texture=gaussian_llrs(0.9), teeth=gaussian_llrs(0.9, seed=1))
    small = [
        replace(face, llrs={"texture": 0.2 * face.llrs["texture"]}, side_px=48.0) for face in faces
    ]
    alone = fit_fusion(["texture", "teeth"], faces)
    together = fit_fusion(["texture", "teeth"], [*faces, *small])
    assert together.weights == alone.weights
    assert together.ordinary.slopes[0] != alone.ordinary.slopes[0]


def test_small_faces_alone_are_weighed_all_the_same() -> None:
    faces = [replace(face, side_px=48.0) for face in make_faces(texture=gaussian_llrs(1.0))]
    assert fit_fusion(["texture"], faces).weights["texture"] == pytest.approx(1.0, abs=0.05)


def test_an_unmeasured_check_that_goes_with_generated_ones_is_heard() -> None:
    generated, real = gaussian_llrs(0.9)
    faces = [
        PixelLlrs(row, {"texture": float(v)} | ({"teeth": 0.0} if i % 4 < shown else {}))
        for row, values, shown in ((generated_row(), generated, 3), (real_row("aligned"), real, 1))
        for i, v in enumerate(values)
    ]
    framed = fit_fusion(["texture", "teeth"], faces).framed
    assert framed.unmeasured["teeth"] < -0.4
    assert framed.unmeasured["texture"] == 0.0


def test_a_check_that_ordinary_pictures_cut_off_does_not_clear_what_is_cut_off() -> None:
    """Hair that most ordinary avatars cut off, and no framed picture: that is the frame's say."""
    generated, real = gaussian_llrs(0.9)
    faces = [
        PixelLlrs(row, {"texture": float(v)} | ({"hairline": 0.0} if i % 4 < shown else {}))
        for row, values, shown in (
            (generated_row(), generated, 4),
            (real_row("aligned"), real, 4),
            (real_row("avatar"), real, 1),
        )
        for i, v in enumerate(values)
    ]
    entry = fit_fusion(["texture", "hairline"], faces)
    assert entry.ordinary.unmeasured == entry.framed.unmeasured
    ordinary = build_fusion(entry).ordinary
    with_hair, without = (
        ordinary.llr(1.0, 200.0, names) for names in (["texture", "hairline"], ["texture"])
    )
    assert without == pytest.approx(with_hair, abs=0.05)
    assert with_hair == pytest.approx(1.0, abs=0.15)


# What is fused


def test_frame_and_stamp_look_at_no_pixels_of_the_face(monkeypatch: pytest.MonkeyPatch) -> None:
    known = tuple(make_check(name) for name in (EYE_ALIGNMENT_NAME, "texture", STAMP_NAME, "teeth"))
    monkeypatch.setattr(fusing, "CHECKS", known)
    assert pixel_check_names() == ["texture", "teeth"]


def test_weights_are_of_the_checks_that_were_asked_for_and_measured() -> None:
    testimony = measured_face(texture=network_measures(LN10), teeth=None, stamp={"hit": 1.0})
    row = generated_row()
    both = weigh_checks(row, testimony, SCALES, ["texture", "teeth"])
    assert both.llrs == pytest.approx({"texture": 1.0})
    assert both.side_px == pytest.approx(200.0 * math.exp(0.5))
    assert weigh_checks(row, testimony, SCALES, ["teeth"]).llrs == {}
    assert weigh_checks(row, testimony, SCALES, [STAMP_CHECK.name]).llrs == {"stamp": 2.5}


def test_every_face_is_weighed() -> None:
    two = measured_picture(
        generated_row(),
        measured_face(texture=network_measures(LN10)),
        measured_face(teeth=network_measures(-LN10)),
    )
    result = compute_pixel_llrs(
        [two, measured_picture(real_row())], SCALES, [TEXTURE.name, TEETH.name]
    )
    assert [f.row for f in result] == [generated_row(), generated_row()]
    assert [dict(f.llrs) for f in result] == [
        pytest.approx({"texture": 1.0}),
        pytest.approx({"teeth": -1.0}),
    ]
