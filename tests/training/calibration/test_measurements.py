from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pytest

from app.calibration.file import NoiseEntry
from app.image.picture import Picture
from app.training.calibration import measurements as module
from app.training.calibration import measurements as seeing
from app.training.calibration.measurements import MeasuredCorpus, measure_corpus, measure_downscaled
from app.training.calibration.size_effects import SizeEffects, make_downscaler
from app.training.corpus import Corpus, ManifestRow
from app.training.measure import MeasuredPicture, Models, Prepare, unchanged
from tests.training.made_measurements import generated_row, measured_picture, real_row

NO_NOISE = NoiseEntry(floor=[0.0] * 4, per_px=[0.0] * 4)
EFFECTS = SizeEffects((), NO_NOISE, NO_NOISE)
ROWS = (
    generated_row(source="one", path="a"),
    generated_row("diffusion", "one", path="b"),
    real_row(source="two", path="c"),
    real_row("nonface", "three", path="d"),
)
SHARED_PATHS = ["a", "c"]
MODELS = Models(b"", lambda _: pytest.fail("nothing is looked at"))


def small_corpus() -> MeasuredCorpus:
    native = [measured_picture(row) for row in ROWS]
    return MeasuredCorpus(
        native,
        {96: [measured_picture(r, side_px=96) for r in ROWS if r.path in SHARED_PATHS]},
        EFFECTS,
    )


def paths_of(pictures: Iterable[MeasuredPicture]) -> list[str]:
    return [m.row.path for m in pictures]


# Choosing


def test_kept_are_the_same_pictures_at_every_size() -> None:
    result = small_corpus().filter(lambda row: row.source == "one")
    assert paths_of(result.native) == ["a", "b"]
    assert paths_of(result.downscaled[96]) == ["a"]
    assert result.size_effects is EFFECTS


def test_pictures_come_as_often_as_they_were_drawn() -> None:
    result = small_corpus().resample(lambda row: {"one": 2, "two": 0, "three": 1}[row.source])
    assert paths_of(result.native) == ["a", "a", "b", "b", "d"]
    assert paths_of(result.downscaled[96]) == ["a", "a"]


def test_choosing_leaves_the_original_alone() -> None:
    everything = small_corpus()
    everything.resample(lambda _: 0)
    assert paths_of(everything.native) == ["a", "b", "c", "d"]


def test_what_tells_pixels_apart_is_every_size_of_what_takes_part() -> None:
    result = small_corpus().pixel_pictures
    assert [(m.row.path, m.side_px) for m in result] == [
        ("a", 400),
        ("c", 400),
        ("a", 96),
        ("c", 96),
    ]


# Measuring


@pytest.fixture
def measure_calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], Prepare]]:
    """What was asked to be measured, and how it was prepared."""
    calls: list[tuple[list[str], Prepare]] = []

    def measure(
        corpus: Corpus, rows: Iterable[ManifestRow], models: Models, prepare: Prepare = unchanged
    ) -> Iterator[MeasuredPicture]:
        rows = list(rows)
        calls.append(([row.path for row in rows], prepare))
        return iter([measured_picture(row) for row in rows])

    monkeypatch.setattr(module, "measure_pictures", measure)
    monkeypatch.setattr(module, "measure_size_effects", lambda corpus, native, models: EFFECTS)
    return calls


def test_everything_is_seen_as_it_is_and_what_takes_part_made_small(measure_calls) -> None:
    result = measure_corpus(Corpus(Path(), ROWS, ""), MODELS)
    assert paths_of(result.native) == ["a", "b", "c", "d"]
    assert list(result.downscaled) == list(seeing.DOWNSCALED_SIDES_PX)
    assert [paths_of(part) for part in result.downscaled.values()] == [SHARED_PATHS] * len(
        seeing.DOWNSCALED_SIDES_PX
    )
    assert measure_calls[0] == (["a", "b", "c", "d"], unchanged)
    assert result.size_effects is EFFECTS


def test_each_size_is_made_as_small_as_it_says(measure_calls) -> None:
    measure_downscaled(Corpus(Path(), ROWS, ""), MODELS, seeing.DOWNSCALED_SIDES_PX)
    picture = Picture(np.full((300, 400, 3), 90, dtype=np.uint8), "PNG", "")
    assert [max(prepare(picture).size) for _, prepare in measure_calls] == list(
        seeing.DOWNSCALED_SIDES_PX
    )


@pytest.mark.parametrize(
    ("size", "made_small"),
    [((400, 300), (200, 150)), ((300, 400), (150, 200)), ((90, 60), (90, 60))],
)
def test_pictures_are_shrunk_in_proportion_and_never_enlarged(
    size: tuple[int, int], made_small: tuple[int, int]
) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    small = make_downscaler(200)(Picture(rgb, "PNG", "ab" * 32))
    assert small.size == made_small
    assert small.sha256 == "ab" * 32


def test_shrinking_recompresses_as_a_platform_would() -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (100, 100, 3), dtype=np.uint8)
    small = make_downscaler(200)(Picture(rgb, "PNG", ""))
    assert 0.0 < np.abs(small.rgb.astype(int) - rgb).mean() < 64.0
