import shutil
from pathlib import Path

import numpy as np
import pytest

from app.analysis.face_result import Measurements
from app.checks import CHECKS
from app.checks.eye_alignment import CHECK as EYE_ALIGNMENT
from app.checks.texture import CHECK as TEXTURE
from app.evidence import Reading
from app.image.picture import Picture
from app.training.corpus import Corpus, CorpusError, ManifestRow
from app.training.evaluation.perturbations import picture_transform, resize
from app.training.measure import MeasuredPicture, Models, measure_pictures, unchanged
from tests.conftest import FACES
from tests.synthetic_faces import ConstantNetwork

NAMES = ("astronaut_ffhq_frame.jpg", "blank.png", "coffee.jpg", "astronaut_ffhq_two_faces.jpg")


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    for name in NAMES:
        shutil.copy(FACES / name, tmp_path)
    (tmp_path / "broken.jpg").write_bytes((FACES / NAMES[0]).read_bytes()[:300])
    (tmp_path / "page.html").write_bytes(b"<html>")
    rows = tuple(
        ManifestRow(n, "real", "avatar", "one") for n in (*NAMES, "broken.jpg", "page.html")
    )
    return Corpus(tmp_path, rows, "0" * 64)


def reading_values(picture: MeasuredPicture) -> list[float]:
    return [m.value for t in picture.faces for _, m in t if isinstance(m, Reading)]


def test_every_picture_is_measured_in_its_order(corpus: Corpus, models: Models) -> None:
    result = list(measure_pictures(corpus, corpus.rows, models, threads=2))
    assert [m.row for m in result] == list(corpus.rows)
    assert [len(m.faces) for m in result] == [1, 0, 0, 2, 0, 0]
    outcomes = [m.no_face_outcome for m in result]
    assert outcomes[:4] == ["", "not_a_photo", "no_face", ""]
    assert outcomes[4] in ("image_truncated", "not_an_image")
    assert outcomes[5] == "not_an_image"
    assert 0.0 < result[0].gan_eye_distance < 0.03
    assert [m.gan_eye_distance for m in result[4:]] == [1.0, 1.0]
    assert [m.side_px for m in result] == [400, 400, 600, 400, 0, 0]
    for measured in result:
        for testimony in measured.faces:
            assert [check for check, _ in testimony] == list(CHECKS)


def test_threads_do_not_change_a_number(corpus: Corpus, models: Models) -> None:
    rows = corpus.rows * 4  # more than one thread gets in its first batch
    alone, together = (list(measure_pictures(corpus, rows, models, threads=n)) for n in (1, 3))
    assert [m.row for m in together] == list(rows)
    assert [reading_values(m) for m in alone] == [reading_values(m) for m in together]


def test_no_rows_no_measurements(corpus: Corpus, models: Models) -> None:
    assert list(measure_pictures(corpus, (), models)) == []


def test_pictures_are_prepared_before_they_are_measured(corpus: Corpus, models: Models) -> None:
    shrink = picture_transform(lambda rgb: resize(rgb, 96))
    (small,) = measure_pictures(corpus, corpus.rows[:1], models, shrink)
    (testimony,) = small.faces
    reading = dict(testimony)[EYE_ALIGNMENT]
    assert isinstance(reading, Reading)
    assert small.side_px == 96
    assert reading.face_measurements[0].eye_distance_px == pytest.approx(24.0, abs=1.5)
    picture = Picture(np.zeros((2, 2, 3), dtype=np.uint8), "PNG", "")
    assert unchanged(picture) is picture


def test_each_row_is_scored_by_the_network_allowed_to(corpus: Corpus, model: bytes) -> None:
    """Where a network was trained on some pictures, another one has to look at those."""
    networks = {name: ConstantNetwork(float(i)) for i, name in enumerate(NAMES)}
    requested: list[ManifestRow] = []

    def network(row: ManifestRow) -> ConstantNetwork:
        requested.append(row)
        return networks[row.path]

    rows = corpus.rows[: len(NAMES)]
    result = list(measure_pictures(corpus, rows, Models(model, network), threads=2))
    assert sorted(requested, key=lambda row: row.path) == sorted(rows, key=lambda row: row.path)
    scores = [[texture_score(t) for t in m.faces] for m in result]
    assert scores == [[0.0], [], [], [3.0, 3.0]]


def texture_score(measurements: Measurements) -> float:
    """What the network said of the whole face."""
    reading = dict(measurements)[TEXTURE]
    assert isinstance(reading, Reading)
    return reading.value


def test_a_missing_file_is_a_fault_of_the_corpus(corpus: Corpus, models: Models) -> None:
    gone = ManifestRow("gone.jpg", "real", "avatar", "one")
    with pytest.raises(CorpusError, match=r"gone\.jpg"):
        list(measure_pictures(corpus, [gone], models))
