"""The report: everything in one page, nothing from outside, nothing that a name could break."""

import io
import itertools
import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from app.evidence import SCOPE
from app.render.report.record import MAX_NAMED, NamedItems
from app.render.report.report import (
    MAX_FLAGGED,
    FailureGroup,
    FlaggedPicture,
    Report,
    render_report,
)
from app.render.report.tables import duplicate_thumbnail_seqs
from tests.render.test_html import PageParser, parse_page, texts

HOSTILE_TEXT = "\"><script>alert('x')</script>\x00\u202e<b>"


def make_png(shade: int = 90) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.full((8, 8, 3), shade, dtype=np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def make_flagged(seq: int, name: str = "@alice", **changes: object) -> FlaggedPicture:
    default = FlaggedPicture(
        seq=seq,
        name=name,
        source=f"https://example.org/{name}.jpg",
        llr=3.21,
        llr_interval=(2.9, 3.4),
        posterior_at_base_rate=0.44,
        posterior_in_list=0.97,
        thumbnail=b"\xff\xd8\xff",
        checks=(
            ("eye_alignment", 3.1, "both eyes lie where generators put them"),
            ("teeth", None, "not measured: mouth closed"),
        ),
        notes=("several faces",),
        account={"created_at": "2024-03-01", "followers_count": "3"},
        sha256="ab" * 32,
        llr_ordinary=4.4,
        llr_framed=1.7,
    )
    return replace(default, **changes)  # type: ignore[arg-type]  # a test's own changes


def make_report(name: str = "@alice", **changes: object) -> Report:
    default = Report(
        batch_id="bt_1",
        version="9.8.7",
        calibration_id="cal-1",
        prior=0.5,
        base_rate=0.0005,
        total=300,
        completed=297,
        failed=3,
        times={"asked": "2026-01-01 10:00:00 UTC"},
        facts={f"Label {name}": name},
        outcomes={"scored": 280, "no_face": 17},
        verdicts={"likely_stylegan": 2, "unlikely_stylegan": 278},
        cohort={
            "prevalence": {"estimate": 0.01, "interval": [0.002, 0.03]},
            "expected_false_flags": 0.06,
            "concentration": {"p_value": 0.02, "observed": 2, "expected": 0.3},
            "duplicates": [{"pdq": "00ff", "seqs": [4, 9], "count": 70}],
            "duplicates_total": {"groups": 12, "pictures": 99},
            "summary": ["Of 280 scored pictures, 0.2 % to 3 % are of the StyleGAN family."],
            "caveats": ["A generated face proves nothing."],
            "templates": {"ffhq": 2},
            "accounts": {
                "flagged": {name: 3, "names_with_digits": 0.75, "median_posts": None},
                "rest": {name: 180, "names_with_digits": 0.2, "median_posts": None},
            },
        },
        thresholds=({"verdict": "likely_stylegan", "llr": 1.0, "false_positive_rate": 0.0002},),
        montage=make_png(10),
        composite=make_png(20),
        scatter=make_png(30),
        flagged=(make_flagged(4, name), make_flagged(9)),
        names={4: name, 9: "@bob"},
        named=(
            NamedItems("Flagged", 1, ((4, name, "llr +3.2"),)),
            NamedItems("Inconclusive", 6_000, ((5, "@carol", "llr +0.4"),)),
            NamedItems("Not scored"),
        ),
        figures={
            "error_rates": [
                {
                    "group": "size bands",
                    "pictures": "framed photographs, 400 px and more",
                    "count": 1731,
                    "likely": 467,
                    "rate": 0.27,
                    "upper_95": 0.29,
                }
            ]
        },
        contact="abuse@example.org",
        case_number="2026-8",
        failures=(FailureGroup("fetch_failed", "The picture could not be fetched", 3, name),),
        notes=(f"Dropped the column `{name}`.", "1 row repeats another."),
    )
    return replace(default, **changes)  # type: ignore[arg-type]  # a test's own changes


def parse_report(record: Report) -> PageParser:
    return parse_page(render_report(record).decode("utf-8"))


def report_text(record: Report) -> str:
    return " ".join(" ".join(parse_report(record).text).split())


def page_structure(record: Report) -> list[tuple[str, tuple[str, ...]]]:
    return [(element, tuple(attributes)) for element, attributes in parse_report(record).elements]


class TestSafety:
    @given(texts)
    @settings(max_examples=60)
    def test_no_name_changes_the_page_around_it(self, name: str) -> None:
        assert page_structure(make_report(name)) == page_structure(make_report("x"))

    def test_nothing_comes_from_outside_and_nothing_runs(self) -> None:
        for element, attributes in parse_report(make_report(HOSTILE_TEXT)).elements:
            assert element not in ("script", "iframe", "object", "link", "form", "base", "b")
            assert not any(attribute.startswith("on") for attribute in attributes)
            assert (attributes.get("href") or "#").startswith("#")
            assert (attributes.get("src") or "data:image/").startswith("data:image/")
        style = re.search(r"<style>(.*?)</style>", render_report(make_report()).decode(), re.DOTALL)
        assert style is not None
        assert "url(" not in style[1]
        assert "@import" not in style[1]

    def test_a_lists_own_facts_cannot_stand_in_for_ours(self) -> None:
        record = make_report(facts={"Batch": "another", "Eyeline": "1.0"})
        assert "Batch bt_1" in report_text(record)
        assert "Eyeline 9.8.7" in report_text(record)

    def test_a_name_of_any_length_costs_a_line(self) -> None:
        short, long = (
            len(render_report(make_report(name, cohort={}))) for name in ("x", "x" * 1_000_000)
        )
        assert long - short < 5_000


class TestContent:
    @pytest.mark.parametrize(
        "needed",
        [
            "bt_1",
            "How the list was read Noticed while the list was read",
            "Dropped the column `@alice`. 1 row repeats another.",
            "cal-1",
            "9.8.7",
            "2026-01-01 10:00:00 UTC",
            "+3.21",
            "(+2.90 to +3.40)",
            "strong support",
            "44 %",
            "97 %",
            "Of 280 profile pictures with a measurable face, 2 look made by a StyleGAN-family face "
            "generator; the estimated share in the list is 1 % (95 % interval 0.2 % to 3 %); "
            "expected false flags: less than one. This speaks of the pictures, not of",
            "+4.40 against an ordinary avatar, +1.70 against a framed photograph",
            "sha256 " + "ab" * 32,
            "Flagged: 1",
            "Inconclusive: 6,000 @carol llr +0.4",
            "The first 1 are listed",
            "Contact abuse@example.org",
            "False alarms by size bands",
            "framed photographs, 400 px and more 1,731 467 27 % 29 %",
            "states no rate for: retouched photographs, studio portraits, apparent skin tone.",
            "Case number 2026-8",
            "No cut-outs were kept of these pictures.",
            "Eye alignment (+3.1): Both eyes lie where generators put them.",
            "Teeth: Not measured: mouth closed.",
            "several faces",
            "created at 2024-03-01",
            "0.05 %",
            "00ff",
            "@bob",
            "17 pictures: no face.",
            "The picture could not be fetched",
            "ffhq: 2",
            "names with digits 75 % 20 %",
            "12 groups in all",
            "and 68 more",
            "Of 280 scored pictures, 0.2 % to 3 % are of the StyleGAN family.",
            "A generated face proves nothing.",
            "1 % (95 % interval 0.2 % to 3 %)",
            "2 where 0.3 would by chance (p = 0.02)",
            "0.02 %",
            "eyeline batch",
            SCOPE,
        ],
    )
    def test_it_tells(self, needed: str) -> None:
        assert " ".join(needed.split()) in report_text(make_report())

    def test_counts_of_nothing_are_told_as_well(self) -> None:
        assert "Inconclusive 0" in report_text(make_report())

    def test_pictures_are_shown_where_they_were_drawn(self) -> None:
        everything, nothing = (
            [a["alt"] for element, a in parse_report(record).elements if element == "img"]
            for record in (
                make_report(),
                make_report(montage=b"", composite=b"", scatter=b"", flagged=()),
            )
        )
        assert len(everything) == 5
        assert all(everything)
        assert nothing == []

    def test_a_list_without_notes_has_no_section_for_them(self) -> None:
        assert 'id="notes"' in render_report(make_report()).decode()
        assert 'id="notes"' not in render_report(make_report(notes=())).decode()

    def test_two_hundred_are_shown_and_the_rest_is_told(self) -> None:
        many = tuple(make_flagged(n) for n in range(MAX_FLAGGED + 50))
        record = make_report(flagged=many, verdicts={"likely_stylegan": 1_250})
        assert render_report(record).count(b'class="thumb"') == MAX_FLAGGED
        assert "1,250 pictures flagged" in report_text(record)
        assert "first 200 are shown" in report_text(record)

    def test_cut_outs_stand_above_the_checks_that_have_none(self) -> None:
        shown = make_flagged(1, cut_outs={"eye_alignment": b"RIFF"}, model="Eyeline 1, cal")
        record = make_report(flagged=(shown, make_flagged(2)))
        pictures = [a for element, a in parse_report(record).elements if element == "img"]
        (cut_out,) = [a for a in pictures if str(a["src"]).startswith("data:image/webp")]
        assert cut_out["alt"] == "What eye alignment measured in item 1"
        text = report_text(record)
        assert text.count("Eye alignment (+3.1): Both eyes lie where generators put them.") == 2
        assert "Cut-outs are shown of 1 picture; of the others" in text
        assert "Eyeline 1, cal" in text

    def test_what_has_no_width_or_was_not_measured_is_no_number(self) -> None:
        record = make_report(flagged=(make_flagged(1, llr_interval=(3.2, 3.2), llr_framed=None),))
        text = report_text(record)
        assert "+3.21 (at the bound of what validation can carry)" in text
        assert "+4.40 against an ordinary avatar, not measured against a framed" in text

    def test_without_error_rates_there_is_no_section_for_them(self) -> None:
        assert 'id="error_rates"' in render_report(make_report()).decode()
        assert 'id="error_rates"' not in render_report(make_report(figures={})).decode()

    def test_pictures_that_look_alike_are_shown(self) -> None:
        record = make_report(alike={4: b"\xff\xd8\xff", 9: b"", 77: b"\xff\xd8\xff"}, flagged=())
        shown = [a["alt"] for element, a in parse_report(record).elements if element == "img"]
        assert shown[3:] == ["Avatar of item 4"]
        many = {"duplicates": [{"seqs": list(range(n, n + 50))} for n in range(0, 5_000, 50)]}
        assert len(duplicate_thumbnail_seqs(many["duplicates"])) == 400
        assert duplicate_thumbnail_seqs("nonsense") == []

    def test_long_urls_in_tables_are_cut(self) -> None:
        url = "https://example.org/" + "very-long/" * 30 + "avatar.jpg"
        record = make_report(
            flagged=(make_flagged(1, "@a", source=url),),
            names={4: url},
            failures=(FailureGroup("fetch_failed", "Not fetched", 1, url),),
        )
        urls = [
            text for text in parse_report(record).text if text.startswith("https://example.org/")
        ]
        assert len(urls) == 3
        assert all(len(text) <= 65 and text.endswith("avatar.jpg") for text in urls)

    def test_the_list_is_called_by_its_name_and_its_id_is_told(self) -> None:
        record = make_report(list_name="followers.csv")
        assert "followers.csv : what the list's avatars say" in report_text(record)
        assert "Eyeline report on followers.csv" in report_text(record)
        assert "Batch bt_1" in report_text(record)
        assert "Eyeline report on list bt_1" in report_text(make_report())

    def test_a_part_of_a_list_is_not_told_as_the_whole(self) -> None:
        assert "not been analyzed" not in report_text(make_report())
        record = make_report(completed=100, status="in_progress")
        assert "197 items have not been analyzed: the list was in progress" in report_text(record)
        assert "Status in progress" in report_text(record)

    def test_a_list_without_flags_says_so(self) -> None:
        record = make_report(flagged=(), verdicts={"unlikely_stylegan": 5})
        assert "No picture was flagged." in report_text(record)
        assert "No picture was flagged: of 280 profile pictures" in report_text(record)

    def test_without_a_measurable_face_nothing_is_found(self) -> None:
        record = make_report(outcomes={"no_face": 3}, flagged=(), verdicts={})
        assert "No face could be measured in this list's pictures" in report_text(record)
        assert "No picture was flagged: of" not in report_text(record)

    def test_a_list_of_five_thousand_stays_a_page_that_a_browser_opens(self) -> None:
        items = tuple((n, f"@{'account' * 4}{n}", "llr +0.1") for n in range(MAX_NAMED))
        named = tuple(NamedItems(heading, 9_999, items) for heading in ("A", "B", "C", "D"))
        flagged = tuple(make_flagged(n, thumbnail=b"x" * 6_000) for n in range(5_000))
        page = render_report(make_report(named=named, flagged=flagged))
        assert len(page) < 12_000_000
        assert page.count(b"<li value=") == 4 * MAX_NAMED

    def test_without_a_cohort_the_rest_stands(self) -> None:
        bare = make_report(cohort={}, failures=(), thresholds=(), names={}, facts={}, times={})
        headings = [t for t in parse_report(bare).text if t == "What the list says as a whole"]
        assert headings == []
        assert "2 pictures are called likely StyleGAN." in report_text(bare)
        assert "No item failed." in report_text(bare)

    def test_an_unknown_share_is_a_dash_not_a_number(self) -> None:
        record = make_report(cohort={}, flagged=(make_flagged(1, posterior_in_list=None),))
        assert "44 % –" in report_text(record)

    def test_a_figure_that_neither_side_has_is_left_out(self) -> None:
        assert "median posts" not in report_text(make_report())

    def test_accounts_that_belong_together_are_told_in_sentences(self) -> None:
        network = (
            "5 of 300 accounts",
            "3 are called <b>x\u202e",
            "2 show one picture",
            "A caveat.",
        )
        page = render_report(make_report(network=network)).decode()
        assert "Accounts that belong together" in page
        assert "3 are called &lt;b&gt;x\ufffd" in page
        assert page.index(network[0]) < page.index(network[2]) < page.index(network[3])
        assert "Accounts that belong together" not in render_report(make_report()).decode()

    def test_same_report_same_bytes(self) -> None:
        assert render_report(make_report()) == render_report(make_report())

    @given(
        st.dictionaries(
            st.sampled_from(
                ["prevalence", "concentration", "duplicates", "accounts", "summary", "caveats"]
            ),
            st.recursive(
                st.none() | st.integers() | st.floats() | st.text(max_size=6),
                lambda inner: (
                    st.lists(inner, max_size=3)
                    | st.dictionaries(st.sampled_from(["estimate", "seqs", "flagged", "x"]), inner)
                ),
                max_leaves=8,
            ),
        )
    )
    @settings(max_examples=60)
    def test_any_cohort_makes_a_page(self, cohort: dict[str, object]) -> None:
        assert render_report(make_report(cohort=cohort)).endswith(b"</html>\n")


class TestAccess:
    def test_the_policy_comes_before_anything_that_it_governs(self) -> None:
        elements = parse_report(make_report()).elements
        assert [element for element, _ in elements[:4]] == ["html", "head", "meta", "meta"]
        assert "default-src 'none'" in str(elements[3][1]["content"])
        assert elements[0][1]["lang"] == "en"

    def test_every_link_of_the_contents_leads_to_a_section(self) -> None:
        elements = parse_report(make_report()).elements
        links = [a["href"] for element, a in elements if element == "a"]
        anchors = [f"#{a['id']}" for element, a in elements if "id" in a]
        assert links == anchors

    def test_headings_descend_without_gaps(self) -> None:
        levels = [
            int(e[1]) for e, _ in parse_report(make_report()).elements if re.fullmatch("h[1-6]", e)
        ]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after - before <= 1 for before, after in itertools.pairwise(levels))

    def test_every_picture_has_words_and_every_table_a_caption(self) -> None:
        elements = parse_report(make_report()).elements
        assert all(a.get("alt") for element, a in elements if element == "img")
        names = [element for element, _ in elements]
        assert names.count("table") == names.count("caption") > 5
        assert all(a.get("scope") in ("col", "row") for element, a in elements if element == "th")

    def test_ids_are_unique_and_every_link_finds_one(self) -> None:
        elements = parse_report(make_report()).elements
        ids = [a["id"] for _, a in elements if "id" in a]
        links = [str(a["href"])[1:] for element, a in elements if element == "a"]
        assert len(ids) == len(set(ids))
        assert set(links) == set(ids)

    def test_it_is_made_for_paper_and_for_the_dark(self) -> None:
        html = render_report(make_report()).decode()
        assert "prefers-color-scheme: dark" in html
        assert "@media print" in html
