"""Results out: what stands in a line, a page and a row, and what a spreadsheet may not run."""

from __future__ import annotations

import csv
import io
import itertools
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.batches import export
from app.evidence import Outcome, Verdict
from app.records import Failure, ItemResult, PictureRecord

ANALYSIS: dict[str, Any] = {
    "outcome": "scored",
    "verdict": "likely_stylegan",
    "likelihood": 0.99,
    "posterior_at_base_rate": 0.05,
    "llr": -1.2,
    "llr_interval": [-1.5, -1.0],
    "support": "moderate",
    "checks": [
        {"name": "eye_alignment", "status": "measured", "llr": -2.0},
        {"name": "teeth", "status": "unmeasurable", "llr": 0.0},
    ],
}
CHECKS = export.check_names(json.dumps(ANALYSIS).encode())
FAILURE = Failure("url_invalid", "This URL cannot be used", "=Line 3 is wrong.", retryable=False)


def build_record(analysis: bytes | None = None) -> PictureRecord:
    return PictureRecord(
        sha256="ab" * 32,
        pdq="00ff" * 16,
        pdq_quality=100,
        outcome=Outcome.SCORED,
        verdict=Verdict.LIKELY_STYLEGAN,
        llr=-1.2,
        llr_ordinary=-1.25,
        llr_framed=-0.5,
        eye_llr=-2.0,
        analysis=json.dumps(ANALYSIS).encode() if analysis is None else analysis,
        width=400,
        height=400,
        template="ffhq",
        transform="untouched",
        warnings=("several_faces", "animated"),
    )


SCORED_RESULT = ItemResult(
    0, "https://example.org/a.jpg", "@ada", 2, ("@ada", "a.jpg"), record=build_record()
)
FAILED_RESULT = ItemResult(1, "-2+3", None, 3, ("=1+1", ""), failure=FAILURE)
SHORT_ROW_RESULT = ItemResult(2, "c.jpg", "@cy", 4, (), record=build_record())
RESULTS = [SCORED_RESULT, FAILED_RESULT, SHORT_ROW_RESULT]
UNDECIDED = dict.fromkeys(("decision", "decision_by", "decision_at", "decision_note"))


def exported_rows(results: list[ItemResult], columns: tuple[str, ...]) -> list[dict[str, str]]:
    return list(
        csv.DictReader(
            io.StringIO(b"".join(export.stream_csv(results, columns, CHECKS)).decode(), newline="")
        )
    )


def exported_header(columns: tuple[str, ...], results: list[ItemResult] = RESULTS) -> list[str]:
    text = b"".join(export.stream_csv(results, columns, CHECKS)).decode()
    return next(csv.reader(io.StringIO(text, newline="")))


def test_a_line_is_the_answer_with_its_item_s_names_before_it() -> None:
    line = json.loads(export.format_line(SCORED_RESULT))
    assert list(line)[:4] == ["seq", "source", "id", "custom_id"]
    assert line["id"].startswith("an_")
    assert len(line.pop("id")) == 27
    names = {"seq": 0, "source": SCORED_RESULT.source, "custom_id": "@ada"}
    assert line == {**names, **UNDECIDED, **ANALYSIS}


@pytest.mark.parametrize("analysis", [b"{}", b" { } ", b'{"a":1}', b' {"a": {"b": []}} \n'])
def test_the_kept_answer_is_spliced_whatever_its_spaces(analysis: bytes) -> None:
    line = json.loads(export.format_line(ItemResult(5, "s", record=build_record(analysis))))
    assert {key: line[key] for key in json.loads(analysis)} == json.loads(analysis)
    assert line["seq"] == 5


def test_a_line_of_a_failure() -> None:
    assert json.loads(export.format_line(FAILED_RESULT)) == {
        "seq": 1,
        "source": "-2+3",
        "custom_id": None,
        **UNDECIDED,
        "error": {
            "code": "url_invalid",
            "title": "This URL cannot be used",
            "detail": "=Line 3 is wrong.",
            "retryable": False,
        },
    }


def test_an_id_depends_on_place_picture_and_answer_alone() -> None:
    def id_of(result: ItemResult) -> str:
        return str(json.loads(export.format_line(result))["id"])

    assert id_of(SCORED_RESULT) == id_of(ItemResult(0, "elsewhere", record=build_record()))
    others = [
        ItemResult(1, "", record=build_record()),
        ItemResult(0, "", record=build_record(b"{}")),
    ]
    assert len({id_of(SCORED_RESULT), *map(id_of, others)}) == 3


@given(st.text(), st.none() | st.text())
def test_a_line_is_one_line_of_json(source: str, custom_id: str | None) -> None:
    for result in (
        ItemResult(0, source, custom_id, record=build_record()),
        ItemResult(0, source, custom_id, failure=FAILURE),
    ):
        assert b"\n" not in export.format_line(result)
        assert json.loads(export.format_line(result))["source"] == source


def test_a_stream_ends_in_its_summary() -> None:
    lines = b"".join(export.stream_ndjson(RESULTS, {"total": 3})).splitlines()
    assert lines[:-1] == [export.format_line(result) for result in RESULTS]
    assert json.loads(lines[-1]) == {"summary": {"total": 3}}
    assert b"".join(export.stream_ndjson(RESULTS, None)).splitlines() == lines[:-1]
    assert b"".join(export.stream_ndjson([], None)) == b""


def test_a_page_is_one_object() -> None:
    page = json.loads(export.format_page(RESULTS, {"has_more": False, "next_cursor": None}))
    assert page["data"] == [json.loads(export.format_line(result)) for result in RESULTS]
    assert page["next_cursor"] is None
    assert json.loads(export.format_page([], {})) == {"data": []}


def test_a_stream_is_given_out_before_it_is_at_its_end() -> None:
    endless = (ItemResult(n, "s", record=build_record()) for n in itertools.count())
    assert len(next(export.stream_ndjson(endless, None))) < 2 * export.BLOCK_BYTES
    assert len(next(export.stream_csv(endless, (), CHECKS))) < 2 * export.BLOCK_BYTES


def test_the_list_s_rows_with_ours_behind() -> None:
    scored, failed, short = exported_rows(RESULTS, ("name", "file"))
    assert exported_header(("name", "file")) == [
        "name",
        "file",
        "outcome",
        "verdict",
        "llr",
        "llr_low",
        "llr_high",
        "llr_ordinary",
        "llr_framed",
        "likelihood",
        "posterior_at_base_rate",
        "support",
        "template",
        "transform",
        "eye_alignment_llr",
        "teeth_llr",
        "pdq",
        "pdq_quality",
        "warnings",
        "error",
        "error_detail",
        *UNDECIDED,
        "seq",
    ]
    assert (scored["name"], scored["file"]) == ("'@ada", "a.jpg")
    assert (scored["llr"], scored["llr_low"], scored["eye_alignment_llr"]) == (
        "-1.2",
        "-1.5",
        "-2.0",
    )
    assert (scored["llr_ordinary"], scored["llr_framed"]) == ("-1.25", "-0.5")
    assert scored["warnings"] == "several_faces animated"
    assert {failed[name] for name in UNDECIDED} == {""}
    assert (failed["name"], failed["error"], failed["seq"]) == ("'=1+1", "url_invalid", "1")
    assert failed["error_detail"] == "'=Line 3 is wrong."
    assert failed["llr"] == ""
    assert (short["name"], short["file"], short["verdict"]) == ("", "", "likely_stylegan")


def test_a_list_without_columns_gets_names_for_its_rows() -> None:
    assert exported_header(())[:4] == ["seq", "custom_id", "source", "outcome"]
    assert exported_header(())[-5:] == ["error_detail", *UNDECIDED]
    assert [(r["seq"], r["custom_id"], r["source"]) for r in exported_rows(RESULTS, ())] == [
        ("0", "'@ada", "https://example.org/a.jpg"),
        ("1", "", "'-2+3"),
        ("2", "'@cy", "c.jpg"),
    ]


def test_our_names_give_way_to_the_list_s() -> None:
    names = exported_header(("Verdict", "eyeline_verdict", "seq"))
    assert names[:3] == ["Verdict", "eyeline_verdict", "seq"]
    assert "eyeline_eyeline_verdict" in names
    assert names[-1] == "eyeline_seq"
    assert len({name.lower() for name in names}) == len(names)


def test_our_own_answer_can_be_sent_as_a_list_again() -> None:
    first = tuple(exported_header(("url",)))
    assert exported_header(first)[: len(first)] == list(first)


def test_checks_are_named_by_an_answer_although_failures_precede_it() -> None:
    assert "teeth_llr" in exported_header((), [FAILED_RESULT, FAILED_RESULT, SCORED_RESULT])
    assert export.check_names(b"{}") == ()
    text = b"".join(export.stream_csv([FAILED_RESULT], (), ()))
    assert b"teeth_llr" not in text

    failures = (ItemResult(n, "s", failure=FAILURE) for n in range(20_000))
    assert b"".join(export.stream_csv(failures, (), ())).count(b"\r\n") == 20_001


@pytest.mark.parametrize(
    "cell",
    [
        "=1+1",
        "+1",
        "-1",
        "@x",
        "\tx",
        "\rx",
        "\nx",
        "-1.2",
        " =1",
        "\uff1d1+1",
        "\uff0b1",
        "\uff0d1",
        "\uff20x",
    ],
)
def test_what_came_in_is_never_run(cell: str) -> None:
    result = ItemResult(0, cell, cell, cells=(cell,), failure=FAILURE)
    assert exported_rows([result], ("name",))[0]["name"] == "'" + cell
    assert exported_rows([result], ())[0]["source"] == "'" + cell
    assert exported_header((cell,))[0] == "'" + cell


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("a;=1+1", "a;'=1+1"),
        ("a;b; \uff1d1", "a;b;' \uff1d1"),
        ("a\t@x", "a\t'@x"),
        ("two\n-1", "two\n'-1"),
        ("a=1, b-2", "a=1, b-2"),
        ("https://example.org/a;b?c=-1", "https://example.org/a;b?c=-1"),
    ],
)
def test_what_another_separator_would_begin_is_not_run_either(cell: str, written: str) -> None:
    result = ItemResult(0, "s", cells=(cell,), failure=FAILURE)
    assert exported_rows([result], ("name",))[0]["name"] == written


def test_very_many_separators_take_no_time() -> None:
    result = ItemResult(0, "s", cells=("\n" * 60_000, "; " * 30_000), failure=FAILURE)
    began = time.process_time()
    exported_rows([result], ("a", "b"))
    assert time.process_time() - began < 1.0


def test_a_result_of_nothing_is_our_own_fault() -> None:
    with pytest.raises(ValueError, match="neither"):
        export.format_line(ItemResult(0, "s"))
