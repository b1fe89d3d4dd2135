from collections.abc import Callable

import numpy as np
import pytest

from app.arrays import RgbArray
from app.face.landmarks import FaceFinder
from app.image.picture import Picture
from app.training.evaluation.perturbations import (
    PERTURBATIONS,
    add_border,
    add_second_face,
    crop_off_centre,
    letterbox,
    mask_circle,
    picture_transform,
    recompress,
    resize,
    to_grey,
    zoom,
)

Fixture = Callable[[str], Picture]


def make_photograph(width: int = 320, height: int = 240) -> RgbArray:
    """Smooth colours, no symmetry."""
    y, x = np.mgrid[:height, :width]
    channels = (128 + 120 * np.sin(x / 37 + y / 53), 255 * x / width, 255 * y / height)
    return np.stack(channels, axis=2).astype(np.uint8)


@pytest.mark.parametrize("name", PERTURBATIONS)
@pytest.mark.parametrize("size", [(320, 240), (400, 400), (40, 64)])
def test_what_comes_out_is_a_picture_and_what_went_in_is_untouched(
    name: str, size: tuple[int, int]
) -> None:
    rgb = make_photograph(*size)
    before = rgb.copy()
    rgb.setflags(write=False)
    out = PERTURBATIONS[name](rgb)
    assert out.dtype == np.uint8
    assert out.ndim == 3
    assert out.shape[2] == 3
    assert out.flags.c_contiguous
    np.testing.assert_array_equal(rgb, before)
    np.testing.assert_array_equal(PERTURBATIONS[name](rgb), out)
    if name != "untouched":
        assert out.shape != rgb.shape or (out != rgb).any()


SIZE_PRESERVING = ("untouched", "JPEG 30", "mirrored", "grey", "second small face", "circle mask",
           "zoom 1.10", "zoom 1.25")  # fmt: skip


@pytest.mark.parametrize("name", SIZE_PRESERVING)
def test_these_keep_the_size(name: str) -> None:
    assert PERTURBATIONS[name](make_photograph()).shape == (240, 320, 3)


def test_shrinking_keeps_the_proportions_and_never_enlarges() -> None:
    assert resize(make_photograph(), 96).shape == (72, 96, 3)
    assert resize(make_photograph(240, 320), 48).shape == (48, 36, 3)
    np.testing.assert_array_equal(resize(make_photograph(), 5000), make_photograph())
    assert resize(make_photograph(1000, 3), 32).shape == (1, 32, 3)


def test_jpeg_damages_a_little_and_more_at_lower_quality() -> None:
    rgb = make_photograph().astype(np.int64)
    good, bad = (np.abs(recompress(make_photograph(), q).astype(np.int64) - rgb) for q in (95, 10))
    assert 0 < good.mean() < 3
    assert good.mean() < bad.mean() < 20
    # Channels come back in their order.
    assert np.abs(recompress(make_photograph()).astype(np.int64) - rgb).mean() < 4


@pytest.mark.parametrize("factor", [1.1, 1.25, 2.0])
def test_a_zoom_enlarges_about_the_middle(factor: float) -> None:
    """On colours that rise evenly, the middle stays and the slope falls by the factor."""
    y, x = np.mgrid[:201, :301]
    ramp = np.stack([x * 0.8, y * 1.2, x * 0], axis=2).astype(np.float64)
    out = zoom(np.rint(ramp).astype(np.uint8), factor).astype(np.float64)
    np.testing.assert_allclose(out[100, 150], ramp[100, 150], atol=1.0)
    np.testing.assert_allclose(out[100, 290, 0] - out[100, 10, 0], 280 * 0.8 / factor, atol=2.0)
    np.testing.assert_allclose(out[190, 150, 1] - out[10, 150, 1], 180 * 1.2 / factor, atol=2.0)


@pytest.mark.parametrize(("factor", "pan"), [(1.3, 0.08), (1.6, 0.12), (2.0, 0.0), (1.0, 0.0)])
def test_a_cut_is_a_part_of_the_picture_left_and_below_of_its_middle(
    factor: float, pan: float
) -> None:
    y, x = np.mgrid[:240, :320]
    rgb = np.stack([x // 2, y, x * 0], axis=2).astype(np.uint8)  # every pixel says where it was
    out = crop_off_centre(rgb, factor, pan)
    assert out.shape == (round(240 / factor), round(320 / factor), 3)
    top, left = int(out[0, 0, 1]), 2 * int(out[0, 0, 0])
    middle = (left + out.shape[1] / 2, top + out.shape[0] / 2)
    assert middle == pytest.approx((160 - pan * 320, 120 + pan * 240), abs=2.0)
    np.testing.assert_array_equal(out[:, :, 1], rgb[top : top + len(out), : out.shape[1], 1])


@pytest.mark.parametrize(("factor", "pan"), [(1.3, 0.12), (1.0, 0.01), (1.3, -0.01), (0.9, 0.0)])
def test_a_cut_does_not_reach_beyond_the_picture(factor: float, pan: float) -> None:
    with pytest.raises(ValueError, match="beyond"):
        crop_off_centre(make_photograph(), factor, pan)


@pytest.mark.parametrize("name", ["cut 1.3, off-centre", "cut 1.6, off-centre"])
def test_cuts_are_no_larger_than_avatars_and_are_never_enlarged(name: str) -> None:
    out = PERTURBATIONS[name](make_photograph(1024, 1024))
    assert out.shape == (300, 300, 3)
    assert PERTURBATIONS[name](make_photograph(200, 200)).shape[0] < 200


def test_a_border_surrounds_the_picture() -> None:
    out = add_border(make_photograph(), 0.1, (1, 2, 3))
    assert out.shape == (288, 384, 3)
    np.testing.assert_array_equal(out[24:-24, 32:-32], make_photograph())
    for strip in (out[:24], out[-24:], out[:, :32], out[:, -32:]):
        assert (strip == [1, 2, 3]).all()


def test_a_letterbox_has_bars_above_and_below() -> None:
    out = letterbox(make_photograph(), 0.12)
    assert out.shape == (298, 320, 3)
    np.testing.assert_array_equal(out[29:-29], make_photograph())
    assert out[:29].max() < 10
    assert out[-29:].max() < 10


def test_a_disc_keeps_the_middle_and_clears_the_corners() -> None:
    out = mask_circle(make_photograph(200, 200))
    np.testing.assert_array_equal(out[60:140, 60:140], make_photograph(200, 200)[60:140, 60:140])
    for corner in (out[:20, :20], out[:20, -20:], out[-20:, :20], out[-20:, -20:]):
        assert (corner == 250).all()
    assert mask_circle(make_photograph(200, 200), 0.06).shape == (224, 224, 3)


def test_grey_has_no_colour() -> None:
    out = to_grey(make_photograph())
    assert (out.max(axis=2) == out.min(axis=2)).all()
    assert out.std() > 10


def test_mirrored_twice_is_untouched() -> None:
    mirror = PERTURBATIONS["mirrored"]
    np.testing.assert_array_equal(mirror(mirror(make_photograph())), make_photograph())
    np.testing.assert_array_equal(mirror(make_photograph()), make_photograph()[:, ::-1])


def test_the_second_face_is_small_and_in_the_corner(finder: FaceFinder, faces: Fixture) -> None:
    picture = faces("astronaut_ffhq_frame.jpg")
    out = add_second_face(picture.rgb)
    np.testing.assert_array_equal(out[100:], picture.rgb[100:])
    result = finder.find_faces(Picture(out, "PNG", ""))
    assert len(result) == 2
    small = min(result, key=lambda f: f.eye_distance_px)
    assert small.eyes.max() < 100.0


def test_prepared_changes_the_pixels_and_nothing_else() -> None:
    picture = Picture(make_photograph(), "WEBP", "ab" * 32)
    changed = picture_transform(to_grey)(picture)
    np.testing.assert_array_equal(changed.rgb, to_grey(make_photograph()))
    assert (changed.format, changed.sha256) == ("WEBP", "ab" * 32)
