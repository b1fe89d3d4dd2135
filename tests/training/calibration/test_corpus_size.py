"""What a corpus has too little of."""

from __future__ import annotations

from pathlib import Path

from app.training.calibration.corpus_size import size_warnings
from app.training.corpus import Corpus, ManifestRow


def make_corpus(ordinary: int, framed: int, generated: int, collectors: int) -> Corpus:
    counts = (
        ("avatar", "real", ordinary),
        ("aligned", "real", framed),
        ("stylegan2", "generated", generated),
    )
    rows = tuple(
        ManifestRow(f"{kind}{n}.jpg", label, kind, f"{label}{n % collectors}")
        for kind, label, count in counts
        for n in range(count)
    )
    return Corpus(Path(), rows, "")


def test_a_large_corpus_has_enough() -> None:
    assert size_warnings(make_corpus(3_000, 300, 300, 10)) == []


def test_everything_that_is_short_is_named() -> None:
    warnings = size_warnings(make_corpus(2_999, 299, 24, 9))
    beginnings = ["2999 ordinary", "299 photographs in the frame", "24 generated"]
    beginnings += ["generated pictures come from 9", "real pictures come from 9"]
    assert [w.startswith(b) for w, b in zip(warnings, beginnings, strict=True)] == [True] * 5
