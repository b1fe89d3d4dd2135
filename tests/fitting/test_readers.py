from dataclasses import replace

import numpy as np
import pytest

from app.evidence import Reading, Unmeasurable
from app.fitting.measure import Measured
from app.fitting.readers import Evening, fit_evening
from tests.fitting.testimonies import face, looked, made, real, seen, two_bells

COUNT = 300


def read_by(reader: int, gap: float = 0.0, by_size: float = 0.0) -> list[Measured]:
    """Generated and real faces of all sizes, read ``gap`` (and more by size) too high."""
    sizes = np.random.default_rng(0).uniform(-0.7, 0.7, COUNT)
    return [
        replace(
            seen(row, face(texture=looked(float(w + gap + by_size * s), float(s)))), reader=reader
        )
        for row, witnesses in zip((made(), real()), two_bells(1.5, 1.0, COUNT), strict=True)
        for w, s in zip(witnesses, sizes, strict=True)
    ]


def witness(measured: Measured) -> float:
    ((_, found),) = measured.testimonies[0]
    assert isinstance(found, Reading)
    return found.measures["witness"]


def test_one_reader_leaves_nothing_to_even() -> None:
    alone = read_by(0)
    even = fit_evening(alone)
    assert even.gaps == {}
    assert [even(m) for m in alone] == alone


@pytest.mark.parametrize(("gap", "by_size"), [(0.0, 0.0), (1.2, 0.0), (-0.8, 0.6)])
def test_what_the_second_reads_higher_is_found_and_taken_off(gap: float, by_size: float) -> None:
    first, second = read_by(0), read_by(1, gap, by_size)
    even = fit_evening([*first, *second])
    found = even.gaps["texture"]
    assert found[0] == pytest.approx(gap, abs=0.15)
    assert found[1] == pytest.approx(by_size, abs=0.25)
    means = [np.mean([witness(even(m)) for m in part]) for part in (first, second)]
    assert means[0] == pytest.approx(means[1], abs=0.1)


def test_who_read_more_generated_ones_does_not_read_higher_for_it() -> None:
    """Nine in ten of the second's pictures are generated, and it reads like the first."""
    second = read_by(1)
    mostly_made = [m for i, m in enumerate(second) if m.row.generated or i % 9 == 0]
    even = fit_evening([*read_by(0), *mostly_made])
    assert even.gaps["texture"] == pytest.approx((0.0, 0.0), abs=0.2)


def test_a_reading_moves_half_the_gap_and_nothing_else_does() -> None:
    even = Evening({"texture": (1.0, 0.5)})
    one = replace(seen(made(), face(texture=looked(2.0, 0.4), teeth=looked(2.0))), reader=1)
    none = replace(seen(made(), face(texture=None)), reader=1)
    (_, texture), (_, teeth) = even(one).testimonies[0]
    assert isinstance(texture, Reading)
    assert texture.measures == pytest.approx({"witness": 2.0 - 0.6, "ln_side": 0.4})
    assert teeth == one.testimonies[0][1][1]
    assert isinstance(even(none).testimonies[0][0][1], Unmeasurable)
    assert witness(even(replace(read_by(0)[0], reader=0))) > witness(read_by(0)[0])
