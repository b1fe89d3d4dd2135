import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.training.calibration.stamp import STAMPED_SHARE, fit_stamp, has_stamp
from app.training.evaluation.metrics import clopper_pearson_upper
from app.training.measure import MeasuredPicture
from tests.training.made_measurements import (
    STAMP,
    generated_row,
    measured_face,
    measured_picture,
    real_row,
)

STAMP_READ, STAMP_NOT_READ = {"hit": 1.0}, {"hit": 0.0}


def make_photographs(count: int, read_count: int = 0) -> list[MeasuredPicture]:
    return [
        measured_picture(
            real_row(), measured_face(stamp=STAMP_READ if i < read_count else STAMP_NOT_READ)
        )
        for i in range(count)
    ]


def test_a_hit_on_any_face_is_a_hit() -> None:
    assert has_stamp(
        STAMP,
        measured_picture(
            generated_row(), measured_face(stamp=STAMP_NOT_READ), measured_face(stamp=STAMP_READ)
        ),
    )
    assert not has_stamp(
        STAMP, measured_picture(generated_row(), measured_face(stamp=STAMP_NOT_READ))
    )
    assert not has_stamp(
        STAMP,
        measured_picture(
            generated_row(), measured_face(stamp=None), measured_face(teeth=STAMP_READ)
        ),
    )
    assert not has_stamp(STAMP, measured_picture(generated_row()))


def test_what_a_hit_weighs_by_hand() -> None:
    entry = fit_stamp(STAMP, make_photographs(3000))
    expected = math.log10(STAMPED_SHARE / (1.0 - 0.05 ** (1.0 / 3000)))
    assert entry.hit_llr == pytest.approx(expected, abs=0.005)
    assert entry.interval[0] <= entry.hit_llr <= entry.interval[1]
    assert entry.bounds == [0.0, entry.hit_llr]
    assert entry.version == STAMP.version


@given(st.integers(1, 400), st.integers(0, 400))
def test_a_hit_never_weighs_against_nor_more_than_real_ones_carry(count: int, read: int) -> None:
    read = min(read, count)
    entry = fit_stamp(STAMP, make_photographs(count, read))
    assert entry.hit_llr > 0.0
    carried = math.log10(STAMPED_SHARE / clopper_pearson_upper(read, count))
    assert entry.hit_llr <= max(0.01, carried + 0.005)


def test_more_real_pictures_without_a_hit_make_it_weigh_more() -> None:
    weights = [fit_stamp(STAMP, make_photographs(count)).hit_llr for count in (100, 1000, 5000)]
    assert weights == sorted(set(weights))


def test_a_hit_on_a_real_picture_makes_it_weigh_less() -> None:
    weights = [fit_stamp(STAMP, make_photographs(1000, read)).hit_llr for read in (0, 1, 10)]
    assert weights == sorted(set(weights), reverse=True)


def test_without_real_pictures_a_hit_weighs_next_to_nothing() -> None:
    assert (
        fit_stamp(
            STAMP, [measured_picture(generated_row(), measured_face(stamp=STAMP_READ))]
        ).hit_llr
        == 0.01
    )


def test_generated_pictures_have_no_say_in_the_weight() -> None:
    plain = make_photographs(500)
    stamped = [
        measured_picture(generated_row("stylegan2_watermarked"), measured_face(stamp=STAMP_READ)),
        measured_picture(
            generated_row("stylegan2_watermarked"), measured_face(stamp=STAMP_NOT_READ)
        ),
        measured_picture(generated_row(), measured_face(stamp=STAMP_READ)),
    ]
    assert fit_stamp(STAMP, plain + stamped).hit_llr == fit_stamp(STAMP, plain).hit_llr
    assert fit_stamp(STAMP, plain + stamped).figures == {
        "real_pictures": 500.0,
        "read_on_real_pictures": 0.0,
        "stamped_pictures": 2.0,
        "read_on_stamped_pictures": 1.0,
    }
