"""Four orientations in one picture, and whose tile a face lies in."""

import numpy as np
import pytest

from app.face.turn_mosaic import TILE_PX, make_turn_mosaic, scores_by_turn


@pytest.mark.parametrize("size", [(300, 200), (200, 300), (50, 50), (1, 900)])
def test_every_tile_shows_the_picture_turned(size: tuple[int, int]) -> None:
    """A picture whose left edge is red has it on top, on the right, and at the bottom."""
    rgb = np.zeros((*size, 3), dtype=np.uint8)
    rgb[:, : max(1, size[1] // 4), 0] = 255
    mosaic = make_turn_mosaic(rgb)
    assert mosaic.shape == (2 * TILE_PX, 2 * TILE_PX, 3)
    as_given, quarter = mosaic[:TILE_PX, :TILE_PX], mosaic[:TILE_PX, TILE_PX:]
    half, back = mosaic[TILE_PX:, :TILE_PX], mosaic[TILE_PX:, TILE_PX:]
    height, width = (max(1, round(side * TILE_PX / max(size))) for side in size)
    np.testing.assert_array_equal(quarter[:width, :height], np.rot90(as_given[:height, :width], -1))
    np.testing.assert_array_equal(half[:height, :width], np.rot90(as_given[:height, :width], 2))
    np.testing.assert_array_equal(back[:width, :height], np.rot90(as_given[:height, :width]))
    assert as_given[0, 0, 0] == 255


def test_the_best_face_of_each_tile_counts() -> None:
    faces = [(10.0, 10.0, 0.4), (60.0, 90.0, 0.7), (200.0, 90.0, 0.6), (128.0, 128.0, 0.9)]
    assert scores_by_turn(faces) == (0.7, 0.6, 0.0, 0.9)
    assert scores_by_turn([]) == (0.0, 0.0, 0.0, 0.0)
