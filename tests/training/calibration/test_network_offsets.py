from dataclasses import replace

import numpy as np
import pytest

from app.evidence import Reading, Unmeasurable
from app.training.calibration.network_offsets import Evening, Shift, fit_evening
from app.training.corpus import Row
from app.training.measure import Measured
from tests.training.testimonies import face, looked, made, real, seen, two_bells

COUNT = 300


def one_seen(row: Row, reader: int, witness: float, size: float) -> Measured:
    return replace(seen(row, face(texture=looked(witness, size))), reader=reader)


def read_by(
    reader: int, gap: float = 0.0, by_size: float = 0.0, source: str | None = None
) -> list[Measured]:
    """Generated and real faces of all sizes, read ``gap`` (and more by size) too high."""
    sizes = np.random.default_rng(reader).uniform(-0.7, 0.7, COUNT)
    rows = (made(source=source), real(source=source)) if source else (made(), real())
    return [
        one_seen(row, reader, float(w + gap + by_size * s), float(s))
        for row, witnesses in zip(rows, two_bells(1.5, 1.0, COUNT), strict=True)
        for w, s in zip(witnesses, sizes, strict=True)
    ]


def witness(measured: Measured) -> float:
    ((_, found),) = measured.testimonies[0]
    assert isinstance(found, Reading)
    return found.measures["witness"]


def test_one_reader_leaves_nothing_to_even() -> None:
    alone = read_by(0)
    even = fit_evening(alone)
    assert even.shifts == {}
    assert [even(m) for m in alone] == alone


GAPS: list[list[Shift]] = [
    [(0.0, 0.0), (0.0, 0.0)],
    [(0.0, 0.0), (1.2, 0.0)],
    [(0.0, 0.0), (-0.8, 0.6)],
    [(0.5, 0.0), (-0.8, 0.6), (0.3, 0.0), (0.0, -0.6)],
]


@pytest.mark.parametrize("gaps", GAPS)
def test_what_each_reads_higher_than_the_others_is_found_and_taken_off(gaps: list[Shift]) -> None:
    parts = [read_by(reader, *gap) for reader, gap in enumerate(gaps)]
    even = fit_evening([m for part in parts for m in part])
    middle = np.mean(gaps, axis=0)
    for reader, gap in enumerate(gaps):
        constant, by_size = even.shifts["texture"][reader]
        assert constant == pytest.approx(middle[0] - gap[0], abs=0.15)
        assert by_size == pytest.approx(middle[1] - gap[1], abs=0.3)
    means = [np.mean([witness(even(m)) for m in part]) for part in parts]
    assert means == pytest.approx([np.mean(means)] * len(parts), abs=0.1)
    assert np.sum(list(even.shifts["texture"].values()), axis=0) == pytest.approx([0.0, 0.0])


def test_who_read_more_generated_ones_does_not_read_higher_for_it() -> None:
    """Nine in ten of the second's pictures are generated, and it reads like the first."""
    second = read_by(1)
    mostly_made = [m for i, m in enumerate(second) if m.row.generated or i % 9 == 0]
    even = fit_evening([*read_by(0), *mostly_made])
    assert even.shifts["texture"][1] == pytest.approx((0.0, 0.0), abs=0.15)


def test_who_read_a_collector_of_hard_ones_does_not_read_lower_for_it() -> None:
    """One collector's generated ones look like photographs, to whoever reads them."""
    hard = [m for m in read_by(1, -2.0, source="hard") if m.row.generated]
    even = fit_evening([*read_by(0), *read_by(1), *hard])
    assert even.shifts == fit_evening([*read_by(0), *read_by(1)]).shifts


def test_readers_that_share_no_collector_cannot_be_evened() -> None:
    assert fit_evening([*read_by(0, source="one"), *read_by(1, 1.0, source="two")]).shifts == {}


def test_a_reading_moves_by_its_readers_shift_and_nothing_else_does() -> None:
    even = Evening({"texture": {0: (0.5, 0.25), 1: (-0.5, -0.25)}})
    one = replace(seen(made(), face(texture=looked(2.0, 0.4), teeth=looked(2.0))), reader=1)
    none = replace(seen(made(), face(texture=None)), reader=1)
    (_, texture), (_, teeth) = even(one).testimonies[0]
    assert isinstance(texture, Reading)
    assert texture.measures == pytest.approx({"witness": 2.0 - 0.6, "ln_side": 0.4})
    assert teeth == one.testimonies[0][1][1]
    assert isinstance(even(none).testimonies[0][0][1], Unmeasurable)
    assert witness(even(one_seen(made(), 0, 2.0, 0.4))) == pytest.approx(2.0 + 0.6)
    assert witness(even(one_seen(made(), 7, 2.0, 0.4))) == 2.0
