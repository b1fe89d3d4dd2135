from __future__ import annotations

from app.integrations.hash_bank import bank_lines, flagged_hashes
from tests.integrations.make_results import make_line


def image(pdq: str, quality: int = 90) -> dict[str, object]:
    return {"sha256": "a" * 64, "pdq": pdq, "pdq_quality": quality}


def test_distinct_hashes_of_what_is_flagged_and_not_cleared() -> None:
    one, two, three = ("0f" * 32, "f0" * 32, "aa" * 32)
    lines = [
        make_line(3.0, image=image(one)),
        make_line(2.0, image=image(one)),
        make_line(0.9, image=image(two)),
        make_line(3.0, image=image(two, quality=49)),
        make_line(3.0, image=image(three), decision="real"),
    ]
    assert list(flagged_hashes(lines, None)) == [one]
    assert list(flagged_hashes(lines, 0.5)) == [one, two]
    assert list(bank_lines([one])) == [f"pdq {one}\n"]
