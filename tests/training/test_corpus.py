import hashlib
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.training.corpus import (
    MANIFEST_FILE,
    Corpus,
    CorpusError,
    ManifestRow,
    assign_folds,
    read_corpus,
)

HEADER = "path,label,kind,source\n"


def write_manifest(root: Path, text: str | bytes) -> Path:
    data = text if isinstance(text, bytes) else text.encode()
    (root / MANIFEST_FILE).write_bytes(data)
    return root


def test_a_manifest_is_read_line_by_line(tmp_path: Path) -> None:
    text = HEADER + "a.jpg,generated,stylegan2,one\nb/c.png,real,avatar,two\n"
    assert read_corpus(write_manifest(tmp_path, text)) == Corpus(
        tmp_path,
        (
            ManifestRow("a.jpg", "generated", "stylegan2", "one"),
            ManifestRow("b/c.png", "real", "avatar", "two"),
        ),
        hashlib.sha256(text.encode()).hexdigest(),
    )


def test_more_columns_in_another_order_do_no_harm(tmp_path: Path) -> None:
    text = "\ufeffsource,note,label,path,kind\r\none,hello,real,a.jpg,avatar\r\n"
    (row,) = read_corpus(write_manifest(tmp_path, text)).rows
    assert row == ManifestRow("a.jpg", "real", "avatar", "one")


def test_who_is_generated_is_the_labels_to_say() -> None:
    assert ManifestRow("a", "generated", "avatar", "s").is_generated
    assert not ManifestRow("a", "real", "stylegan2", "s").is_generated


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "lacks the columns path, label, kind, source"),
        ("path,label\na,real\n", "lacks the columns kind, source"),
        (HEADER, "lists no pictures"),
        (HEADER + "a.jpg,fake,stylegan2,one\nb.jpg,real,avatar,two\n", "labels .*: fake"),
        (HEADER + "a.jpg,Generated,stylegan2,one\n", "labels .*: Generated"),
    ],
)
def test_a_wrong_manifest_says_what_is_wrong(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(CorpusError, match=complaint):
        read_corpus(write_manifest(tmp_path, text))


def test_a_line_that_breaks_off_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="line 3"):
        read_corpus(write_manifest(tmp_path, HEADER + "a.jpg,real,avatar,two\nb.jpg,real\n"))


def test_a_manifest_that_is_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="UTF-8"):
        read_corpus(write_manifest(tmp_path, HEADER.encode() + b"\xff\xfe.jpg,real,avatar,two\n"))


def test_a_folder_without_a_manifest_is_no_corpus(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="cannot read"):
        read_corpus(tmp_path)


kinds = st.sampled_from(["stylegan1", "stylegan2", "avatar", "portrait"])
corpora = st.lists(st.tuples(kinds, st.integers(0, 9)), min_size=1, max_size=80)


def make_rows(pairs: list[tuple[str, int]]) -> list[ManifestRow]:
    generated_kinds = ("stylegan1", "stylegan2")
    return [
        ManifestRow(
            f"{i}.jpg", "generated" if kind in generated_kinds else "real", kind, f"s{source}"
        )
        for i, (kind, source) in enumerate(pairs)
    ]


@given(corpora, st.integers(2, 6))
def test_no_collector_stands_in_two_folds(pairs: list[tuple[str, int]], count: int) -> None:
    rows = make_rows(pairs)
    fold = assign_folds(rows, count)
    assert len(fold) == len(rows)
    assert set(fold) <= set(range(count))
    homes: dict[str, set[int]] = {}
    for row, home in zip(rows, fold, strict=True):
        homes.setdefault(row.collector, set()).add(home)
    assert all(len(result) == 1 for result in homes.values())


@given(corpora, st.integers(2, 6), st.randoms(use_true_random=False))
def test_folds_do_not_depend_on_the_order_of_rows(
    pairs: list[tuple[str, int]], count: int, random
) -> None:
    rows = make_rows(pairs)
    home = dict(zip((r.path for r in rows), assign_folds(rows, count), strict=True))
    shuffled = random.sample(rows, len(rows))
    assert assign_folds(shuffled, count) == [home[r.path] for r in shuffled]
    assert assign_folds(rows, count) == assign_folds(rows, count)


def test_kinds_are_spread_over_the_folds() -> None:
    rows = make_rows([(kind, n) for n in range(10) for kind in ("avatar",) for _ in range(5)])
    assert Counter(assign_folds(rows, 5)) == Counter(dict.fromkeys(range(5), 10))
    two = make_rows([("stylegan2", n) for n in (0, 1)] + [("avatar", n) for n in range(2, 8)])
    home = dict(zip((r.source for r in two), assign_folds(two, 5), strict=True))
    assert home["s0"] != home["s1"]  # what one maker shows is learned from the other


@pytest.mark.parametrize("source", ["xrv0", "dinablachman", "Seif-Hussein"])
def test_collectors_of_the_same_photographs_stay_together(source: str) -> None:
    small, large = (
        ManifestRow("a", "real", "avatar", source),
        ManifestRow("b", "real", "avatar", "zoya2244"),
    )
    assert small.collector == large.collector
    others = [ManifestRow(f"{n}", "real", "avatar", f"s{n}") for n in range(8)]
    fold = assign_folds([small, *others, large], 5)
    assert fold[0] == fold[-1]
