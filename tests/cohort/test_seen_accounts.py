"""A set of accounts in one flat table behaves like a set."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.cohort.seen_accounts import SeenAccounts


@given(st.lists(st.text(max_size=3)), st.lists(st.text(max_size=3)))
def test_it_is_a_set(first: list[str], second: list[str]) -> None:
    seen, other, expected = SeenAccounts(), SeenAccounts(), set[str]()
    for each in first:
        assert seen.add(each) is (each not in expected)
        expected.add(each)
        assert each in seen
    for each in second:
        other.add(each)
    seen.merge(other)
    assert len(seen) == len(expected | set(second))


def test_it_grows() -> None:
    seen = SeenAccounts()
    assert all(seen.add(f"@{n}") for n in range(5000))
    assert not any(seen.add(f"@{n}") for n in range(5000))
    assert "@5000" not in seen
