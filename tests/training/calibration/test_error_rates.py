"""The error rates that a flag is read with, on made-up scores."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from app.render.report.tables import missing_rates
from app.training.calibration.error_rates import REAL_KINDS, build_error_rates
from app.training.corpus import ManifestRow
from tests.training.evaluation.test_breakdowns import make_scored

KINDS = sorted(kind for kinds in REAL_KINDS.values() for kind in kinds)


def test_each_kind_size_and_tone_has_its_own_rate() -> None:
    scores = [
        make_scored("aligned", likely=True, ita_deg=60.0, side_px=400),
        make_scored("realigned", ita_deg=-60.0, side_px=100),
        make_scored("avatar", ita_deg=60.0, side_px=400),
        make_scored("stylegan2", likely=True),
    ]
    rates = {e.pictures: (e.likely, e.count) for e in build_error_rates(scores)}
    assert rates["framed photographs"] == (1, 2)
    assert rates["framed photographs, 380+ px"] == (1, 1)
    assert rates["framed photographs, 96-199 px"] == (0, 1)
    assert rates["framed photographs, apparent skin tone very light"] == (1, 1)
    assert rates["ordinary avatars, apparent skin tone very light"] == (0, 1)
    assert "studio portraits and press photographs" not in rates, "no rate without a picture"


def test_generated_pictures_are_no_false_alarms() -> None:
    assert build_error_rates([make_scored("stylegan2", likely=True)]) == []


def test_a_corpus_with_every_kind_leaves_no_rate_of_interest_unstated() -> None:
    scores = [make_scored(kind) for kind in KINDS]
    stated = [entry.model_dump() for entry in build_error_rates(scores)]
    assert missing_rates({"error_rates": stated}) == []
    framed = [e for e in stated if "framed" not in e["pictures"]]
    assert missing_rates({"error_rates": framed}) == ["framed photographs"]


@given(st.lists(st.tuples(st.sampled_from(KINDS), st.booleans()), min_size=1, max_size=40))
def test_the_bound_is_above_the_rate_and_every_split_counts_each_picture_once(
    pictures: list[tuple[str, bool]],
) -> None:
    scores = [make_scored(kind, likely=likely) for kind, likely in pictures]
    entries = build_error_rates(scores)
    assert all(e.rate <= e.upper_95 <= 1.0 and e.likely <= e.count for e in entries)
    for group in ("size bands", "apparent skin tone"):
        counts = [e.count for e in entries if e.group == group]
        assert sum(counts) == sum(k not in ("real_restored", "diffusion") for k, _ in pictures)
    assert entries == build_error_rates(list(reversed(scores)))


def test_downscaled_copies_count_for_their_size_alone() -> None:
    scores, small = [make_scored("avatar")], [make_scored("avatar", likely=True, side_px=40)]
    rates = {e.pictures: (e.likely, e.count) for e in build_error_rates(scores, small)}
    assert rates["ordinary avatars"] == (0, 1)
    assert rates["ordinary avatars, 1-47 px"] == (1, 1)
    assert rates["ordinary avatars, apparent skin tone light"] == (0, 1)


def test_whose_pictures_they_are_does_not_matter() -> None:
    scored = make_scored("avatar")
    other = replace(scored, row=ManifestRow("b.jpg", "real", "avatar", "two"))
    assert build_error_rates([scored]) == build_error_rates([other])
