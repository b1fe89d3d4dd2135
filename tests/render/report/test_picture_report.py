"""One picture in one page: what was found, in words and as drawn, and nothing that runs."""

from dataclasses import replace

from app.evidence import SCOPE, Outcome, Verdict
from app.render.report.picture_report import PictureReport, render_picture_report
from tests.render.test_html import parse_page

REPORT = PictureReport(
    name="@bob",
    source="https://example.org/bob.jpg",
    analyzed_at="2026-01-01 10:00:00 UTC",
    verdict=Verdict.LIKELY_STYLEGAN,
    outcome=Outcome.SCORED,
    llr=3.0,
    llr_ordinary=3.3,
    llr_framed=None,
    base_rate=0.0005,
    posterior_at_base_rate=0.34,
    checks=(("teeth", 0.3, "the teeth look drawn"), ("irises", None, "not measured: too small")),
    notes=("Note: an animation.",),
    drawings={"overlay": b"RIFF"},
    sha256="ab" * 32,
    size=(400, 300),
    model="Eyeline 1, calibration 2",
    contact="abuse@example.org",
)


def text_of(report: PictureReport) -> str:
    page = parse_page(render_picture_report(report).decode())
    return " ".join(" ".join(page.text).split())


def test_it_tells_what_was_found_and_how_to_check_it() -> None:
    text = text_of(REPORT)
    for needed in (
        "Likely StyleGAN. Strong support for a picture from a StyleGAN-family generator",
        "where 0.05 % of avatars are generated: 34 %.",
        "an ordinary avatar +3.30; a photograph in a generator's frame not measured",
        "Teeth (+0.3): The teeth look drawn.",
        "Irises: Not measured: too small.",
        "400 x 300 px",
        "ab" * 32,
        "Eyeline 1, calibration 2",
        "abuse@example.org",
        "Note: an animation.",
        SCOPE,
    ):
        assert " ".join(needed.split()) in text


def test_without_a_score_nothing_is_claimed() -> None:
    unscored = replace(
        REPORT,
        outcome=Outcome.NO_FACE,
        verdict=Verdict.NOT_APPLICABLE,
        llr=None,
        posterior_at_base_rate=None,
        checks=(),
    )
    text = text_of(unscored)
    assert "No face was found that could be measured" in text
    assert "Likely" not in text
    assert "llr counts" not in text
    assert "Against" not in text


def test_a_name_changes_nothing_around_it() -> None:
    hostile = replace(REPORT, name='"><script>alert(1)</script>', contact="<b>")
    kinds = [element for element, _ in parse_page(render_picture_report(REPORT).decode()).elements]
    changed = parse_page(render_picture_report(hostile).decode()).elements
    assert [element for element, _ in changed] == kinds
