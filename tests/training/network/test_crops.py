import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from app.face.face import FloatArray
from app.face.landmarks import FaceFinder
from app.face.portrait import Portrait
from app.image.picture import Picture, RgbArray
from app.training.corpus import MANIFEST, Corpus, CorpusError, read
from app.training.network import crops as module
from app.training.network.crops import MASK_SIDE, Crops, keep_crops
from tests.conftest import FACES

FRAME, TWO, SMALL = (
    "astronaut_ffhq_frame.jpg",
    "astronaut_ffhq_two_faces.jpg",
    "astronaut_ffhq_48px.jpg",
)
CAST = (
    (FRAME, "generated", "stylegan2", "maker"),
    (TWO, "real", "avatar", "people"),
    (SMALL, "real", "aligned", "others"),
    ("chelsea.jpg", "real", "nonface", "cats"),
    ("blank.png", "real", "avatar", "people"),
    ("manifest.csv", "real", "avatar", "people"),  # no picture at all
)


class HalfPerson:
    """A network that takes the right half of every crop for the person; counts how often."""

    def __init__(self) -> None:
        self.asked = 0

    def heat(self, rgb: RgbArray) -> FloatArray:
        raise AssertionError("there is no witness yet")

    def person(self, rgb: RgbArray) -> FloatArray:
        self.asked += 1
        mask = np.zeros((192, 192))
        mask[:, 96:] = 1.0
        return mask


def corpus_of(folder: Path, *cast: tuple[str, str, str, str]) -> Corpus:
    folder.mkdir(exist_ok=True)
    for name, *_ in cast:
        (folder / f"copy_{name}").write_bytes((FACES / name).read_bytes())
    with (folder / MANIFEST).open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["path", "label", "kind", "source"])
        table.writerows([f"copy_{name}", *rest] for name, *rest in cast)
    return read(folder)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return corpus_of(tmp_path_factory.mktemp("corpus"), *CAST)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work") / "crops"


@pytest.fixture(scope="module")
def kept(corpus: Corpus, work: Path, model: bytes) -> Crops:
    return keep_crops(corpus, model, HalfPerson(), work)


def test_every_face_of_a_kind_that_is_trained_on_is_kept_in_the_manifests_order(
    kept: Crops, corpus: Corpus
) -> None:
    """No cat, no blank picture, nothing that is no picture."""
    assert [k.row for k in kept.kept] == list(corpus.rows[:3])


def test_crops_are_the_portraits_own(
    kept: Crops, finder: FaceFinder, faces: Callable[[str], Picture]
) -> None:
    for index, name in ((0, FRAME), (2, SMALL)):
        picture = faces(name)
        crop = Portrait(picture, finder.find_faces(picture)[0]).crop
        assert crop is not None
        np.testing.assert_array_equal(kept.rgb(index), crop.rgb)
        assert kept.kept[index].side == crop.side_px
        seen = crop.visible
        assert kept.kept[index].visible == (seen.left, seen.top, seen.right, seen.bottom)


def test_masks_are_the_networks_in_100_px(kept: Crops) -> None:
    for index in range(len(kept.kept)):
        mask = kept.person(index)
        assert mask.shape == (MASK_SIDE, MASK_SIDE)
        assert mask[:, :49].max() == 0
        assert mask[:, 51:].min() >= 254


def test_crops_lie_behind_each_other(kept: Crops) -> None:
    at = 0
    for one in kept.kept:
        assert one.offset == at
        at += one.side**2 * 3
    assert len(kept.pixels) == at
    assert len(kept.masks) == len(kept.kept) * MASK_SIDE**2


def test_the_largest_face_is_kept_of_an_avatar(kept: Crops) -> None:
    assert kept.kept[1].side > 100


def test_what_was_made_is_read_back_and_not_made_again(
    kept: Crops, corpus: Corpus, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> None:
        raise AssertionError("made again")

    monkeypatch.setattr(module, "_make", never)
    again = keep_crops(corpus, b"", HalfPerson(), work)
    assert again.kept == kept.kept
    for index in range(len(kept.kept)):
        np.testing.assert_array_equal(again.rgb(index), kept.rgb(index))
        np.testing.assert_array_equal(again.person(index), kept.person(index))


def test_another_manifest_is_made_anew(tmp_path: Path, model: bytes) -> None:
    work, network = tmp_path / "work", HalfPerson()
    first = corpus_of(tmp_path / "corpus", CAST[0])
    keep_crops(first, model, network, work)
    second = corpus_of(tmp_path / "corpus", (FRAME, "real", "aligned", "people"))
    found = keep_crops(second, model, network, work)
    assert [k.row for k in found.kept] == list(second.rows)
    assert network.asked == 2


def test_a_making_that_broke_off_is_begun_again(tmp_path: Path, model: bytes) -> None:
    work, first = tmp_path / "work", corpus_of(tmp_path / "corpus", CAST[0])
    keep_crops(first, model, HalfPerson(), work)
    second = corpus_of(tmp_path / "corpus", CAST[2])

    class Stopped(HalfPerson):
        def person(self, rgb: RgbArray) -> FloatArray:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        keep_crops(second, model, Stopped(), work)
    network = HalfPerson()
    first = corpus_of(tmp_path / "corpus", CAST[0])
    found = keep_crops(first, model, network, work)
    assert network.asked == 1
    assert found.rgb(0).mean() > 0.0


def test_a_corpus_without_a_face_is_refused_in_words(tmp_path: Path, model: bytes) -> None:
    corpus = corpus_of(tmp_path / "corpus", ("blank.png", "real", "avatar", "people"))
    for _ in range(2):
        with pytest.raises(CorpusError, match="no face was found"):
            keep_crops(corpus, model, HalfPerson(), tmp_path / "work")


def test_the_index_can_be_read_by_anyone(kept: Crops, corpus: Corpus, work: Path) -> None:
    content = json.loads((work / "crops.json").read_text(encoding="utf-8"))
    assert content["manifest"] == corpus.manifest_sha256
    assert [one["row"]["path"] for one in content["kept"]] == [k.row.path for k in kept.kept]
