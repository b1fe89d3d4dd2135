from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.evidence import Reason, Unmeasurable
from app.face.face import FloatArray
from app.face.portrait import Network, Portrait
from app.image.picture import Picture, RgbArray
from app.networks.region_score import Witness, look
from app.networks.regions import FULL_DETAIL_SIDE_PX, LOWEST, RECTS, SMALL_SIDE_PX, Region
from tests.sitters import UNIT, flat_picture, lively_face, moved, placed

HEADS = len(Region)
HERE = (0.5, 0.5, 0.0, 0.0)
SIDE = 300
ONE_RECT = [region for region, rects in RECTS.items() if len(rects) == 1]
regions = st.sampled_from(list(Region))


def nobody() -> FloatArray:
    return np.zeros((4, 4))


def cells(rgb: RgbArray) -> tuple[int, int]:
    return -(-rgb.shape[0] // 16), -(-rgb.shape[1] // 16)


def redness(rgb: RgbArray) -> FloatArray:
    """Mean red of every place of some 16 px, less its mean green."""
    rows, columns = cells(rgb)
    red = rgb[:, :, 0].astype(float) - rgb[:, :, 1]
    parts = [np.array_split(band, columns, axis=1) for band in np.array_split(red, rows)]
    return np.array([[float(p.mean()) for p in band] for band in parts])


@dataclass
class Spotter:
    """A network that looks for red; keeps what it was shown. Everyone else is in the way."""

    mask: FloatArray = field(default_factory=nobody)
    shown: list[RgbArray] = field(default_factory=list)

    def heat(self, rgb: RgbArray) -> FloatArray:
        self.shown.append(rgb.copy())
        return np.repeat(redness(rgb)[None], HEADS, axis=0)

    def person(self, rgb: RgbArray) -> FloatArray:
        return self.mask.copy()


@dataclass(frozen=True)
class OneHead:
    """All heads but one would spoil any number they get into."""

    head: int

    def heat(self, rgb: RgbArray) -> FloatArray:
        out = np.full((HEADS, *cells(rgb)), np.nan)
        out[self.head] = 2.5
        return out

    def person(self, rgb: RgbArray) -> FloatArray:
        return nobody()


@dataclass
class Telling:
    """Says for each tile in turn what it was told to say, by every head."""

    answers: list[FloatArray]

    def heat(self, rgb: RgbArray) -> FloatArray:
        return np.repeat(self.answers.pop(0)[None], HEADS, axis=0)

    def person(self, rgb: RgbArray) -> FloatArray:
        return nobody()


def portrait(
    network: Network | None,
    rgb: RgbArray | None = None,
    square: tuple[float, float, float, float] = HERE,
) -> Portrait:
    """A picture of 300 px whose face crop is its own frame, unless ``square`` says otherwise."""
    picture = flat_picture(SIDE, SIDE, 60) if rgb is None else Picture(rgb, "PNG", "")
    height, width = picture.rgb.shape[:2]
    face = moved(placed(square, UNIT, lively_face()), float(max(width, height)))
    return Portrait(picture, face, network=network)


def seen(portrait: Portrait, region: Region) -> Witness:
    found = look(portrait, region)
    assert isinstance(found, Witness)
    return found


def reason(portrait: Portrait, region: Region) -> Reason:
    found = look(portrait, region)
    assert isinstance(found, Unmeasurable)
    return found.reason


# What is asked, of what


@pytest.mark.parametrize("region", list(Region))
def test_each_region_asks_its_own_head(region: Region) -> None:
    found = seen(portrait(OneHead(list(Region).index(region))), region)
    assert found.log_odds == 2.5
    assert found.spread == 0.0


@pytest.mark.parametrize("region", list(Region))
def test_each_region_is_shown_its_own_pixels_alone(region: Region) -> None:
    """Everything else is red, and no red is seen."""
    at = (np.arange(SIDE) + 0.5) / SIDE
    rgb = np.zeros((SIDE, SIDE, 3), dtype=np.uint8)
    rgb[:, :] = (255, 0, 0)
    for rect in RECTS[region]:
        rows = (at >= rect.top) & (at <= rect.bottom)
        columns = (at >= rect.left) & (at <= rect.right)
        rgb[rows[:, None] & columns[None]] = (0, 40, 0)
    network = Spotter()
    found = seen(portrait(network, rgb), region)
    assert len(network.shown) == len(RECTS[region])
    for pixels in network.shown:
        # A hair's breadth of the next pixel comes in where the crop is cut.
        assert pixels[:, :, 0].max() <= 2
        assert pixels[:, :, 1].max() > 0
    assert found.log_odds < 0.0


@pytest.mark.parametrize("side", [64, 128])
def test_small_pictures_are_shown_enlarged(side: int) -> None:
    network = Spotter()
    seen(portrait(network, flat_picture(side, side).rgb), Region.TEXTURE)
    (pixels,) = network.shown
    assert pixels.shape[1] == FULL_DETAIL_SIDE_PX
    assert pixels.shape[0] == pytest.approx(LOWEST * FULL_DETAIL_SIDE_PX, abs=4.0)


@pytest.mark.parametrize(("side", "tiles"), [(SMALL_SIDE_PX, 1), (SMALL_SIDE_PX + 2, 2)])
def test_of_a_small_crop_the_texture_is_read_as_a_whole(side: int, tiles: int) -> None:
    network = Spotter()
    seen(portrait(network, flat_picture(side, side).rgb), Region.TEXTURE)
    assert len(network.shown) == tiles


def test_of_a_small_crop_that_is_mostly_off_the_picture_its_face_is_read() -> None:
    network = Spotter()
    rgb = flat_picture(150, 150).rgb
    seen(portrait(network, rgb, (0.5, 0.5, 0.45, 0.0)), Region.TEXTURE)
    (pixels,) = network.shown
    assert pixels.shape[1] < 150


def test_a_tile_that_two_regions_share_is_read_once() -> None:
    network = Spotter()
    one = portrait(network)
    found = seen(one, Region.HAIRLINE)
    assert len(network.shown) == 1
    seen(one, Region.TEXTURE)
    assert len(network.shown) == 2
    assert seen(one, Region.HAIRLINE).log_odds == found.log_odds
    assert len(network.shown) == 2


def test_a_background_is_not_what_others_read_in_the_same_place() -> None:
    """The person is hidden from it alone."""
    network = Spotter(mask_over(0.0, 0.1))
    one = portrait(network)
    for region in Region:
        seen(one, region)
    tiles = {rect for rects in RECTS.values() for rect in rects}
    assert len(network.shown) == len(tiles)


# What it adds up to


heats = st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(0, 1000)).map(
    lambda s: np.random.default_rng(s[2]).normal(0.0, 3.0, s[:2])
)


@settings(max_examples=25)
@given(heats)
def test_log_odds_are_the_mean_over_all_places(heat: FloatArray) -> None:
    found = seen(portrait(Telling([heat])), Region.TEETH)
    assert found.log_odds == pytest.approx(float(heat.mean()))
    assert found.spread == pytest.approx(float(heat.std()))


@settings(max_examples=25)
@given(heats, heats)
def test_every_place_of_two_tiles_counts_the_same(left: FloatArray, right: FloatArray) -> None:
    found = seen(portrait(Telling([left, right])), Region.BACKGROUND)
    everything = np.concatenate([left.ravel(), right.ravel()])
    assert found.log_odds == pytest.approx(float(everything.mean()))
    assert found.spread == pytest.approx(float(everything.std()))


@settings(max_examples=25)
@given(heats, st.sampled_from(ONE_RECT))
def test_hottest_and_coldest_are_the_extremes_of_a_grid_over_the_rect(
    heat: FloatArray, region: Region
) -> None:
    found = seen(portrait(Telling([heat])), region)
    (rect,) = RECTS[region]
    rows, columns = heat.shape
    for corners, at in ((found.hottest, heat.argmax()), (found.coldest, heat.argmin())):
        row, column = divmod(int(at), columns)
        cell = np.array([rect.width / columns, rect.height / rows])
        start = np.array([rect.left, rect.top]) + cell * [column, row]
        expected = start + cell * np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
        np.testing.assert_allclose(corners, SIDE * expected, atol=1e-6)


# Where it points


def within(point: FloatArray, corners: FloatArray, slack_px: float) -> bool:
    """Whether ``point`` lies in the turned rectangle ``corners`` or so near it."""
    x, y = corners[1] - corners[0], corners[3] - corners[0]
    across, down = np.linalg.norm(x), np.linalg.norm(y)
    from_corner = point - corners[0]
    along = np.array([from_corner @ x / across, from_corner @ y / down])
    return bool((along > -slack_px).all() and (along < np.array([across, down]) + slack_px).all())


def with_spot(at: FloatArray, colour: tuple[int, int, int]) -> RgbArray:
    rgb = np.full((SIDE, SIDE, 3), 100, dtype=np.uint8)
    y, x = np.mgrid[:SIDE, :SIDE] + 0.5
    rgb[np.hypot(x - at[0], y - at[1]) < 5.0] = colour
    return rgb


@settings(max_examples=30)
@given(
    regions,
    st.floats(0.1, 0.9),
    st.floats(0.1, 0.9),
    st.floats(-0.6, 0.6),
    st.floats(-0.6, 0.0),
    st.integers(0, 1),
)
def test_hottest_and_coldest_point_at_what_the_network_saw(
    region: Region, x: float, y: float, roll: float, ln_side: float, tile: int
) -> None:
    square = (0.5, 0.5, ln_side, roll)
    empty = portrait(None, square=square)
    assert empty.crop is not None
    rect = RECTS[region][tile % len(RECTS[region])]
    unit = np.array([[rect.left + x * rect.width, rect.top + y * rect.height]])
    (spot,) = empty.crop.to_picture(unit)
    if not ((spot > 6.0) & (spot < SIDE - 6.0)).all():
        return  # a turned square's corners lie off the picture
    for colour, which in (((255, 0, 0), "hottest"), ((0, 255, 0), "coldest")):
        found = look(portrait(Spotter(), with_spot(spot, colour), square), region)
        if isinstance(found, Witness):
            assert within(spot, getattr(found, which), slack_px=6.0)


def test_a_place_off_the_picture_is_never_pointed_at() -> None:
    up = portrait(Spotter(), with_spot(np.array([128.0, 4.0]), (255, 0, 0)), (0.5, 0.4, 0.0, 0.0))
    found = seen(up, Region.TEXTURE)
    assert within(np.array([128.0, 4.0]), found.hottest, slack_px=2.0)
    assert found.hottest.min() >= -1e-6


# When there is nothing to see


def mask_over(left: float, right: float) -> FloatArray:
    """The person fills everything from ``left`` to ``right``."""
    mask = np.zeros((192, 192))
    mask[:, round(left * 192) : round(right * 192)] = 1.0
    return mask


def test_a_background_that_is_all_person_is_none() -> None:
    network = Spotter(mask_over(0.0, 1.0))
    assert reason(portrait(network), Region.BACKGROUND) is Reason.NO_BACKGROUND
    assert network.shown == []


def test_a_wall_as_grey_as_what_hides_the_person_is_a_background() -> None:
    network = Spotter(mask_over(0.3, 0.7))
    grey = np.full((SIDE, SIDE, 3), 128, dtype=np.uint8)
    assert isinstance(look(portrait(network, grey), Region.BACKGROUND), Witness)


def test_of_a_background_only_the_side_that_shows_is_looked_at() -> None:
    rgb = np.full((SIDE, SIDE, 3), 60, dtype=np.uint8)
    rgb[:, : SIDE // 2] = (255, 0, 0)
    network = Spotter(mask_over(0.0, 0.6))
    found = seen(portrait(network, rgb), Region.BACKGROUND)
    assert len(network.shown) == 1
    assert found.log_odds == pytest.approx(0.0, abs=0.01)
    assert found.hottest[:, 0].min() > 0.7 * SIDE


def test_the_person_is_hidden_from_the_background_only() -> None:
    rgb = np.full((SIDE, SIDE, 3), 60, dtype=np.uint8)
    rgb[SIDE // 2 :] = (255, 0, 0)
    lower = mask_over(0.5, 1.0).T
    assert seen(portrait(Spotter(lower), rgb), Region.BACKGROUND).log_odds < 2.0
    assert seen(portrait(Spotter(lower), rgb), Region.TEXTURE).log_odds > 50.0


@pytest.mark.parametrize("region", list(Region))
def test_a_smudge_is_too_small_whoever_might_look(region: Region) -> None:
    for network in (None, Spotter()):
        tiny = portrait(network, flat_picture(24, 24).rgb)
        assert reason(tiny, region) is Reason.TOO_SMALL


@pytest.mark.parametrize("region", list(Region))
def test_without_a_network_nobody_looked(region: Region) -> None:
    assert reason(portrait(None), region) is Reason.NOT_LOOKED_AT


def test_a_forehead_off_the_picture_has_no_hairline() -> None:
    low = portrait(Spotter(), square=(0.5, 0.2, 0.0, 0.0))
    assert reason(low, Region.HAIRLINE) is Reason.OUT_OF_PICTURE
    assert isinstance(look(low, Region.TEETH), Witness)


def test_a_background_off_the_picture_is_none() -> None:
    close = portrait(Spotter(), square=(0.5, 0.5, 0.6, 0.0))
    assert reason(close, Region.BACKGROUND) is Reason.NO_BACKGROUND
