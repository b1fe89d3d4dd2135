from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

from app.calibration.file import NoiseEntry
from app.image.picture import Picture
from app.training.calibration import measurements as module
from app.training.calibration import measurements as seeing
from app.training.calibration.measurements import Seen, see, smaller_of
from app.training.calibration.size_effects import SizeEffects, shrinker
from app.training.corpus import Corpus, Row
from app.training.measure import Measured, Models, Prepare, as_it_is
from tests.training.testimonies import made, real, seen

NO_NOISE = NoiseEntry(floor=[0.0] * 4, per_px=[0.0] * 4)
EFFECTS = SizeEffects((), NO_NOISE, NO_NOISE)
ROWS = (
    made(source="one", path="a"),
    made("diffusion", "one", path="b"),
    real(source="two", path="c"),
    real("nonface", "three", path="d"),
)
PART = ["a", "c"]
MODELS = Models(b"", lambda _: pytest.fail("nothing is looked at"))


def small() -> Seen:
    native = [seen(row) for row in ROWS]
    return Seen(native, {96: [seen(r, side_px=96) for r in ROWS if r.path in PART]}, EFFECTS)


def paths(part: Iterable[Measured]) -> list[str]:
    return [m.row.path for m in part]


# Choosing


def test_kept_are_the_same_pictures_at_every_size() -> None:
    found = small().kept(lambda row: row.source == "one")
    assert paths(found.native) == ["a", "b"]
    assert paths(found.smaller[96]) == ["a"]
    assert found.effects is EFFECTS


def test_pictures_come_as_often_as_they_were_drawn() -> None:
    found = small().repeated(lambda row: {"one": 2, "two": 0, "three": 1}[row.source])
    assert paths(found.native) == ["a", "a", "b", "b", "d"]
    assert paths(found.smaller[96]) == ["a", "a"]


def test_choosing_leaves_the_original_alone() -> None:
    everything = small()
    everything.repeated(lambda _: 0)
    assert paths(everything.native) == ["a", "b", "c", "d"]


def test_what_tells_pixels_apart_is_every_size_of_what_takes_part() -> None:
    found = small().pixels
    assert [(m.row.path, m.side_px) for m in found] == [
        ("a", 400),
        ("c", 400),
        ("a", 96),
        ("c", 96),
    ]


# Measuring


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], Prepare]]:
    """What was asked to be measured, and how it was prepared."""
    calls: list[tuple[list[str], Prepare]] = []

    def measure(
        corpus: Corpus, rows: Iterable[Row], models: Models, prepare: Prepare = as_it_is
    ) -> Iterator[Measured]:
        rows = list(rows)
        calls.append(([row.path for row in rows], prepare))
        return iter([seen(row) for row in rows])

    monkeypatch.setattr(module, "measure", measure)
    monkeypatch.setattr(module, "size_effects", lambda corpus, native, models: EFFECTS)
    return calls


def test_everything_is_seen_as_it_is_and_what_takes_part_made_small(asked) -> None:
    found = see(Corpus(Path(), ROWS, ""), MODELS)
    assert paths(found.native) == ["a", "b", "c", "d"]
    assert list(found.smaller) == list(seeing.PIXEL_SIDES_PX)
    assert [paths(part) for part in found.smaller.values()] == [PART] * len(seeing.PIXEL_SIDES_PX)
    assert asked[0] == (["a", "b", "c", "d"], as_it_is)
    assert found.effects is EFFECTS


def test_each_size_is_made_as_small_as_it_says(asked) -> None:
    smaller_of(Corpus(Path(), ROWS, ""), MODELS)
    picture = Picture(np.full((300, 400, 3), 90, dtype=np.uint8), "PNG", "")
    assert [max(prepare(picture).size) for _, prepare in asked] == list(seeing.PIXEL_SIDES_PX)


@pytest.mark.parametrize(
    ("size", "made_small"),
    [((400, 300), (200, 150)), ((300, 400), (150, 200)), ((90, 60), (90, 60))],
)
def test_pictures_are_shrunk_in_proportion_and_never_enlarged(
    size: tuple[int, int], made_small: tuple[int, int]
) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    small = shrinker(200)(Picture(rgb, "PNG", "ab" * 32))
    assert small.size == made_small
    assert small.sha256 == "ab" * 32


def test_shrinking_recompresses_as_a_platform_would() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (100, 100, 3), dtype=np.uint8)
    small = shrinker(200)(Picture(rgb, "PNG", ""))
    assert 0.0 < np.abs(small.rgb.astype(int) - rgb).mean() < 64.0
