from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.fs
import pyarrow.parquet as pq
import pytest

from app.cohort.summary import summarize_results
from app.integrations.results_parquet import (
    SCHEMA,
    NotResults,
    build_row,
    build_table,
    find_results,
    iter_results,
)
from app.records import Failure, Item, ItemResult
from tests.api.picture_server import ShadeAnalyzer, shade_png
from tests.cohort.conftest import (
    generated_results,
    make_failure,
    ordinary_results,
    parameters,
)
from tests.integrations.make_results import make_record

__all__ = ["parameters"]

ANALYSIS = {
    "checks": [
        {"name": "eye_alignment", "status": "measured", "value": 0.8, "llr": 3.1, "marks": []},
        {"name": "teeth", "status": "unmeasurable", "reason": "mouth_closed", "llr": 0.0},
    ],
    "model": {"calibration": "0123456789ab"},
}
LOCAL = pyarrow.fs.LocalFileSystem()


def row_of(result: ItemResult) -> dict[str, object]:
    item = Item(result.seq, result.source, result.custom_id, account=result.account)
    record = result.record
    if record is None:
        assert result.failure is not None
        return build_row(item, result.failure)
    stored = json.dumps({"checks": [], "model": {"calibration": "0"}}).encode()
    return build_row(item, replace(record, analysis=stored, sha256=f"{result.seq:064x}"))


def write(path: Path, results: Sequence[ItemResult]) -> None:
    pq.write_table(build_table([row_of(result) for result in results]), path)


def test_a_row_holds_the_answer_and_a_failure_its_words() -> None:
    account = {"username": "a", "followers_count": "3"}
    item = Item(0, "s#0", "id", account=account)
    record = make_record(3.0, analysis=json.dumps(ANALYSIS).encode(), warnings=("rotated",))
    failure = Failure("not_an_image", "No picture", "text", retryable=False)
    good, bad = build_table([build_row(item, record), build_row(item, failure)]).to_pylist()
    assert (good["source"], good["custom_id"], dict(good["account"])) == ("s#0", "id", account)
    assert good["sha256"] == "a" * 64
    assert (good["llr"], good["llr_ordinary"], good["llr_framed"]) == (3.0, 3.5, 1.5)
    assert (good["eyes"], good["square"]) == ([0.37, 0.47, 0.63, 0.47], [0.5, 0.5, 0.0, 0.0])
    assert good["checks"][1] == {
        "name": "teeth", "value": None, "llr": 0.0, "reason": "mouth_closed",
    }  # fmt: skip
    assert (good["warnings"], good["calibration"]) == (["rotated"], "0123456789ab")
    assert good["error_code"] is None
    assert (bad["error_code"], bad["error_detail"], bad["retryable"]) == (
        "not_an_image", "text", False,
    )  # fmt: skip
    assert bad["llr"] is bad["sha256"] is None


def test_files_say_what_the_list_says(tmp_path: Path, parameters: object) -> None:
    results = [
        *ordinary_results(60),
        *generated_results(12, parameters, first=60),  # type: ignore[arg-type]
        make_failure(72),
    ]
    results = [
        replace(result, custom_id=f"@{result.seq}", account={"followers_count": str(result.seq)})
        for result in results
    ]
    whole = summarize_results(results, prior=0.5, base_rate=0.0005)
    (tmp_path / "below").mkdir()
    (tmp_path / "_parts").mkdir()
    write(tmp_path / "a.parquet", results[:30])
    write(tmp_path / "below" / "b.parquet", results[30:])
    write(tmp_path / "_parts" / "c.parquet", results[:5])
    found = find_results([str(tmp_path)])
    assert len(found[0][1]) == 2
    assert summarize_results(iter_results(found), prior=0.5, base_rate=0.0005) == whole
    apart = find_results([str(tmp_path / "below" / "b.parquet"), str(tmp_path / "a.parquet")])
    turned = summarize_results(iter_results(apart), prior=0.5, base_rate=0.0005)
    assert turned["prevalence"] == whole["prevalence"]
    assert turned["summary"] == whole["summary"]


def test_answers_of_the_analyzer_come_back_as_a_list_counts_them(tmp_path: Path) -> None:
    analyzer = ShadeAnalyzer()
    answers = [analyzer(shade_png(shade), 0.5) for shade in (255, 210, 150, 20)]
    named = [ItemResult(n, f"s#{n}", f"@{n}", record=record) for n, record in enumerate(answers)]
    rows = [build_row(Item(n, f"s#{n}", f"@{n}"), record) for n, record in enumerate(answers)]
    assert {check["name"] for check in rows[0]["checks"]} == {"eye_alignment", "texture"}
    pq.write_table(build_table(rows), tmp_path / "a.parquet")
    read = list(iter_results(find_results([str(tmp_path)])))
    kept = ("sha256", "pdq", "verdict", "llr", "llr_ordinary", "llr_framed", "eye_llr", "square")
    for mine, theirs in zip(named, read, strict=True):
        assert mine.record is not None
        assert theirs.record is not None
        for name in kept:
            assert getattr(mine.record, name) == getattr(theirs.record, name), name
    whole = summarize_results(named, prior=0.5, base_rate=0.0005)
    assert summarize_results(read, prior=0.5, base_rate=0.0005) == whole


def test_what_is_no_result_of_ours_is_told(tmp_path: Path) -> None:
    (tmp_path / "text.parquet").write_text("nothing", encoding="utf-8")
    pq.write_table(pa.table({"llr": [1.0]}), tmp_path / "other.parquet")
    for name in ("text.parquet", "other.parquet"):
        with pytest.raises(NotResults, match=name):
            list(iter_results([(LOCAL, [str(tmp_path / name)])]))
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotResults, match=r"no \.parquet file"):
        find_results([str(tmp_path / "empty")])
    with pytest.raises(FileNotFoundError):
        list(iter_results(find_results([str(tmp_path / "none.parquet")])))
    assert SCHEMA.metadata[b"eyeline.results"] == b"1"
