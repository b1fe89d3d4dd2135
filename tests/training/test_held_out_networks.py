from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.calibration import calibration
from app.calibration.calibration import load
from app.checks import CHECKS
from app.networks.onnx import WITNESS_FILE
from app.settings import MODELS_DIR
from app.training import held_out_networks
from app.training.corpus import Corpus, CorpusError, Row
from app.training.held_out_networks import (
    FILE,
    FOLDER,
    PARTS,
    SPLIT,
    Parts,
    models_for,
    read_parts,
    witness_of,
)
from app.training.measure import Models

NAMES = st.text(max_size=12)
parts = st.builds(
    Parts,
    st.text("0123456789abcdef", min_size=64, max_size=64),
    st.dictionaries(NAMES, st.sampled_from((*range(PARTS), SPLIT))),
    st.dictionaries(NAMES, st.sampled_from(range(PARTS))),
)
SMALL = Parts("a" * 64, {"one": 0, "two": 3, "only": SPLIT}, {"only_a.jpg": 1, "only_b.jpg": 2})


def row(source: str, path: str = "a.jpg") -> Row:
    return Row(path, "real", "avatar", source)


def kept(folder: Path, text: str) -> Path:
    (folder / FOLDER).mkdir(exist_ok=True)
    (folder / FOLDER / FILE).write_text(text, encoding="utf-8")
    return folder


# The file


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@given(parts)
def test_what_is_written_is_read_back(folder: Path, made: Parts) -> None:
    found = read_parts(kept(folder, made.written()))
    assert found == made
    assert found.written() == made.written()


def test_the_file_is_sorted_so_that_a_diff_shows_what_changed() -> None:
    backwards = Parts(
        "a" * 64,
        dict(reversed(list(SMALL.collectors.items()))),
        dict(reversed(list(SMALL.pictures.items()))),
    )
    assert backwards.written() == SMALL.written()
    assert SMALL.written().endswith("}\n")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "no json",
        '{"manifest_sha256": "", "collectors": {}}',
        '{"manifest_sha256": "", "collectors": [], "pictures": {}}',
        '{"manifest_sha256": "", "collectors": {"one": "first"}, "pictures": {}}',
        '{"manifest_sha256": "", "collectors": {}, "pictures": 3}',
    ],
)
def test_a_spoiled_file_is_named(text: str, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=f"cannot read {tmp_path}.*restore it"):
        read_parts(kept(tmp_path, text))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=f"cannot read {tmp_path}.*{FILE}.*fit-texture"):
        read_parts(tmp_path)


# Who is where


def test_a_collectors_part_is_all_its_pictures() -> None:
    for path in ("a.jpg", "only_b.jpg"):
        assert SMALL.part(row("one", path)) == 0
        assert SMALL.part(row("two", path)) == 3


def test_a_split_collectors_pictures_are_told_by_path() -> None:
    assert SMALL.part(row("only", "only_a.jpg")) == 1
    assert SMALL.part(row("only", "only_b.jpg")) == 2


@pytest.mark.parametrize("of", [row("newcomer"), row("only", "only_new.jpg")])
def test_an_unknown_collector_or_picture_is_refused_in_words(of: Row) -> None:
    with pytest.raises(CorpusError, match=f"without {of.path} of {of.source}: run `make fit-tex"):
        SMALL.part(of)


# Who reads what


@dataclass(frozen=True)
class Named:
    """Stands for the networks that were loaded from a file."""

    witness: str


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(held_out_networks, "load_model", lambda _: b"landmarks")
    monkeypatch.setattr(
        held_out_networks, "load_networks", lambda _, witness=WITNESS_FILE: Named(witness)
    )
    return kept(tmp_path, SMALL.written())


def reader(models: Models, row: Row) -> str:
    """The file of the network that may look at the picture of ``row``."""
    network = models.network(row)
    assert isinstance(network, Named)
    return network.witness


def corpus(manifest_sha256: str) -> Corpus:
    return Corpus(Path(), (row("one"),), manifest_sha256)


@pytest.mark.parametrize(
    ("of", "part"),
    [
        (row("one"), 0),
        (row("two"), 3),
        (row("only", "only_a.jpg"), 1),
        (row("only", "only_b.jpg"), 2),
    ],
)
def test_a_picture_is_read_by_the_network_that_did_not_see_its_part(
    models: Path, of: Row, part: int
) -> None:
    found = models_for(corpus("a" * 64), models, shipped=False)
    assert found.landmarks == b"landmarks"
    assert reader(found, of) == witness_of(part)
    assert found.reader(of) == part


def test_a_corpus_that_was_trained_on_has_no_reader_for_a_newcomer(models: Path) -> None:
    found = models_for(corpus("a" * 64), models, shipped=False)
    with pytest.raises(CorpusError, match="newcomer"):
        found.network(row("newcomer"))


def test_another_corpus_is_read_by_the_network_that_ships(models: Path) -> None:
    found = models_for(corpus("b" * 64), models, shipped=False)
    for source in ("one", "two", "newcomer"):
        assert reader(found, row(source)) == WITNESS_FILE


def test_the_network_that_ships_may_be_asked_for(models: Path) -> None:
    (models / FOLDER / FILE).unlink()  # nobody needs it then
    found = models_for(corpus("a" * 64), models, shipped=True)
    assert reader(found, row("one")) == WITNESS_FILE


def test_without_parts_a_corpus_cannot_be_read_held_out(models: Path) -> None:
    (models / FOLDER / FILE).unlink()
    with pytest.raises(CorpusError, match="restore it"):
        models_for(corpus("a" * 64), models, shipped=False)


# What is kept here


def test_the_parts_kept_here_are_those_of_the_corpus_that_was_fitted_on() -> None:
    fitted = load(MODELS_DIR / calibration.FILE, CHECKS).file.fitted_on
    assert read_parts(MODELS_DIR).manifest_sha256 == fitted.manifest_sha256


def test_every_part_has_a_network_of_its_own_here_and_none_is_the_one_that_ships() -> None:
    files = [MODELS_DIR / witness_of(part) for part in range(PARTS)] + [MODELS_DIR / WITNESS_FILE]
    assert len({file.read_bytes() for file in files}) == PARTS + 1
