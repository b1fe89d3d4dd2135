from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import MODELS_DIR
from app.calibration import calibration
from app.calibration.calibration import load_calibration
from app.checks import CHECKS
from app.networks.onnx import FACE_NETWORK_FILE, REGION_NETWORK_FILE
from app.training import held_out_networks
from app.training.corpus import Corpus, CorpusError, ManifestRow
from app.training.held_out_networks import (
    HELD_OUT_DIR,
    SPLIT_BY_PICTURE,
    SPLIT_COUNT,
    SPLITS_FILE,
    NetworkSplits,
    extend_splits,
    face_network_file,
    load_models,
    network_file,
    read_splits,
)
from app.training.measure import Models

SHIPPED_FILES = (REGION_NETWORK_FILE, FACE_NETWORK_FILE)
NAMES = st.text(max_size=12)
network_splits = st.builds(
    NetworkSplits,
    st.text("0123456789abcdef", min_size=64, max_size=64),
    st.dictionaries(NAMES, st.sampled_from((*range(SPLIT_COUNT), SPLIT_BY_PICTURE))),
    st.dictionaries(NAMES, st.sampled_from(range(SPLIT_COUNT))),
)
SMALL_SPLITS = NetworkSplits(
    "a" * 64, {"one": 0, "two": 3, "only": SPLIT_BY_PICTURE}, {"only_a.jpg": 1, "only_b.jpg": 2}
)


def make_row(source: str, path: str = "a.jpg") -> ManifestRow:
    return ManifestRow(path, "real", "avatar", source)


def write_splits(models_dir: Path, text: str) -> Path:
    (models_dir / HELD_OUT_DIR).mkdir(exist_ok=True)
    (models_dir / HELD_OUT_DIR / SPLITS_FILE).write_text(text, encoding="utf-8")
    return models_dir


# The file


@pytest.fixture(scope="module")
def models_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@given(network_splits)
def test_what_is_written_is_read_back(models_dir: Path, made: NetworkSplits) -> None:
    result = read_splits(write_splits(models_dir, made.to_json()))
    assert result == made
    assert result.to_json() == made.to_json()


def test_the_file_is_sorted_so_that_a_diff_shows_what_changed() -> None:
    backwards = NetworkSplits(
        "a" * 64,
        dict(reversed(list(SMALL_SPLITS.collectors.items()))),
        dict(reversed(list(SMALL_SPLITS.pictures.items()))),
    )
    assert backwards.to_json() == SMALL_SPLITS.to_json()
    assert SMALL_SPLITS.to_json().endswith("}\n")


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
        read_splits(write_splits(tmp_path, text))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=f"cannot read {tmp_path}.*{SPLITS_FILE}.*fit-texture"):
        read_splits(tmp_path)


# Who is where


def test_a_collectors_part_is_all_its_pictures() -> None:
    for path in ("a.jpg", "only_b.jpg"):
        assert SMALL_SPLITS.split_of(make_row("one", path)) == 0
        assert SMALL_SPLITS.split_of(make_row("two", path)) == 3


def test_a_split_collectors_pictures_are_told_by_path() -> None:
    assert SMALL_SPLITS.split_of(make_row("only", "only_a.jpg")) == 1
    assert SMALL_SPLITS.split_of(make_row("only", "only_b.jpg")) == 2


@pytest.mark.parametrize("of", [make_row("newcomer"), make_row("only", "only_new.jpg")])
def test_an_unknown_collector_or_picture_is_refused_in_words(of: ManifestRow) -> None:
    with pytest.raises(CorpusError, match=f"without {of.path} of {of.source}: run `make fit-tex"):
        SMALL_SPLITS.split_of(of)


# Who reads what


@dataclass(frozen=True)
class NamedNetworks:
    """Stands for the networks that were loaded from a file."""

    file: str
    face_file: str


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(held_out_networks, "load_landmark_model", lambda _: b"landmarks")
    monkeypatch.setattr(
        held_out_networks,
        "load_networks",
        lambda _, region=REGION_NETWORK_FILE, face=FACE_NETWORK_FILE: NamedNetworks(region, face),
    )
    return write_splits(tmp_path, SMALL_SPLITS.to_json())


def network_files_for(models: Models, row: ManifestRow) -> tuple[str, str]:
    """The files of the two networks that may look at the picture of ``make_row``."""
    network = models.network_for(row)
    assert isinstance(network, NamedNetworks)
    return network.file, network.face_file


def make_corpus(manifest_sha256: str) -> Corpus:
    return Corpus(Path(), (make_row("one"),), manifest_sha256)


@pytest.mark.parametrize(
    ("of", "part"),
    [
        (make_row("one"), 0),
        (make_row("two"), 3),
        (make_row("only", "only_a.jpg"), 1),
        (make_row("only", "only_b.jpg"), 2),
    ],
)
def test_a_picture_is_read_by_the_network_that_did_not_see_its_part(
    models: Path, of: ManifestRow, part: int
) -> None:
    result = load_models(make_corpus("a" * 64), models, use_shipped=False)
    assert result.landmarks == b"landmarks"
    assert network_files_for(result, of) == (network_file(part), face_network_file(part))
    assert result.network_index_for(of) == part


def test_a_corpus_that_was_trained_on_has_no_reader_for_a_newcomer(models: Path) -> None:
    result = load_models(make_corpus("a" * 64), models, use_shipped=False)
    with pytest.raises(CorpusError, match="newcomer"):
        result.network_for(make_row("newcomer"))


def test_another_corpus_is_read_by_the_network_that_ships(models: Path) -> None:
    result = load_models(make_corpus("b" * 64), models, use_shipped=False)
    for source in ("one", "two", "newcomer"):
        assert network_files_for(result, make_row(source)) == SHIPPED_FILES


def test_the_network_that_ships_may_be_asked_for(models: Path) -> None:
    (models / HELD_OUT_DIR / SPLITS_FILE).unlink()  # nobody needs it then
    result = load_models(make_corpus("a" * 64), models, use_shipped=True)
    assert network_files_for(result, make_row("one")) == SHIPPED_FILES


def test_without_parts_a_corpus_cannot_be_read_held_out(models: Path) -> None:
    (models / HELD_OUT_DIR / SPLITS_FILE).unlink()
    with pytest.raises(CorpusError, match="restore it"):
        load_models(make_corpus("a" * 64), models, use_shipped=False)


# What is kept here


def test_the_parts_kept_here_are_those_of_the_corpus_that_was_fitted_on() -> None:
    fitted = load_calibration(MODELS_DIR / calibration.CALIBRATION_FILE, CHECKS).file.fitted_on
    assert read_splits(MODELS_DIR).manifest_sha256 == fitted.manifest_sha256


def test_every_part_has_a_network_of_its_own_here_and_none_is_the_one_that_ships() -> None:
    names = [
        file(part) for part in range(SPLIT_COUNT) for file in (network_file, face_network_file)
    ]
    files = [MODELS_DIR / name for name in (*names, *SHIPPED_FILES)]
    assert len({file.read_bytes() for file in files}) == 2 * (SPLIT_COUNT + 1)


# A larger corpus


def test_a_larger_corpus_keeps_every_part_and_deals_out_what_is_new() -> None:
    rows = (
        *(make_row("one", f"one_{n}.jpg") for n in range(6)),
        make_row("two", "two.jpg"),
        make_row("new", "new_a.jpg"),
        make_row("new", "new_b.jpg"),
        make_row("only", "only_a.jpg"),
        make_row("only", "only_new.jpg"),
    )
    extended = extend_splits(SMALL_SPLITS, Corpus(Path(), rows, "b" * 64))
    assert extended.manifest_sha256 == "b" * 64
    assert SMALL_SPLITS.collectors.items() <= extended.collectors.items()
    assert SMALL_SPLITS.pictures.items() <= extended.pictures.items()
    splits = [extended.split_of(row) for row in rows]
    assert splits[:7] == [0] * 6 + [3]
    assert splits[7] == splits[8]  # a collector is in one part
    assert splits[7] not in (0, 3)  # which holds least so far
    assert splits[9] == 1
    assert splits[10] in range(SPLIT_COUNT)
