from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cohort.account_values import parse_count, parse_timestamp

EXPECTED_S = int(datetime(2018, 10, 10, 20, 19, 24, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    "text",
    [
        "2018-10-10T20:19:24Z",
        "2018-10-10T20:19:24.000Z",
        "2018-10-10 20:19:24",
        "2018-10-10 20:19:24 UTC",
        "2018-10-10T22:19:24+02:00",
        "2018/10/10 20:19:24",
        "Wed Oct 10 20:19:24 +0000 2018",
        "Wed, 10 Oct 2018 20:19:24 GMT",
        "Wed, 10 Oct 2018 20:19:24 +0000",
        str(EXPECTED_S),
        f"{EXPECTED_S}.0",
        f"{EXPECTED_S}000",
        f"{EXPECTED_S}000000",
    ],
)
def test_one_moment_in_many_words(text: str) -> None:
    assert parse_timestamp(text) == EXPECTED_S


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "0", "1970-01-01", "9999-12-31", "12345678901234567890123", "2018-13-40",
     "0001-01-01T00:00:00+23:59", "nan", "2018"],
)  # fmt: skip
def test_what_is_absurd_is_nothing(text: str) -> None:
    assert parse_timestamp(text) is None


@given(st.text(max_size=80))
def test_no_text_breaks_it(text: str) -> None:
    seconds = parse_timestamp(text)
    assert seconds is None or 7e8 < seconds < 5e9
    number = parse_count(text)
    assert number is None or 0.0 <= number <= 1e11


@pytest.mark.parametrize(
    ("text", "number"),
    [("12", 12.0), ("1,234", 1234.0), ("1 234 567", 1234567.0), ("1.2K", 1200.0), ("3m", 3e6),
     ("0", 0.0), ("-5", None), ("many", None), ("inf", None), ("1e400", None),
     ("9" * 40, None), ("", None)],
)  # fmt: skip
def test_amounts(text: str, number: float | None) -> None:
    assert parse_count(text) == number
