from dataclasses import replace

import numpy as np
import pytest

from app.evidence import Reading, Unmeasurable
from app.training.calibration.network_offsets import (
    NetworkOffset,
    OffsetCorrection,
    fit_offset_correction,
)
from app.training.corpus import ManifestRow
from app.training.measure import MeasuredPicture
from tests.training.made_measurements import (
    generated_row,
    measured_face,
    measured_picture,
    network_measures,
    real_row,
    two_gaussians,
)

COUNT = 300


def make_picture(
    row: ManifestRow, network_index: int, score: float, size: float
) -> MeasuredPicture:
    return replace(
        measured_picture(row, measured_face(texture=network_measures(score, size))),
        network_index=network_index,
    )


def make_pictures(
    network_index: int, offset: float = 0.0, size_offset: float = 0.0, source: str | None = None
) -> list[MeasuredPicture]:
    """Generated and real faces of all sizes, read ``offset`` (and more by size) too high."""
    sizes = np.random.default_rng(network_index).uniform(-0.7, 0.7, COUNT)
    rows = (
        (generated_row(source=source), real_row(source=source))
        if source
        else (generated_row(), real_row())
    )
    return [
        make_picture(row, network_index, float(w + offset + size_offset * s), float(s))
        for row, witnesses in zip(rows, two_gaussians(1.5, 1.0, COUNT), strict=True)
        for w, s in zip(witnesses, sizes, strict=True)
    ]


def network_score(measured: MeasuredPicture) -> float:
    ((_, reading),) = measured.faces[0]
    assert isinstance(reading, Reading)
    return reading.measures["witness"]


def test_one_reader_leaves_nothing_to_even() -> None:
    alone = make_pictures(0)
    even = fit_offset_correction(alone)
    assert even.offsets == {}
    assert [even(m) for m in alone] == alone


OFFSETS: list[list[NetworkOffset]] = [
    [(0.0, 0.0), (0.0, 0.0)],
    [(0.0, 0.0), (1.2, 0.0)],
    [(0.0, 0.0), (-0.8, 0.6)],
    [(0.5, 0.0), (-0.8, 0.6), (0.3, 0.0), (0.0, -0.6)],
]


@pytest.mark.parametrize("gaps", OFFSETS)
def test_what_each_reads_higher_than_the_others_is_found_and_taken_off(
    gaps: list[NetworkOffset],
) -> None:
    parts = [make_pictures(reader, *gap) for reader, gap in enumerate(gaps)]
    even = fit_offset_correction([m for part in parts for m in part])
    middle = np.mean(gaps, axis=0)
    for reader, gap in enumerate(gaps):
        constant, by_size = even.offsets["texture"][reader]
        assert constant == pytest.approx(middle[0] - gap[0], abs=0.15)
        assert by_size == pytest.approx(middle[1] - gap[1], abs=0.3)
    means = [np.mean([network_score(even(m)) for m in part]) for part in parts]
    assert means == pytest.approx([np.mean(means)] * len(parts), abs=0.1)
    assert np.sum(list(even.offsets["texture"].values()), axis=0) == pytest.approx([0.0, 0.0])


def test_who_read_more_generated_ones_does_not_read_higher_for_it() -> None:
    """Nine in ten of the second's pictures are generated, and it reads like the first."""
    second = make_pictures(1)
    mostly_made = [m for i, m in enumerate(second) if m.row.is_generated or i % 9 == 0]
    even = fit_offset_correction([*make_pictures(0), *mostly_made])
    assert even.offsets["texture"][1] == pytest.approx((0.0, 0.0), abs=0.15)


def test_who_read_a_collector_of_hard_ones_does_not_read_lower_for_it() -> None:
    """One collector's generated ones look like photographs, to whoever reads them."""
    hard = [m for m in make_pictures(1, -2.0, source="hard") if m.row.is_generated]
    even = fit_offset_correction([*make_pictures(0), *make_pictures(1), *hard])
    assert even.offsets == fit_offset_correction([*make_pictures(0), *make_pictures(1)]).offsets


def test_readers_that_share_no_collector_cannot_be_evened() -> None:
    assert (
        fit_offset_correction(
            [*make_pictures(0, source="one"), *make_pictures(1, 1.0, source="two")]
        ).offsets
        == {}
    )


def test_a_reading_moves_by_its_readers_shift_and_nothing_else_does() -> None:
    even = OffsetCorrection({"texture": {0: (0.5, 0.25), 1: (-0.5, -0.25)}})
    one = replace(
        measured_picture(
            generated_row(),
            measured_face(texture=network_measures(2.0, 0.4), teeth=network_measures(2.0)),
        ),
        network_index=1,
    )
    none = replace(measured_picture(generated_row(), measured_face(texture=None)), network_index=1)
    (_, texture), (_, teeth) = even(one).faces[0]
    assert isinstance(texture, Reading)
    assert texture.measures == pytest.approx({"witness": 2.0 - 0.6, "ln_side": 0.4})
    assert teeth == one.faces[0][1][1]
    assert isinstance(even(none).faces[0][0][1], Unmeasurable)
    assert network_score(even(make_picture(generated_row(), 0, 2.0, 0.4))) == pytest.approx(
        2.0 + 0.6
    )
    assert network_score(even(make_picture(generated_row(), 7, 2.0, 0.4))) == 2.0
