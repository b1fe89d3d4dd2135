from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.arrays import FloatArray, RgbArray
from app.evidence import Reading, Reason, Unmeasurable
from app.face.crop import SMALL_CROP_SIDE_PX
from app.face.portrait import PixelNetwork, Portrait
from app.image.picture import Picture
from app.networks.region_score import RegionScore, network_reading, score_face, score_region
from app.networks.regions import (
    FULL_DETAIL_SIDE_PX,
    LOWEST_Y,
    REGION_RECTS,
    WHOLE_CROP_SIDE_PX,
    Region,
)
from tests.synthetic_faces import (
    UNIT,
    RegionNetwork,
    flat_picture,
    perturbed_face,
    place_face,
    transform_face,
)

HEADS = len(Region)
WHOLE_SQUARE = (0.5, 0.5, 0.0, 0.0)
SIDE = 300
ONE_RECT = [region for region, rects in REGION_RECTS.items() if len(rects) == 1]
regions = st.sampled_from(list(Region))


def empty_mask() -> FloatArray:
    return np.zeros((4, 4))


def map_shape(rgb: RgbArray) -> tuple[int, int]:
    return -(-rgb.shape[0] // 16), -(-rgb.shape[1] // 16)


def redness_map(rgb: RgbArray) -> FloatArray:
    """Mean red of every place of some 16 px, less its mean green."""
    rows, columns = map_shape(rgb)
    red = rgb[:, :, 0].astype(float) - rgb[:, :, 1]
    parts = [np.array_split(band, columns, axis=1) for band in np.array_split(red, rows)]
    return np.array([[float(p.mean()) for p in band] for band in parts])


@dataclass
class RednessNetwork:
    """A network that looks for red; keeps what it was shown. Everyone else is in the way."""

    mask: FloatArray = field(default_factory=empty_mask)
    inputs: list[RgbArray] = field(default_factory=list)

    def score_map(self, rgb: RgbArray) -> FloatArray:
        self.inputs.append(rgb.copy())
        return np.repeat(redness_map(rgb)[None], HEADS, axis=0)

    def face_map(self, rgb: RgbArray) -> FloatArray:
        self.inputs.append(rgb.copy())
        return redness_map(rgb)

    def person_mask(self, rgb: RgbArray) -> FloatArray:
        return self.mask.copy()


@dataclass(frozen=True)
class SingleHeadNetwork(RegionNetwork):
    """All heads but one would spoil any number they get into."""

    head: int

    def score_map(self, rgb: RgbArray) -> FloatArray:
        out = np.full((HEADS, *map_shape(rgb)), np.nan)
        out[self.head] = 2.5
        return out

    def person_mask(self, rgb: RgbArray) -> FloatArray:
        return empty_mask()


@dataclass
class ScriptedNetwork(RegionNetwork):
    """Says for each tile in turn what it was told to say, by every head."""

    score_maps: list[FloatArray]

    def score_map(self, rgb: RgbArray) -> FloatArray:
        return np.repeat(self.score_maps.pop(0)[None], HEADS, axis=0)

    def person_mask(self, rgb: RgbArray) -> FloatArray:
        return empty_mask()


def make_portrait(
    network: PixelNetwork | None,
    rgb: RgbArray | None = None,
    square: tuple[float, float, float, float] = WHOLE_SQUARE,
) -> Portrait:
    """A picture of 300 px whose face crop is its own frame, unless ``square`` says otherwise."""
    picture = flat_picture(SIDE, SIDE, 60) if rgb is None else Picture(rgb, "PNG", "")
    height, width = picture.rgb.shape[:2]
    face = transform_face(place_face(square, UNIT, perturbed_face()), float(max(width, height)))
    return Portrait(picture, face, network=network)


def score_of(portrait: Portrait, region: Region) -> RegionScore:
    score = score_region(portrait, region)
    assert isinstance(score, RegionScore)
    return score


def reason_of(portrait: Portrait, region: Region) -> Reason:
    result = score_region(portrait, region)
    assert isinstance(result, Unmeasurable)
    return result.reason


# What is asked, of what


@pytest.mark.parametrize("region", list(Region))
def test_each_region_asks_its_own_head(region: Region) -> None:
    score = score_of(make_portrait(SingleHeadNetwork(list(Region).index(region))), region)
    assert score.log_odds == 2.5
    assert score.spread == 0.0


@pytest.mark.parametrize("region", list(Region))
def test_each_region_is_shown_its_own_pixels_alone(region: Region) -> None:
    """Everything else is red, and no red is seen."""
    at = (np.arange(SIDE) + 0.5) / SIDE
    rgb = np.zeros((SIDE, SIDE, 3), dtype=np.uint8)
    rgb[:, :] = (255, 0, 0)
    for rect in REGION_RECTS[region]:
        rows = (at >= rect.top) & (at <= rect.bottom)
        columns = (at >= rect.left) & (at <= rect.right)
        rgb[rows[:, None] & columns[None]] = (0, 40, 0)
    network = RednessNetwork()
    score = score_of(make_portrait(network, rgb), region)
    assert len(network.inputs) == len(REGION_RECTS[region])
    for pixels in network.inputs:
        # A hair's breadth of the next pixel comes in where the crop is cut.
        assert pixels[:, :, 0].max() <= 2
        assert pixels[:, :, 1].max() > 0
    assert score.log_odds < 0.0


# The whole face


@pytest.mark.parametrize("side", [48, 100, SMALL_CROP_SIDE_PX, 200, 399])
def test_a_whole_face_is_shown_at_one_size(side: int) -> None:
    """All of the crop but its lowest rows, in which a stamp could be."""
    network = RednessNetwork()
    score = score_face(make_portrait(network, flat_picture(side, side).rgb))
    assert isinstance(score, RegionScore)
    (pixels,) = network.inputs
    assert pixels.shape[1] == SMALL_CROP_SIDE_PX
    assert pixels.shape[0] == pytest.approx(LOWEST_Y * SMALL_CROP_SIDE_PX, abs=2.0)


def test_the_score_of_a_face_is_the_mean_of_all_its_places() -> None:
    rgb = np.zeros((SIDE, SIDE, 3), dtype=np.uint8)
    rgb[:, :, 2] = 200
    rgb[: SIDE // 4] = (220, 0, 0)
    network = RednessNetwork()
    score = score_face(make_portrait(network, rgb))
    assert isinstance(score, RegionScore)
    seen = redness_map(network.inputs[0])
    assert score.log_odds == pytest.approx(float(seen.mean()))
    assert score.spread == pytest.approx(float(seen.std()))
    assert score.max_place[:, 1].max() < score.min_place[:, 1].max()


def test_only_the_visible_part_of_a_face_is_read() -> None:
    network = RednessNetwork()
    score = score_face(make_portrait(network, square=(0.8, 0.5, -0.2, 0.0)))
    assert isinstance(score, RegionScore)
    (pixels,) = network.inputs
    assert pixels.shape[1] < 0.8 * SMALL_CROP_SIDE_PX
    assert pixels.shape[0] == pytest.approx(LOWEST_Y * SMALL_CROP_SIDE_PX, abs=2.0)


def test_a_face_that_is_mostly_off_the_picture_is_not_read() -> None:
    network = RednessNetwork()
    score = score_face(make_portrait(network, square=(0.97, 0.97, 0.0, 0.0)))
    assert score == Unmeasurable(Reason.OUT_OF_PICTURE)
    assert not network.inputs


def test_without_a_network_no_face_is_read() -> None:
    assert score_face(make_portrait(None)) == Unmeasurable(Reason.NOT_LOOKED_AT)


def test_a_reading_says_where_it_looks_most_generated_and_how_large_the_face_is() -> None:
    portrait = make_portrait(RednessNetwork())
    reading = network_reading(portrait, score_face(portrait), 200.0)
    assert isinstance(reading, Reading)
    assert set(reading.measures) == {"witness", "spread", "ln_side"}
    assert reading.measures["ln_side"] == 0.0
    assert reading.value == reading.measures["witness"]
    (mark,) = reading.marks
    assert ((mark.points >= 0.0) & (mark.points <= np.array(portrait.picture.size))).all()


def test_what_was_not_scored_stays_unmeasurable() -> None:
    reason = Unmeasurable(Reason.OUT_OF_PICTURE)
    assert network_reading(make_portrait(None), reason, 200.0) is reason


# Sizes


@pytest.mark.parametrize("side", [64, 128])
def test_small_pictures_are_shown_enlarged(side: int) -> None:
    network = RednessNetwork()
    score_of(make_portrait(network, flat_picture(side, side).rgb), Region.FINE_TEXTURE)
    (pixels,) = network.inputs
    assert pixels.shape[1] == FULL_DETAIL_SIDE_PX
    assert pixels.shape[0] == pytest.approx(LOWEST_Y * FULL_DETAIL_SIDE_PX, abs=4.0)


@pytest.mark.parametrize(("side", "tiles"), [(WHOLE_CROP_SIDE_PX, 1), (WHOLE_CROP_SIDE_PX + 2, 2)])
def test_of_a_small_crop_the_texture_is_read_as_a_whole(side: int, tiles: int) -> None:
    network = RednessNetwork()
    score_of(make_portrait(network, flat_picture(side, side).rgb), Region.FINE_TEXTURE)
    assert len(network.inputs) == tiles


def test_of_a_small_crop_that_is_mostly_off_the_picture_its_face_is_read() -> None:
    network = RednessNetwork()
    rgb = flat_picture(150, 150).rgb
    score_of(make_portrait(network, rgb, (0.5, 0.5, 0.45, 0.0)), Region.FINE_TEXTURE)
    (pixels,) = network.inputs
    assert pixels.shape[1] < 150


def test_a_tile_that_two_regions_share_is_read_once() -> None:
    network = RednessNetwork()
    one = make_portrait(network)
    score = score_of(one, Region.HAIRLINE)
    assert len(network.inputs) == 1
    score_of(one, Region.FINE_TEXTURE)
    assert len(network.inputs) == 2
    assert score_of(one, Region.HAIRLINE).log_odds == score.log_odds
    assert len(network.inputs) == 2


def test_a_background_is_not_what_others_read_in_the_same_place() -> None:
    """The person is hidden from it alone."""
    network = RednessNetwork(mask_between(0.0, 0.1))
    one = make_portrait(network)
    for region in Region:
        score_of(one, region)
    tiles = {rect for rects in REGION_RECTS.values() for rect in rects}
    assert len(network.inputs) == len(tiles)


# What it adds up to


score_maps = st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(0, 1000)).map(
    lambda s: np.random.default_rng(s[2]).normal(0.0, 3.0, s[:2])
)


@settings(max_examples=25)
@given(score_maps)
def test_log_odds_are_the_mean_over_all_places(heat: FloatArray) -> None:
    score = score_of(make_portrait(ScriptedNetwork([heat])), Region.TEETH)
    assert score.log_odds == pytest.approx(float(heat.mean()))
    assert score.spread == pytest.approx(float(heat.std()))


@settings(max_examples=25)
@given(score_maps, score_maps)
def test_every_place_of_two_tiles_counts_the_same(left: FloatArray, right: FloatArray) -> None:
    score = score_of(make_portrait(ScriptedNetwork([left, right])), Region.BACKGROUND)
    scores = np.concatenate([left.ravel(), right.ravel()])
    assert score.log_odds == pytest.approx(float(scores.mean()))
    assert score.spread == pytest.approx(float(scores.std()))


@settings(max_examples=25)
@given(score_maps, st.sampled_from(ONE_RECT))
def test_max_and_min_place_are_the_extremes_of_a_grid_over_the_rect(
    heat: FloatArray, region: Region
) -> None:
    score = score_of(make_portrait(ScriptedNetwork([heat])), region)
    (rect,) = REGION_RECTS[region]
    rows, columns = heat.shape
    for corners, at in ((score.max_place, heat.argmax()), (score.min_place, heat.argmin())):
        row, column = divmod(int(at), columns)
        cell = np.array([rect.width / columns, rect.height / rows])
        start = np.array([rect.left, rect.top]) + cell * [column, row]
        expected = start + cell * np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
        np.testing.assert_allclose(corners, SIDE * expected, atol=1e-6)


# Where it points


def is_within(point: FloatArray, corners: FloatArray, slack_px: float) -> bool:
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
def test_max_and_min_place_point_at_what_the_network_saw(
    region: Region, x: float, y: float, roll: float, ln_side: float, tile: int
) -> None:
    square = (0.5, 0.5, ln_side, roll)
    empty = make_portrait(None, square=square)
    assert empty.crop is not None
    rect = REGION_RECTS[region][tile % len(REGION_RECTS[region])]
    unit = np.array([[rect.left + x * rect.width, rect.top + y * rect.height]])
    (spot,) = empty.crop.map_to_picture(unit)
    if not ((spot > 6.0) & (spot < SIDE - 6.0)).all():
        return  # a turned square's corners lie off the picture
    for colour, which in (((255, 0, 0), "max_place"), ((0, 255, 0), "min_place")):
        score = score_region(
            make_portrait(RednessNetwork(), with_spot(spot, colour), square), region
        )
        if isinstance(score, RegionScore):
            assert is_within(spot, getattr(score, which), slack_px=6.0)


def test_a_place_off_the_picture_is_never_pointed_at() -> None:
    up = make_portrait(
        RednessNetwork(), with_spot(np.array([128.0, 4.0]), (255, 0, 0)), (0.5, 0.4, 0.0, 0.0)
    )
    score = score_of(up, Region.FINE_TEXTURE)
    assert is_within(np.array([128.0, 4.0]), score.max_place, slack_px=2.0)
    assert score.max_place.min() >= -1e-6


# When there is nothing to see


def mask_between(left: float, right: float) -> FloatArray:
    """The person fills everything from ``left`` to ``right``."""
    mask = np.zeros((192, 192))
    mask[:, round(left * 192) : round(right * 192)] = 1.0
    return mask


def test_a_background_that_is_all_person_is_none() -> None:
    network = RednessNetwork(mask_between(0.0, 1.0))
    assert reason_of(make_portrait(network), Region.BACKGROUND) is Reason.NO_BACKGROUND
    assert network.inputs == []


def test_a_wall_as_grey_as_what_hides_the_person_is_a_background() -> None:
    network = RednessNetwork(mask_between(0.3, 0.7))
    grey = np.full((SIDE, SIDE, 3), 128, dtype=np.uint8)
    assert isinstance(score_region(make_portrait(network, grey), Region.BACKGROUND), RegionScore)


def test_of_a_background_only_the_side_that_shows_is_looked_at() -> None:
    rgb = np.full((SIDE, SIDE, 3), 60, dtype=np.uint8)
    rgb[:, : SIDE // 2] = (255, 0, 0)
    network = RednessNetwork(mask_between(0.0, 0.6))
    score = score_of(make_portrait(network, rgb), Region.BACKGROUND)
    assert len(network.inputs) == 1
    assert score.log_odds == pytest.approx(0.0, abs=0.01)
    assert score.max_place[:, 0].min() > 0.7 * SIDE


def test_the_person_is_hidden_from_the_background_only() -> None:
    rgb = np.full((SIDE, SIDE, 3), 60, dtype=np.uint8)
    rgb[SIDE // 2 :] = (255, 0, 0)
    lower = mask_between(0.5, 1.0).T
    assert score_of(make_portrait(RednessNetwork(lower), rgb), Region.BACKGROUND).log_odds < 2.0
    assert score_of(make_portrait(RednessNetwork(lower), rgb), Region.FINE_TEXTURE).log_odds > 50.0


@pytest.mark.parametrize("region", list(Region))
def test_a_smudge_is_too_small_whoever_might_look(region: Region) -> None:
    for network in (None, RednessNetwork()):
        tiny = make_portrait(network, flat_picture(24, 24).rgb)
        assert reason_of(tiny, region) is Reason.TOO_SMALL


@pytest.mark.parametrize("region", list(Region))
def test_without_a_network_nobody_looked(region: Region) -> None:
    assert reason_of(make_portrait(None), region) is Reason.NOT_LOOKED_AT


def test_a_forehead_off_the_picture_has_no_hairline() -> None:
    low = make_portrait(RednessNetwork(), square=(0.5, 0.2, 0.0, 0.0))
    assert reason_of(low, Region.HAIRLINE) is Reason.OUT_OF_PICTURE
    assert isinstance(score_region(low, Region.TEETH), RegionScore)


def test_a_background_off_the_picture_is_none() -> None:
    close = make_portrait(RednessNetwork(), square=(0.5, 0.5, 0.6, 0.0))
    assert reason_of(close, Region.BACKGROUND) is Reason.NO_BACKGROUND
