import json
import random
import tracemalloc
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from app.cohort.collector import CohortCollector
from app.cohort.parameters import CohortParameters
from app.cohort.summary import summarize_collected, summarize_results
from app.records import ItemResult
from tests.cohort.conftest import generated_results, make_failure, make_result, ordinary_results


def mixed_results(parameters: CohortParameters) -> list[ItemResult]:
    return [
        *ordinary_results(60),
        *generated_results(12, parameters, first=60),
        make_failure(72),
        *ordinary_results(3, 9, first=73),
    ]


def test_the_order_of_results_changes_nothing(parameters: CohortParameters) -> None:
    results = mixed_results(parameters)
    shuffled = random.Random(4).sample(results, len(results))
    cohort = [summarize_results(each, prior=0.5, base_rate=0.0005) for each in (results, shuffled)]
    assert json.dumps(cohort[0]) == json.dumps(cohort[1])


def test_parts_of_a_list_merge_into_the_whole(parameters: CohortParameters) -> None:
    results = mixed_results(parameters)
    parts = [CohortCollector(parameters.concentration).extend(results[i::3]) for i in (2, 0, 1)]
    for part in parts[1:]:
        parts[0].merge(part)
    merged = summarize_collected(parts[0], prior=0.5, base_rate=0.0005, parameters=parameters)
    assert merged == summarize_results(results, prior=0.5, base_rate=0.0005)


def test_everything_is_counted_once(parameters: CohortParameters) -> None:
    results = [*mixed_results(parameters), make_result(90, outcome="no_face", square=None)]
    cohort = summarize_results(results, prior=0.5, base_rate=0.0005)
    assert cohort["counts"] == {
        "pictures": 76,
        "scored": 75,
        "unscored": {"no_face": 1},
        "failed": {"fetch_failed": 1},
        "repeated": 0,
    }
    assert cohort["likely"] == 12
    assert cohort["templates"] == {"ffhq": 12}
    assert cohort["concentration"]["observed"] == 12


def test_an_account_that_comes_again_counts_once(parameters: CohortParameters) -> None:
    named = [
        replace(result, custom_id=f"@{result.seq}") for result in generated_results(5, parameters)
    ]
    again = [replace(result, seq=result.seq + 100) for result in named for _ in range(3)]
    once = summarize_results(named, prior=0.5, base_rate=0.0005)
    repeated = summarize_results([*named, *again], prior=0.5, base_rate=0.0005)
    assert repeated["counts"] == once["counts"] | {"repeated": 15}
    assert repeated["duplicates"] == once["duplicates"]
    assert repeated["summary"] == once["summary"]


def test_more_generated_pictures_raise_the_share(parameters: CohortParameters) -> None:
    shares = [
        summarize_results(
            ordinary_results(100) + generated_results(n, parameters, first=100),
            prior=0.5,
            base_rate=0.0005,
        )["prevalence"]
        for n in (0, 5, 20, 60)
    ]
    estimates = [share["estimate"] for share in shares]
    assert estimates == sorted(estimates)
    assert len(set(estimates)) == 4
    assert all(s["interval"][0] <= s["estimate"] <= s["interval"][1] for s in shares)
    assert abs(shares[2]["pictures"] - 20) < 3


def test_a_flag_in_a_clean_list_is_expected_to_be_wrong(parameters: CohortParameters) -> None:
    cohort = summarize_results(
        [*ordinary_results(3000), make_result(3000, 1.1)], prior=0.5, base_rate=0.0005
    )
    assert cohort["prevalence"]["interval"][0] == 0.0
    assert cohort["expected_false_flags"]["estimate"] > 0.5
    assert cohort["expected_false_flags"]["interval"][1] == 1.0


def test_small_pictures_leave_open_whether_faces_in_the_frame_are_generated(
    parameters: CohortParameters,
) -> None:
    """Thirty of three hundred, and no pixel check that measured: the truth is in every interval."""
    in_frame = generated_results(30, parameters, first=270)
    small = [
        replace(r, record=replace(r.record, llr=1.5, llr_framed=0.0))
        for r in (*ordinary_results(270), *in_frame)
        if r.record
    ]
    cohort = summarize_results(small, prior=0.5, base_rate=0.0005)
    low, high = cohort["shares"]["generated"]["interval"]
    assert low == 0.0
    assert high >= 0.1
    assert cohort["shares"]["framed"]["interval"][1] >= 0.1
    assert cohort["concentration"]["looks"]["verdict"] == "undecided"
    assert cohort["concentration"]["looks"]["measured"] == 0
    assert not any("Yet their pixels" in text for text in cohort["summary"])


def test_the_shares_are_those_of_three_kinds(parameters: CohortParameters) -> None:
    cohort = summarize_results(mixed_results(parameters), prior=0.5, base_rate=0.0005)
    shares = cohort["shares"]
    assert shares["generated"]["estimate"] == cohort["prevalence"]["estimate"]
    assert shares["generated"]["interval"] == cohort["prevalence"]["interval"]
    assert abs(sum(share["estimate"] for share in shares.values()) - 1.0) < 1e-3


def test_no_p_value_below_those_that_were_simulated(parameters: CohortParameters) -> None:
    cohort = summarize_results(generated_results(80, parameters), prior=0.5, base_rate=0.0005)
    assert cohort["concentration"]["concentrated"]
    assert cohort["concentration"]["p_value"] == 1e-6


def test_an_empty_list_and_one_of_failures_are_answered() -> None:
    faceless = [make_result(n, 0.0, outcome="no_face", square=None) for n in range(3)]
    for results in ([], [make_failure(0), make_failure(1)], faceless):
        cohort = summarize_results(results, prior=0.5, base_rate=0.0005)
        assert cohort["prevalence"]["interval"] == [0.0, 1.0]
        assert cohort["concentration"]["p_value"] == 1.0
        assert cohort["summary"] == ["No picture of this list could be scored."]
        json.dumps(cohort, allow_nan=False)


def test_framed_photographs_come_with_a_caveat() -> None:
    framed = [
        make_result(i, 0.4, 2.5, (0.5, 0.5, 0.0, 0.0), llr_framed=-1.0, llr_ordinary=1.5)
        for i in range(60)
    ]
    cohort = summarize_results(framed, prior=0.5, base_rate=0.0005)
    assert cohort["shares"]["framed"]["estimate"] > 0.5
    assert any("too high for this list" in caveat for caveat in cohort["caveats"])


FLOATS = st.floats(allow_nan=True, allow_infinity=True, width=32)


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(
            FLOATS,
            FLOATS,
            st.none() | st.tuples(FLOATS, FLOATS, FLOATS, FLOATS),
            st.text(max_size=18),
            st.sampled_from(["scored", "no_face", "too_small", "not_a_photo"]),
            st.sampled_from(["untouched", "zoomed", "trimmed", None]),
            st.dictionaries(
                st.sampled_from(["username", "created_at", "followers_count"]), st.text(max_size=30)
            ),
        ),
        max_size=25,
    )
)
def test_whatever_is_found_the_answer_is_json(found: list[Any]) -> None:
    results = [
        make_result(
            i, llr, eye, square, text or None, outcome=outcome, transform=way, account=account
        )
        for i, (llr, eye, square, text, outcome, way, account) in enumerate(found)
    ]
    cohort = summarize_results(results, prior=0.5, base_rate=0.0005)
    json.dumps(cohort, allow_nan=False)
    low, high = cohort["prevalence"]["interval"]
    assert 0.0 <= low <= cohort["prevalence"]["estimate"] <= high <= 1.0
    assert 0.0 < cohort["concentration"]["p_value"] <= 1.0


def test_memory_is_some_sixty_bytes_a_result(parameters: CohortParameters) -> None:
    collector, repeated = CohortCollector(parameters.concentration), ordinary_results(100)
    tracemalloc.start()
    try:
        for _ in range(500):
            collector.extend(repeated)
        held_bytes = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert len(collector) == 50_000
    assert held_bytes / len(collector) < 70  # 32 of them are the hash
