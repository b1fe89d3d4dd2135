"""Counting eyes: whatever the stream's length, the same counts in bounded memory."""

import itertools
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.evidence import Verdict
from app.render.eye_template import IRIS_SD, EyeTemplate
from app.render.scatter.eye_histogram import (
    FRAME_CELLS,
    INSET_CELLS,
    MAX_POINTS,
    EyeHistogram,
    EyePositions,
    count_eyes,
)

TEMPLATE = EyeTemplate("ffhq", ((0.375, 0.471), (0.625, 0.471)))
LIKELY, REST = str(Verdict.LIKELY_STYLEGAN), str(Verdict.UNLIKELY_STYLEGAN)


def scattered_faces(count: int, seed: int = 0) -> list[tuple[EyePositions, str]]:
    rng = np.random.default_rng(seed)
    return [(tuple(eyes), REST) for eyes in rng.uniform(0.0, 1.0, (count, 4)).tolist()]


def template_faces(count: int, seed: int = 1) -> list[tuple[EyePositions, str]]:
    rng = np.random.default_rng(seed)
    centre = TEMPLATE.centres.ravel()
    eyes = centre + rng.normal(0.0, 1.0, (count, 4)) * (*IRIS_SD, *IRIS_SD)
    return [(tuple(e), LIKELY) for e in eyes.tolist()]


def totals(histogram: EyeHistogram) -> tuple[object, ...]:
    return (
        histogram.faces,
        histogram.in_region,
        histogram.both_in_region,
        histogram.in_ring,
        histogram.beyond_picture,
    )


def test_every_face_is_counted_once_however_the_stream_is_cut() -> None:
    faces = scattered_faces(20_000)
    histogram = count_eyes(iter(faces), TEMPLATE)
    halves = [count_eyes(faces[:7_001], TEMPLATE), count_eyes(faces[7_001:], TEMPLATE)]
    assert histogram.rest.faces == 20_000
    assert histogram.rest.frame.sum() == 40_000
    assert (histogram.rest.frame == halves[0].rest.frame + halves[1].rest.frame).all()
    assert (histogram.rest.insets == halves[0].rest.insets + halves[1].rest.insets).all()
    assert histogram.both_in_region == halves[0].both_in_region + halves[1].both_in_region
    assert histogram.in_ring[0] == halves[0].in_ring[0] + halves[1].in_ring[0]


def test_the_order_does_not_matter() -> None:
    faces = [*scattered_faces(900), *template_faces(50)]
    assert totals(count_eyes(faces, TEMPLATE)) == totals(count_eyes(reversed(faces), TEMPLATE))


def test_no_more_than_a_few_thousand_faces_are_kept() -> None:
    few = count_eyes(scattered_faces(MAX_POINTS), TEMPLATE)
    many = count_eyes(scattered_faces(3 * MAX_POINTS), TEMPLATE)
    assert few.rest.is_complete
    assert not many.rest.is_complete
    assert len(many.rest.points) == MAX_POINTS
    assert many.rest.frame.shape == (FRAME_CELLS, FRAME_CELLS)
    assert many.rest.insets.shape == (2, INSET_CELLS, INSET_CELLS)


def test_a_long_stream_is_never_held() -> None:
    alive = most = 0

    class Counted:
        """A face that knows how many of its kind there are."""

        def __init__(self) -> None:
            nonlocal alive, most
            alive += 1
            most = max(most, alive)

        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

        def __iter__(self) -> Iterator[float]:
            return iter((0.3, 0.4, 0.6, 0.4))

        def __len__(self) -> int:
            return 4

        def __getitem__(self, at: int) -> float:
            return (0.3, 0.4, 0.6, 0.4)[at]

    count_eyes(((Counted(), REST) for _ in range(40_000)), TEMPLATE)  # type: ignore[misc]
    assert most < 20_000


def test_chance_alone_puts_into_a_region_what_is_expected() -> None:
    histogram = count_eyes(scattered_faces(400_000), TEMPLATE)
    for inside, expected in zip(histogram.in_region, histogram.expected, strict=True):
        assert inside == pytest.approx(expected, abs=5 * np.sqrt(expected))


def test_a_slope_in_the_density_does_not_fool_the_expectation() -> None:
    rng = np.random.default_rng(4)
    down = np.sqrt(rng.uniform(0.0, 1.0, (400_000, 2)))  # denser towards the bottom
    across = rng.uniform(0.0, 1.0, (400_000, 2))
    eyes = np.stack([across[:, 0], down[:, 0], across[:, 1], down[:, 1]], axis=1)
    histogram = count_eyes(((tuple(e), REST) for e in eyes.tolist()), TEMPLATE)
    for inside, expected in zip(histogram.in_region, histogram.expected, strict=True):
        assert inside == pytest.approx(expected, abs=5 * np.sqrt(expected))


def test_generated_faces_stand_out_of_the_expectation() -> None:
    histogram = count_eyes([*scattered_faces(3_000), *template_faces(30)], TEMPLATE)
    assert histogram.likely.faces == 30
    assert all(inside >= 25 for inside in histogram.in_region)
    assert all(expected < 8 for expected in histogram.expected)
    assert 20 <= histogram.both_in_region <= 31


def test_verdicts_go_to_their_groups() -> None:
    eyes = (0.3, 0.3, 0.6, 0.3)
    faces = [(eyes, str(verdict)) for verdict in Verdict]
    histogram = count_eyes(faces, TEMPLATE)
    assert (histogram.likely.faces, histogram.rest.faces) == (1, len(Verdict) - 1)


@given(st.lists(st.tuples(*[st.floats(-1e6, 1e6)] * 4), max_size=30))
@settings(max_examples=40)
def test_eyes_anywhere_are_counted_or_told_to_be_outside(eyes: list[EyePositions]) -> None:
    histogram = count_eyes(zip(eyes, itertools.repeat(REST)), TEMPLATE)
    within = sum(0.0 <= x <= 1.0 and 0.0 <= y <= 1.0 for e in eyes for x, y in (e[:2], e[2:]))
    assert histogram.beyond_picture == 2 * len(eyes) - within
    edges = sum(1.0 in (x, y) for e in eyes for x, y in (e[:2], e[2:]))
    assert within - edges <= histogram.rest.frame.sum() <= within
