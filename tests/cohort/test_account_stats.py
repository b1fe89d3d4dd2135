from datetime import UTC, datetime, timedelta
from typing import Any

from app.cohort.account_stats import AccountStats
from app.cohort.summary import summarize_results
from app.records import ItemResult
from tests.cohort.conftest import make_result

START = datetime(2021, 3, 4, 12, 0, tzinfo=UTC)


def make_member(
    seq: int, llr: float, name: str = "anna", created: str = "", followers: str = ""
) -> ItemResult:
    account = {"username": name, "created_at": created, "followers_count": followers}
    return make_result(seq, llr, account=account)


def summarize(results: list[ItemResult]) -> dict[str, Any]:
    return summarize_results(results, prior=0.5, base_rate=0.0005)


def coordinated_accounts() -> list[ItemResult]:
    """Six accounts made within twenty minutes, among forty made over forty years of weeks."""
    coordinated = [
        make_member(i, 3.0, f"user{84213 + i}", (START + timedelta(minutes=4 * i)).isoformat(), "3")
        for i in range(6)
    ]
    others = [
        make_member(10 + i, -3.0, "anna", (START + timedelta(days=7 * i + 1)).isoformat(), "250")
        for i in range(40)
    ]
    return coordinated + others


def test_a_burst_of_flagged_accounts_is_told_beside_the_rest() -> None:
    cohort = summarize(coordinated_accounts())
    hour = cohort["accounts"]["bursts"]["hour"]
    assert (hour["flagged"], hour["flagged_known"], hour["rest"], hour["rest_known"]) == (
        6,
        6,
        0,
        40,
    )
    assert hour["from"] == "2021-03-04T12:00:00Z"
    assert any("within one hour" in sentence for sentence in cohort["summary"])


def test_figures_stand_side_by_side() -> None:
    accounts = summarize(coordinated_accounts())["accounts"]
    assert accounts["flagged"]["median_followers_count"] == 3.0
    assert accounts["rest"]["median_followers_count"] == 250.0
    assert accounts["flagged"]["names_ending_in_four_digits"] == 1.0
    assert accounts["rest"]["names_with_digits"] == 0.0
    assert accounts["flagged"]["created_first"] == "2021-03-04"


def test_accounts_move_no_figure_of_the_pictures() -> None:
    with_them, without = (
        summarize(coordinated_accounts()),
        summarize(
            [
                make_result(r.seq, r.record.llr, llr_framed=r.record.llr_framed)
                for r in coordinated_accounts()
                if r.record
            ]
        ),
    )
    for name in ("prevalence", "concentration", "posterior", "expected_false_flags"):
        assert with_them[name] == without[name]
    assert without["accounts"] is None


def test_dates_without_a_time_say_nothing_of_an_hour() -> None:
    bursts = summarize([make_member(i, 3.0, created="2021-03-04") for i in range(5)])["accounts"][
        "bursts"
    ]
    assert bursts["hour"] is None
    assert bursts["day"]["flagged"] == 5


def test_what_is_missing_or_absurd_is_counted_and_left_out() -> None:
    odd = [
        make_member(0, 3.0, created="the day before", followers="lots"),
        make_member(1, 3.0, name="  ", created="9999-99-99"),
        make_member(2, 3.0),
    ]
    flagged = summarize(odd)["accounts"]["flagged"]
    assert flagged["created_unreadable"] == 2
    assert flagged["created_known"] == 0
    assert flagged["median_followers_count"] is None
    assert summarize(odd)["accounts"]["bursts"] == {"hour": None, "day": None}


def test_parts_merge_into_the_whole() -> None:
    whole, one, other = AccountStats(), AccountStats(), AccountStats()
    for i, each in enumerate(coordinated_accounts()):
        whole.add(each.account)
        (one if i % 2 else other).add(each.account)
    one.merge(other)
    assert one.summarize() == whole.summarize()
