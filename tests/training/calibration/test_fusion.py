import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.calibration.file import FusionEntry
from app.calibration.fusion import FRAME, STAMP, fusion
from app.face.face import FloatArray
from app.training.calibration import fusion as fusing
from app.training.calibration.fusion import (
    ALIGNED_SHARE,
    PixelWeights,
    fit_fusion,
    pixel_checks,
    pixel_weights,
    scales,
    weights_of,
)
from app.training.corpus import Row
from tests.sitters import measures_entry, stamp_entry
from tests.training.testimonies import STAMP as STAMP_CHECK
from tests.training.testimonies import (
    TEETH,
    TEXTURE,
    a_check,
    face,
    looked,
    made,
    real,
    seen,
    two_bells,
)

LN10 = math.log(10.0)
COUNT = 300
KNOWN = scales({"texture": measures_entry(), "teeth": measures_entry(), "stamp": stamp_entry()})


def bells(mean: float, seed: int = 0) -> tuple[FloatArray, FloatArray]:
    """True llrs of generated and real ones whose readings are Gaussians of deviation 1."""
    one, other = two_bells(mean, 1.0, COUNT, seed)
    return 2.0 * mean * one / LN10, 2.0 * mean * other / LN10


def together(**llrs: tuple[FloatArray, FloatArray]) -> list[PixelWeights]:
    """As many faces of each side as there are llrs; every check measured each."""
    sides: list[tuple[Row, int]] = [(made(), 0), (real(), 1)]
    return [
        PixelWeights(row, {name: float(both[side][i]) for name, both in llrs.items()})
        for row, side in sides
        for i in range(len(next(iter(llrs.values()))[side]))
    ]


def fitted(**llrs: tuple[FloatArray, FloatArray]) -> FusionEntry:
    return fit_fusion(list(llrs), together(**llrs))


# Weights


def test_a_lone_true_llr_is_left_as_it_is() -> None:
    found = fitted(texture=bells(1.0))
    assert found.weights["texture"] == pytest.approx(1.0, abs=0.05)
    assert found.offset == pytest.approx(0.0, abs=0.02)


def test_independent_llrs_add_up() -> None:
    found = fitted(texture=bells(0.9), teeth=bells(0.6, seed=1))
    assert found.weights["texture"] == pytest.approx(1.0, abs=0.1)
    assert found.weights["teeth"] == pytest.approx(1.0, abs=0.1)


def test_two_copies_share_one_weight_instead_of_doubling_it() -> None:
    once, copies = bells(0.9), bells(0.9)
    alone = fitted(texture=once).weights["texture"]
    both = fitted(texture=once, teeth=copies).weights
    assert both["texture"] + both["teeth"] == pytest.approx(alone, abs=0.01)
    assert both["texture"] == pytest.approx(both["teeth"], abs=0.01)


def test_an_overstated_llr_is_taken_back() -> None:
    low, high = bells(0.9)
    found = fitted(texture=(3.0 * low, 3.0 * high))
    assert found.weights["texture"] == pytest.approx(1.0 / 3.0, abs=0.02)


def test_a_check_that_speaks_against_itself_is_not_heard() -> None:
    low, high = bells(0.9, seed=1)
    found = fitted(texture=bells(0.9), teeth=(-low, -high))
    assert found.weights["teeth"] == 0.0
    assert found.weights["texture"] == pytest.approx(1.0, abs=0.1)


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.floats(-2.0, 2.0), st.floats(-2.0, 2.0))
def test_no_weight_is_negative_whatever_was_seen(seed: int, one: float, other: float) -> None:
    rng = np.random.default_rng(seed)
    texture, teeth = (
        (rng.normal(shift, 1.0, 20), rng.normal(0.0, 1.0, 20)) for shift in (one, other)
    )
    found = fitted(texture=texture, teeth=teeth)
    assert min(found.weights.values()) >= 0.0
    assert math.isfinite(found.offset)


def test_fused_llrs_cost_no_more_than_the_better_check() -> None:
    """On what it was fitted on; the cost is the logistic one that it minimises."""
    llrs = {"texture": bells(0.8), "teeth": bells(0.5, seed=1)}
    faces = together(**llrs)
    fused = fusion(fit_fusion(list(llrs), faces))

    def cost(total) -> float:
        signs = [1.0 if f.row.generated else -1.0 for f in faces]
        each = [np.logaddexp(0.0, -s * LN10 * total(f)) for s, f in zip(signs, faces, strict=True)]
        return float(np.mean(each))

    assert cost(lambda f: fused.pixels(f.llrs)) < min(
        cost(lambda f, name=name: f.llrs[name]) for name in llrs
    )


def test_faces_on_which_nothing_was_measured_change_nothing() -> None:
    faces = together(texture=bells(0.9), teeth=bells(0.6, seed=1))
    names = ["texture", "teeth"]
    blank = [PixelWeights(real(), {})] * 50
    assert fit_fusion(names, faces + blank) == fit_fusion(names, faces)


def test_how_many_pictures_a_kind_has_does_not_matter() -> None:
    faces, names = together(texture=bells(0.9)), ["texture"]
    more = faces + [f for f in faces if not f.row.generated] * 3
    once, again = fit_fusion(names, faces), fit_fusion(names, more)
    assert again.weights == pytest.approx(once.weights, abs=0.01)
    assert again.offset == pytest.approx(once.offset, abs=0.01)


def test_the_fit_is_the_same_every_time_and_in_any_order() -> None:
    faces = together(texture=bells(0.9), teeth=bells(0.6, seed=1))
    names = ["texture", "teeth"]
    first = fit_fusion(names, faces)
    assert first == fit_fusion(names, faces)
    backwards = fit_fusion(names, faces[::-1])
    assert backwards.weights == pytest.approx(first.weights, abs=2e-3)
    assert first.aligned_share == ALIGNED_SHARE


# Against whom


def test_a_true_llr_is_true_against_everybody_alike() -> None:
    low, high = bells(0.9)
    rows = [made(), real(), real("aligned")]
    faces = [
        PixelWeights(row, {"texture": float(v)})
        for row, values in zip(rows, (low, high, high), strict=True)
        for v in values
    ]
    found = fit_fusion(["texture"], faces)
    for slope, offset in (found.ordinary, found.framed):
        assert slope == pytest.approx(1.0, abs=0.05)
        assert offset == pytest.approx(0.0, abs=0.03)


def test_those_who_look_less_generated_are_told_by_the_steeper_or_higher_line() -> None:
    low, high = bells(0.9)
    people = [PixelWeights(real(), {"texture": float(v) - 1.0}) for v in high]
    framed = [PixelWeights(real("aligned"), {"texture": float(v)}) for v in high]
    maker = [PixelWeights(made(), {"texture": float(v)}) for v in low]
    found = fit_fusion(["texture"], maker + people + framed)
    by_ordinary, by_framed = (line[0] * 1.0 + line[1] for line in (found.ordinary, found.framed))
    assert by_ordinary > by_framed + 0.2


def test_against_nobody_the_sum_is_left_as_it_is() -> None:
    found = fitted(texture=bells(1.0))
    assert found.framed == [1.0, 0.0]
    assert found.ordinary[0] == pytest.approx(1.0, abs=0.05)


# What is fused


def test_frame_and_stamp_look_at_no_pixels_of_the_face(monkeypatch: pytest.MonkeyPatch) -> None:
    known = tuple(a_check(name) for name in (FRAME, "texture", STAMP, "teeth"))
    monkeypatch.setattr(fusing, "CHECKS", known)
    assert pixel_checks() == ["texture", "teeth"]


def test_weights_are_of_the_checks_that_were_asked_for_and_measured() -> None:
    testimony = face(texture=looked(LN10), teeth=None, stamp={"hit": 1.0})
    assert weights_of(testimony, KNOWN, ["texture", "teeth"]) == pytest.approx({"texture": 1.0})
    assert weights_of(testimony, KNOWN, ["teeth"]) == {}
    assert weights_of(testimony, KNOWN, [STAMP_CHECK.name]) == {"stamp": 2.5}


def test_every_face_is_weighed() -> None:
    two = seen(made(), face(texture=looked(LN10)), face(teeth=looked(-LN10)))
    found = pixel_weights([two, seen(real())], KNOWN, [TEXTURE.name, TEETH.name])
    assert [f.row for f in found] == [made(), made()]
    assert [dict(f.llrs) for f in found] == [
        pytest.approx({"texture": 1.0}),
        pytest.approx({"teeth": -1.0}),
    ]
