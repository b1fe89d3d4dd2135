import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from app.arrays import FloatArray, RgbArray
from app.face.landmarks import FaceFinder
from app.face.portrait import Portrait
from app.image.picture import Picture
from app.training.corpus import MANIFEST_FILE, Corpus, CorpusError, read_corpus
from app.training.network import crops as module
from app.training.network.crops import MASK_SIDE_PX, CropDataset, load_or_make_crops
from tests.conftest import FACES
from tests.synthetic_faces import RegionNetwork

FRAMED_FILE, TWO_FACES_FILE, SMALL_FILE = (
    "astronaut_ffhq_frame.jpg",
    "astronaut_ffhq_two_faces.jpg",
    "astronaut_ffhq_48px.jpg",
)
CORPUS_ROWS = (
    (FRAMED_FILE, "generated", "stylegan2", "maker"),
    (TWO_FACES_FILE, "real", "avatar", "people"),
    (SMALL_FILE, "real", "aligned", "others"),
    ("chelsea.jpg", "real", "nonface", "cats"),
    ("blank.png", "real", "avatar", "people"),
    ("manifest.csv", "real", "avatar", "people"),  # no picture at all
)


class HalfPerson(RegionNetwork):
    """A network that takes the right half of every crop for the person; counts how often."""

    def __init__(self) -> None:
        self.call_count = 0

    def score_map(self, rgb: RgbArray) -> FloatArray:
        raise AssertionError("there is no network yet")

    def person_mask(self, rgb: RgbArray) -> FloatArray:
        self.call_count += 1
        mask = np.zeros((192, 192))
        mask[:, 96:] = 1.0
        return mask


def write_corpus(folder: Path, *rows: tuple[str, str, str, str]) -> Corpus:
    folder.mkdir(exist_ok=True)
    for name, *_ in rows:
        (folder / f"copy_{name}").write_bytes((FACES / name).read_bytes())
    with (folder / MANIFEST_FILE).open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["path", "label", "kind", "source"])
        table.writerows([f"copy_{name}", *rest] for name, *rest in rows)
    return read_corpus(folder)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return write_corpus(tmp_path_factory.mktemp("corpus"), *CORPUS_ROWS)


@pytest.fixture(scope="module")
def work_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work") / "crops"


@pytest.fixture(scope="module")
def dataset(corpus: Corpus, work_dir: Path, model: bytes) -> CropDataset:
    return load_or_make_crops(corpus, model, HalfPerson(), work_dir)


def test_every_face_of_a_kind_that_is_trained_on_is_kept_in_the_manifests_order(
    dataset: CropDataset, corpus: Corpus
) -> None:
    """No cat, no blank picture, nothing that is no picture."""
    assert [k.row for k in dataset.records] == list(corpus.rows[:3])


def test_crops_are_the_portraits_own(
    dataset: CropDataset, finder: FaceFinder, faces: Callable[[str], Picture]
) -> None:
    for index, name in ((0, FRAMED_FILE), (2, SMALL_FILE)):
        picture = faces(name)
        crop = Portrait(picture, finder.find_faces(picture)[0]).crop
        assert crop is not None
        np.testing.assert_array_equal(dataset.rgb(index), crop.rgb)
        assert dataset.records[index].side == crop.side_px
        seen = crop.visible
        assert dataset.records[index].visible == (seen.left, seen.top, seen.right, seen.bottom)


def test_masks_are_the_networks_in_100_px(dataset: CropDataset) -> None:
    for index in range(len(dataset.records)):
        mask = dataset.person_mask(index)
        assert mask.shape == (MASK_SIDE_PX, MASK_SIDE_PX)
        assert mask[:, :49].max() == 0
        assert mask[:, 51:].min() >= 254


def test_crops_are_stored_back_to_back(dataset: CropDataset) -> None:
    offset = 0
    for record in dataset.records:
        assert record.offset == offset
        offset += record.side**2 * 3
    assert len(dataset.pixels) == offset
    assert len(dataset.masks) == len(dataset.records) * MASK_SIDE_PX**2


def test_the_largest_face_is_kept_of_an_avatar(dataset: CropDataset) -> None:
    assert dataset.records[1].side > 100


def test_what_was_made_is_read_back_and_not_made_again(
    dataset: CropDataset, corpus: Corpus, work_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail_extract(*_: object) -> None:
        raise AssertionError("made again")

    monkeypatch.setattr(module, "_extract_crops", fail_extract)
    again = load_or_make_crops(corpus, b"", HalfPerson(), work_dir)
    assert again.records == dataset.records
    for index in range(len(dataset.records)):
        np.testing.assert_array_equal(again.rgb(index), dataset.rgb(index))
        np.testing.assert_array_equal(again.person_mask(index), dataset.person_mask(index))


def test_another_manifest_is_made_anew(tmp_path: Path, model: bytes) -> None:
    work, network = tmp_path / "work", HalfPerson()
    first = write_corpus(tmp_path / "corpus", CORPUS_ROWS[0])
    load_or_make_crops(first, model, network, work)
    second = write_corpus(tmp_path / "corpus", (FRAMED_FILE, "real", "aligned", "people"))
    result = load_or_make_crops(second, model, network, work)
    assert [k.row for k in result.records] == list(second.rows)
    assert network.call_count == 2


def test_a_making_that_broke_off_is_begun_again(tmp_path: Path, model: bytes) -> None:
    work, first = tmp_path / "work", write_corpus(tmp_path / "corpus", CORPUS_ROWS[0])
    load_or_make_crops(first, model, HalfPerson(), work)
    second = write_corpus(tmp_path / "corpus", CORPUS_ROWS[2])

    class Stopped(HalfPerson):
        def person_mask(self, rgb: RgbArray) -> FloatArray:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_or_make_crops(second, model, Stopped(), work)
    network = HalfPerson()
    first = write_corpus(tmp_path / "corpus", CORPUS_ROWS[0])
    result = load_or_make_crops(first, model, network, work)
    assert network.call_count == 1
    assert result.rgb(0).mean() > 0.0


def test_a_corpus_without_a_face_is_refused_in_words(tmp_path: Path, model: bytes) -> None:
    corpus = write_corpus(tmp_path / "corpus", ("blank.png", "real", "avatar", "people"))
    for _ in range(2):
        with pytest.raises(CorpusError, match="no face was found"):
            load_or_make_crops(corpus, model, HalfPerson(), tmp_path / "work")


def test_the_index_can_be_read_by_anyone(
    dataset: CropDataset, corpus: Corpus, work_dir: Path
) -> None:
    content = json.loads((work_dir / "crops.json").read_text(encoding="utf-8"))
    assert content["manifest"] == corpus.manifest_sha256
    assert [one["row"]["path"] for one in content["kept"]] == [k.row.path for k in dataset.records]
