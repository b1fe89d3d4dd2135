import json
import random
import tracemalloc
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from app.cohort import Numbers, Tally, cohort, summarise
from app.records import Result
from tests.cohort.conftest import failed, generated, ordinary, result


def mixed(numbers: Numbers) -> list[Result]:
    return [*ordinary(60), *generated(12, numbers, first=60), failed(72), *ordinary(3, 9, first=73)]


def test_the_order_of_results_changes_nothing(numbers: Numbers) -> None:
    results = mixed(numbers)
    shuffled = random.Random(4).sample(results, len(results))
    said = [summarise(each, prior=0.5, base_rate=0.0005) for each in (results, shuffled)]
    assert json.dumps(said[0]) == json.dumps(said[1])


def test_parts_of_a_list_merge_into_the_whole(numbers: Numbers) -> None:
    results = mixed(numbers)
    parts = [Tally(numbers.concentration).extend(results[i::3]) for i in (2, 0, 1)]
    for part in parts[1:]:
        parts[0].merge(part)
    merged = cohort(parts[0], prior=0.5, base_rate=0.0005, numbers=numbers)
    assert merged == summarise(results, prior=0.5, base_rate=0.0005)


def test_everything_is_counted_once(numbers: Numbers) -> None:
    results = [*mixed(numbers), result(90, outcome="no_face", square=None)]
    said = summarise(results, prior=0.5, base_rate=0.0005)
    assert said["counts"] == {
        "pictures": 76,
        "scored": 75,
        "unscored": {"no_face": 1},
        "failed": {"fetch_failed": 1},
    }
    assert said["likely"] == 12
    assert said["templates"] == {"ffhq": 12}
    assert said["concentration"]["observed"] == 12


def test_more_generated_pictures_raise_the_share(numbers: Numbers) -> None:
    shares = [
        summarise(ordinary(100) + generated(n, numbers, first=100), prior=0.5, base_rate=0.0005)[
            "prevalence"
        ]
        for n in (0, 5, 20, 60)
    ]
    estimates = [share["estimate"] for share in shares]
    assert estimates == sorted(estimates)
    assert len(set(estimates)) == 4
    assert all(s["interval"][0] <= s["estimate"] <= s["interval"][1] for s in shares)
    assert abs(shares[2]["pictures"] - 20) < 3


def test_a_flag_in_a_clean_list_is_expected_to_be_wrong(numbers: Numbers) -> None:
    said = summarise([*ordinary(3000), result(3000, 1.1)], prior=0.5, base_rate=0.0005)
    assert said["prevalence"]["interval"][0] == 0.0
    assert said["expected_false_flags"] > 0.5
    assert said["false_flags"]["at_most"] >= said["false_flags"]["by_rate"]


def test_more_false_flags_than_flags_are_not_told_of_them(numbers: Numbers) -> None:
    """What ordinary avatars bring by chance in a long list may be more than it has."""
    rate = max(numbers.likely.rate, 1e-4)
    said = summarise([*ordinary(int(3 / rate)), result(10**6, 1.1)], prior=0.5, base_rate=0.0005)
    assert said["expected_false_flags"] > 1.0
    (flags,) = [text for text in said["summary"] if "called likely generated" in text]
    assert flags == "1 picture is called likely generated; all of them should be real."


def test_an_empty_list_and_one_of_failures_are_answered() -> None:
    faceless = [result(n, 0.0, outcome="no_face", square=None) for n in range(3)]
    for results in ([], [failed(0), failed(1)], faceless):
        said = summarise(results, prior=0.5, base_rate=0.0005)
        assert said["prevalence"]["interval"] == [0.0, 1.0]
        assert said["concentration"]["p_value"] == 1.0
        assert said["summary"] == ["No picture of this list could be scored."]
        json.dumps(said, allow_nan=False)


def test_framed_photographs_come_with_a_caveat() -> None:
    framed = [result(i, 0.4, 2.5, (0.5, 0.5, 0.0, 0.0)) for i in range(60)]
    said = summarise(framed, prior=0.5, base_rate=0.0005)
    assert said["prevalence"]["framed_photographs"] > 0.5
    assert any("too high for this list" in caveat for caveat in said["caveats"])


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
        result(i, llr, eye, square, text or None, outcome=outcome, transform=way, account=account)
        for i, (llr, eye, square, text, outcome, way, account) in enumerate(found)
    ]
    said = summarise(results, prior=0.5, base_rate=0.0005)
    json.dumps(said, allow_nan=False)
    low, high = said["prevalence"]["interval"]
    assert 0.0 <= low <= said["prevalence"]["estimate"] <= high <= 1.0
    assert 0.0 < said["concentration"]["p_value"] <= 1.0


def test_memory_is_some_forty_bytes_a_result(numbers: Numbers) -> None:
    tally, again = Tally(numbers.concentration), ordinary(100)
    tracemalloc.start()
    try:
        for _ in range(500):
            tally.extend(again)
        held = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert len(tally) == 50_000
    assert held / len(tally) < 45
