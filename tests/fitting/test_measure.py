import shutil
from pathlib import Path

import numpy as np
import pytest

from app.evidence import Reading
from app.fitting.corpus import Corpus, CorpusError, Row
from app.fitting.evasions import prepared, resized
from app.fitting.measure import Measured, as_it_is, measure
from app.picture import Picture
from tests.conftest import FACES

NAMES = ("astronaut_ffhq_frame.jpg", "blank.png", "coffee.jpg", "astronaut_ffhq_two_faces.jpg")


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    for name in NAMES:
        shutil.copy(FACES / name, tmp_path)
    (tmp_path / "broken.jpg").write_bytes((FACES / NAMES[0]).read_bytes()[:300])
    (tmp_path / "page.html").write_bytes(b"<html>")
    rows = tuple(Row(n, "real", "avatar", "one") for n in (*NAMES, "broken.jpg", "page.html"))
    return Corpus(tmp_path, rows, "0" * 64)


def values(found: Measured) -> list[float]:
    return [m.value for t in found.testimonies for _, m in t if isinstance(m, Reading)]


def test_every_picture_is_measured_in_its_order(corpus: Corpus, model: bytes) -> None:
    found = list(measure(corpus, corpus.rows, model, threads=2))
    assert [m.row for m in found] == list(corpus.rows)
    assert [len(m.testimonies) for m in found] == [1, 0, 0, 2, 0, 0]
    outcomes = [m.faceless for m in found]
    assert outcomes[:4] == ["", "not_a_photo", "no_face", ""]
    assert outcomes[4] in ("image_truncated", "not_an_image")
    assert outcomes[5] == "not_an_image"
    assert 0.0 < found[0].gan_eye_distance < 0.03
    assert [m.gan_eye_distance for m in found[4:]] == [1.0, 1.0]


def test_threads_do_not_change_a_number(corpus: Corpus, model: bytes) -> None:
    rows = corpus.rows * 4  # more than one thread gets in its first batch
    alone, together = (list(measure(corpus, rows, model, threads=n)) for n in (1, 3))
    assert [m.row for m in together] == list(rows)
    assert [values(m) for m in alone] == [values(m) for m in together]


def test_no_rows_no_measurements(corpus: Corpus, model: bytes) -> None:
    assert list(measure(corpus, (), model)) == []


def test_pictures_are_prepared_before_they_are_measured(corpus: Corpus, model: bytes) -> None:
    shrink = prepared(lambda rgb: resized(rgb, 96))
    (small,) = measure(corpus, corpus.rows[:1], model, shrink)
    (testimony,) = small.testimonies
    ((_, reading),) = testimony
    assert isinstance(reading, Reading)
    assert reading.sightings[0].eye_distance_px == pytest.approx(24.0, abs=1.5)
    picture = Picture(np.zeros((2, 2, 3), dtype=np.uint8), "PNG", "")
    assert as_it_is(picture) is picture


def test_a_missing_file_is_a_fault_of_the_corpus(corpus: Corpus, model: bytes) -> None:
    gone = Row("gone.jpg", "real", "avatar", "one")
    with pytest.raises(CorpusError, match=r"gone\.jpg"):
        list(measure(corpus, [gone], model))
