import hashlib
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.training.corpus import MANIFEST, Corpus, CorpusError, Row, folds, read

HEAD = "path,label,kind,source\n"


def write(root: Path, text: str | bytes) -> Path:
    data = text if isinstance(text, bytes) else text.encode()
    (root / MANIFEST).write_bytes(data)
    return root


def test_a_manifest_is_read_line_by_line(tmp_path: Path) -> None:
    text = HEAD + "a.jpg,generated,stylegan2,one\nb/c.png,real,avatar,two\n"
    assert read(write(tmp_path, text)) == Corpus(
        tmp_path,
        (Row("a.jpg", "generated", "stylegan2", "one"), Row("b/c.png", "real", "avatar", "two")),
        hashlib.sha256(text.encode()).hexdigest(),
    )


def test_more_columns_in_another_order_do_no_harm(tmp_path: Path) -> None:
    text = "\ufeffsource,note,label,path,kind\r\none,hello,real,a.jpg,avatar\r\n"
    (row,) = read(write(tmp_path, text)).rows
    assert row == Row("a.jpg", "real", "avatar", "one")


def test_who_is_generated_is_the_labels_to_say() -> None:
    assert Row("a", "generated", "avatar", "s").generated
    assert not Row("a", "real", "stylegan2", "s").generated


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "lacks the columns path, label, kind, source"),
        ("path,label\na,real\n", "lacks the columns kind, source"),
        (HEAD, "names no picture"),
        (HEAD + "a.jpg,fake,stylegan2,one\nb.jpg,real,avatar,two\n", "labels .*: fake"),
        (HEAD + "a.jpg,Generated,stylegan2,one\n", "labels .*: Generated"),
    ],
)
def test_a_wrong_manifest_says_what_is_wrong(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(CorpusError, match=complaint):
        read(write(tmp_path, text))


def test_a_line_that_breaks_off_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="line 3"):
        read(write(tmp_path, HEAD + "a.jpg,real,avatar,two\nb.jpg,real\n"))


def test_a_manifest_that_is_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="UTF-8"):
        read(write(tmp_path, HEAD.encode() + b"\xff\xfe.jpg,real,avatar,two\n"))


def test_a_folder_without_a_manifest_is_no_corpus(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="cannot read"):
        read(tmp_path)


kinds = st.sampled_from(["stylegan1", "stylegan2", "avatar", "portrait"])
corpora = st.lists(st.tuples(kinds, st.integers(0, 9)), min_size=1, max_size=80)


def rows_of(pairs: list[tuple[str, int]]) -> list[Row]:
    made = ("stylegan1", "stylegan2")
    return [
        Row(f"{i}.jpg", "generated" if kind in made else "real", kind, f"s{source}")
        for i, (kind, source) in enumerate(pairs)
    ]


@given(corpora, st.integers(2, 6))
def test_no_collector_stands_in_two_folds(pairs: list[tuple[str, int]], count: int) -> None:
    rows = rows_of(pairs)
    fold = folds(rows, count)
    assert len(fold) == len(rows)
    assert set(fold) <= set(range(count))
    homes: dict[str, set[int]] = {}
    for row, home in zip(rows, fold, strict=True):
        homes.setdefault(row.collector, set()).add(home)
    assert all(len(found) == 1 for found in homes.values())


@given(corpora, st.integers(2, 6), st.randoms(use_true_random=False))
def test_folds_do_not_depend_on_the_order_of_rows(
    pairs: list[tuple[str, int]], count: int, random
) -> None:
    rows = rows_of(pairs)
    home = dict(zip((r.path for r in rows), folds(rows, count), strict=True))
    shuffled = random.sample(rows, len(rows))
    assert folds(shuffled, count) == [home[r.path] for r in shuffled]
    assert folds(rows, count) == folds(rows, count)


def test_kinds_are_spread_over_the_folds() -> None:
    rows = rows_of([(kind, n) for n in range(10) for kind in ("avatar",) for _ in range(5)])
    assert Counter(folds(rows, 5)) == Counter(dict.fromkeys(range(5), 10))
    two = rows_of([("stylegan2", n) for n in (0, 1)] + [("avatar", n) for n in range(2, 8)])
    home = dict(zip((r.source for r in two), folds(two, 5), strict=True))
    assert home["s0"] != home["s1"]  # what one maker shows is learned from the other


@pytest.mark.parametrize("source", ["xrv0", "dinablachman", "Seif-Hussein"])
def test_collectors_of_the_same_photographs_stay_together(source: str) -> None:
    small, large = Row("a", "real", "avatar", source), Row("b", "real", "avatar", "zoya2244")
    assert small.collector == large.collector
    others = [Row(f"{n}", "real", "avatar", f"s{n}") for n in range(8)]
    fold = folds([small, *others, large], 5)
    assert fold[0] == fold[-1]
