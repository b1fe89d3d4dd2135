import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.training.calibration.stamp import STAMPED_SHARE, hit, stamp_entry
from app.training.evaluation.metrics import upper_bound
from app.training.measure import Measured
from tests.training.testimonies import STAMP, face, made, real, seen

READ, UNREAD = {"hit": 1.0}, {"hit": 0.0}


def photographs(count: int, read: int = 0) -> list[Measured]:
    return [seen(real(), face(stamp=READ if i < read else UNREAD)) for i in range(count)]


def test_a_hit_on_any_face_is_a_hit() -> None:
    assert hit(STAMP, seen(made(), face(stamp=UNREAD), face(stamp=READ)))
    assert not hit(STAMP, seen(made(), face(stamp=UNREAD)))
    assert not hit(STAMP, seen(made(), face(stamp=None), face(teeth=READ)))
    assert not hit(STAMP, seen(made()))


def test_what_a_hit_weighs_by_hand() -> None:
    entry = stamp_entry(STAMP, photographs(3000))
    expected = math.log10(STAMPED_SHARE / (1.0 - 0.05 ** (1.0 / 3000)))
    assert entry.hit_llr == pytest.approx(expected, abs=0.005)
    assert entry.interval[0] <= entry.hit_llr <= entry.interval[1]
    assert entry.bounds == [0.0, entry.hit_llr]
    assert entry.version == STAMP.version


@given(st.integers(1, 400), st.integers(0, 400))
def test_a_hit_never_weighs_against_nor_more_than_real_ones_carry(count: int, read: int) -> None:
    read = min(read, count)
    entry = stamp_entry(STAMP, photographs(count, read))
    assert entry.hit_llr > 0.0
    carried = math.log10(STAMPED_SHARE / upper_bound(read, count))
    assert entry.hit_llr <= max(0.01, carried + 0.005)


def test_more_real_pictures_without_a_hit_make_it_weigh_more() -> None:
    weights = [stamp_entry(STAMP, photographs(count)).hit_llr for count in (100, 1000, 5000)]
    assert weights == sorted(set(weights))


def test_a_hit_on_a_real_picture_makes_it_weigh_less() -> None:
    weights = [stamp_entry(STAMP, photographs(1000, read)).hit_llr for read in (0, 1, 10)]
    assert weights == sorted(set(weights), reverse=True)


def test_without_real_pictures_a_hit_weighs_next_to_nothing() -> None:
    assert stamp_entry(STAMP, [seen(made(), face(stamp=READ))]).hit_llr == 0.01


def test_generated_pictures_have_no_say_in_the_weight() -> None:
    plain = photographs(500)
    stamped = [
        seen(made("stylegan2_watermarked"), face(stamp=READ)),
        seen(made("stylegan2_watermarked"), face(stamp=UNREAD)),
        seen(made(), face(stamp=READ)),
    ]
    assert stamp_entry(STAMP, plain + stamped).hit_llr == stamp_entry(STAMP, plain).hit_llr
    assert stamp_entry(STAMP, plain + stamped).figures == {
        "real_pictures": 500.0,
        "read_on_real_pictures": 0.0,
        "stamped_pictures": 2.0,
        "read_on_stamped_pictures": 1.0,
    }
