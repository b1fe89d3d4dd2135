import pytest

from app.calibration.file import StampEntry
from app.calibration.scale import HIT_MEASURE, NO_EVIDENCE, build_stamp_scale
from app.evidence import Reading

SCALE = build_stamp_scale(
    StampEntry(version=1, hit_llr=2.4, interval=[2.3, 2.9], bounds=[0.0, 2.4], figures={})
)


def make_reading(hit: float) -> Reading:
    return Reading(hit, measures={HIT_MEASURE: hit})


def test_a_stamp_that_was_read_weighs_what_it_is_worth() -> None:
    estimate = SCALE.weigh(make_reading(1.0))
    assert estimate.llr == 2.4
    assert estimate.interval == (2.3, 2.9)
    assert SCALE.bounds == (0.0, 2.4)


def test_no_stamp_says_nothing() -> None:
    assert SCALE.weigh(make_reading(0.0)) is NO_EVIDENCE
    assert NO_EVIDENCE.llr == 0.0
    assert NO_EVIDENCE.interval == (0.0, 0.0)


def test_other_measures_beside_the_hit_weigh_nothing() -> None:
    estimate = SCALE.weigh(Reading(0.4, measures={HIT_MEASURE: 0.0, "likeness": 0.4}))
    assert estimate is NO_EVIDENCE


def test_a_reading_that_does_not_say_is_an_error() -> None:
    with pytest.raises(KeyError):
        SCALE.weigh(Reading(0.4, measures={"likeness": 0.4}))
