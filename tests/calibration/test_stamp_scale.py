import pytest

from app.calibration.file import StampEntry
from app.calibration.scale import HIT, NOTHING, stamp_scale
from app.evidence import Reading

SCALE = stamp_scale(
    StampEntry(version=1, hit_llr=2.4, interval=[2.3, 2.9], bounds=[0.0, 2.4], figures={})
)


def read(hit: float) -> Reading:
    return Reading(hit, measures={HIT: hit})


def test_a_stamp_that_was_read_weighs_what_it_is_worth() -> None:
    found = SCALE.weigh(read(1.0))
    assert found.llr == 2.4
    assert found.interval == (2.3, 2.9)
    assert SCALE.bounds == (0.0, 2.4)


def test_no_stamp_says_nothing() -> None:
    assert SCALE.weigh(read(0.0)) is NOTHING
    assert NOTHING.llr == 0.0
    assert NOTHING.interval == (0.0, 0.0)


def test_other_measures_beside_the_hit_weigh_nothing() -> None:
    found = SCALE.weigh(Reading(0.4, measures={HIT: 0.0, "likeness": 0.4}))
    assert found is NOTHING


def test_a_reading_that_does_not_say_is_an_error() -> None:
    with pytest.raises(KeyError):
        SCALE.weigh(Reading(0.4, measures={"likeness": 0.4}))
