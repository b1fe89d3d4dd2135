from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.arrays import RgbArray
from app.face.views import (
    MAX_VIEW_SIDE_PX,
    MIN_VIEW_SIDE_PX,
    View,
    fallback_views,
    full_view,
    perturbed_view,
)

WITHIN_PX = 0.6
SIZES = [(400, 400), (120, 90), (48, 48), (611, 350), (1500, 1100), (90, 1600)]


def picture_with_dot(width: int, height: int, x: float, y: float, radius: float) -> RgbArray:
    """A soft red dot at (x, y) px, origin at the outer corner, on black."""
    rows, columns = np.ogrid[:height, :width]
    light = np.exp(-((columns + 0.5 - x) ** 2 + (rows + 0.5 - y) ** 2) / (2 * radius**2))
    rgb = np.zeros((height, width, 3), dtype=np.uint8)
    rgb[:, :, 0] = 255 * light
    return rgb


def bright_centroid(rgb: RgbArray) -> tuple[float, float] | None:
    """Where the dot's light lies, px of this picture; None if it is cut off or absent."""
    light = rgb[:, :, 0].astype(np.int64) - rgb[:, :, 1]  # none in the grey of a padding
    light[light < 20] = 0
    if not light.any() or light[[0, -1]].any() or light[:, [0, -1]].any():
        return None
    height, width = light.shape
    total = light.sum()
    x = float(light.sum(axis=0) @ (np.arange(width) + 0.5) / total)
    return x, float(light.sum(axis=1) @ (np.arange(height) + 0.5) / total)


def all_views(rgb: RgbArray) -> Iterator[View]:
    yield full_view(rgb)
    yield perturbed_view(rgb)
    yield from fallback_views(rgb)


@pytest.mark.parametrize("size", SIZES)
def test_what_is_seen_in_a_view_lies_where_it_lies_in_the_picture(size: tuple[int, int]) -> None:
    """A dot drawn in the picture, found in each view's own pixels, told back in the picture's."""
    width, height = size
    radius = max(1.5, min(size) / 50)
    checked = []
    for u, v in ((0.5, 0.5), (0.31, 0.33), (0.66, 0.58)):
        x, y = round(width * u) + 0.3, round(height * v) - 0.2
        for number, view in enumerate(all_views(picture_with_dot(width, height, x, y, radius))):
            at = bright_centroid(view.rgb)
            if at is None:
                continue  # outside this cut, or cut through
            back = view.map_to_picture(np.array([at]))[0]
            assert np.abs(back - [x, y]).max() < WITHIN_PX, view.affine_to_picture
            checked.append(number)
    assert [checked.count(i) for i in range(4)] == [3, 3, 3, 3]  # whole, nudged, padded twice
    assert len(checked) >= 15  # and at least once in a cut


@given(st.integers(2, 1700), st.integers(2, 1700))
@settings(max_examples=25)
def test_the_first_look_is_never_too_small_nor_too_large(width: int, height: int) -> None:
    view = full_view(np.zeros((height, width, 3), dtype=np.uint8))
    longer = max(view.rgb.shape[:2])
    assert MIN_VIEW_SIDE_PX <= longer <= MAX_VIEW_SIDE_PX
    assert min(view.rgb.shape[:2]) >= 1
    corners = view.map_to_picture(np.array([[0.0, 0.0], view.rgb.shape[1::-1]]))
    np.testing.assert_allclose(corners.ravel(), [0.0, 0.0, float(width), float(height)], atol=1e-9)


def test_a_picture_of_a_good_size_is_looked_at_as_it_is() -> None:
    rgb = np.random.default_rng(1).integers(0, 256, (500, 640, 3), dtype=np.uint8)
    np.testing.assert_array_equal(full_view(rgb).rgb, rgb)


def test_second_looks_pad_first_then_cut() -> None:
    rgb = np.full((400, 400, 3), 255, dtype=np.uint8)
    views = list(fallback_views(rgb))
    assert len(views) == 8
    for view, share in zip(views[:2], (0.3, 0.6), strict=True):
        np.testing.assert_array_equal(view.rgb[0, 0], 128)
        np.testing.assert_allclose(view.map_to_picture(np.zeros((1, 2))), [[-400 * share] * 2])
    for view in views[2:]:
        assert view.rgb.min() == 255  # nothing but the picture itself
        inside = view.map_to_picture(np.array([[0.0, 0.0], view.rgb.shape[1::-1]]))
        assert inside.min() >= -1e-9
        assert inside.max() <= 400 + 1e-9


def test_the_cuts_leave_no_place_unseen() -> None:
    covered = np.zeros((200, 300), dtype=bool)
    for view in list(fallback_views(np.zeros((200, 300, 3), dtype=np.uint8)))[2:]:
        (x0, y0), (x1, y1) = view.map_to_picture(
            np.array([[0.0, 0.0], view.rgb.shape[1::-1]])
        ).round()
        covered[int(y0) : int(y1), int(x0) : int(x1)] = True
    assert covered.all()


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (2, 2), (3, 900)])
def test_the_thinnest_picture_can_be_looked_at(size: tuple[int, int]) -> None:
    width, height = size
    for view in all_views(np.zeros((height, width, 3), dtype=np.uint8)):
        assert view.rgb.ndim == 3
        assert min(view.rgb.shape) >= 1
        assert view.rgb.flags.c_contiguous


def test_the_nudged_view_is_mirrored_and_turned() -> None:
    view = perturbed_view(np.zeros((400, 400, 3), dtype=np.uint8))
    assert view.mirrored
    linear = view.affine_to_picture[:, :2]
    assert np.linalg.det(linear) < 0
    assert np.degrees(np.arctan2(abs(linear[1, 0]), abs(linear[0, 0]))) == pytest.approx(4.0)
    assert np.sqrt(-np.linalg.det(linear)) == pytest.approx(1 / 0.94)


def test_only_the_nudged_view_is_mirrored() -> None:
    rgb = np.zeros((100, 100, 3), dtype=np.uint8)
    assert [v.mirrored for v in all_views(rgb)] == [False, True] + [False] * 8


def test_looking_changes_no_pixel_of_the_picture() -> None:
    rgb = np.random.default_rng(2).integers(0, 256, (80, 60, 3), dtype=np.uint8)
    before = rgb.copy()
    rgb.setflags(write=False)
    for _ in all_views(rgb):
        pass
    np.testing.assert_array_equal(rgb, before)


def test_the_dot_finder_itself_is_good_to_a_tenth_of_a_px() -> None:
    centroid = bright_centroid(picture_with_dot(100, 80, 40.3, 31.8, 3.0))
    assert centroid == pytest.approx((40.3, 31.8), abs=0.1)
    assert bright_centroid(picture_with_dot(100, 80, 1.0, 31.8, 3.0)) is None
    assert bright_centroid(np.full((80, 100, 3), 128, dtype=np.uint8)) is None
