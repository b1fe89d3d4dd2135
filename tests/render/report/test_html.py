"""HTML: whatever a stranger calls himself stays text."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.render.report.html import (
    MAX_NAME_CHARS,
    Html,
    Section,
    document,
    escape,
    image_tag,
    join,
    name_tag,
    shorten_middle,
    table,
    table_of_contents,
    tag,
)

texts = st.text(max_size=80) | st.sampled_from(
    [
        "<script>alert(1)</script>",
        "\"><img src=x onerror='alert(1)'>",
        "</td></tr></table><b>",
        "&lt;b&gt; &amp; &#60;",
        "nul\x00byte",
        "\ud800",
        "\u202egpj.exe",
        "javascript:alert(1)",
        "]]>--><!--",
    ]
)


class PageParser(HTMLParser):
    """What a browser would make of it: elements in order, and the text between them."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def parse_page(page: str) -> PageParser:
    reader = PageParser()
    reader.feed(page)
    reader.close()
    return reader


@given(texts)
def test_text_stays_text(text: str) -> None:
    reader = parse_page(tag("p", text))
    assert [element for element, _ in reader.elements] == ["p"]
    text_read = "".join(reader.text)
    assert len(text_read) == len(text)
    assert all(a == b or b == "\ufffd" for a, b in zip(text, text_read, strict=True))


@given(texts)
def test_an_attribute_stays_one(text: str) -> None:
    ((element, attributes),) = parse_page(tag("img", alt=text, class_="thumb")).elements
    assert element == "img"
    assert set(attributes) == {"alt", "class"}
    assert len(attributes["alt"] or "") == len(text)


@given(texts)
def test_a_page_is_always_utf8(text: str) -> None:
    body = join([tag("p", text), name_tag(text), table(text, (text,), [(text,)])])
    assert document(text, "", body).encode("utf-8")


@given(texts)
def test_what_was_escaped_is_not_escaped_again(text: str) -> None:
    assert join([escape(text)]) == escape(text)
    assert tag("p", escape(text)) == tag("p", text)


@pytest.mark.parametrize("hidden", ["\u202e", "\u2066", "\u200b", "\x00", "\x1b", "\ufeff", "\x85"])
def test_what_hides_or_turns_the_writing_is_shown_as_a_mark(hidden: str) -> None:
    assert escape(f"a{hidden}b") == "a\ufffdb"


def test_letters_of_any_script_are_left_alone() -> None:
    for text in ("علي", "שלום", "вася", "李雷", "👩🏽", "é", "a\tb\nc"):
        assert escape(text) == text


@given(st.text(max_size=2000))
def test_a_name_is_never_long_and_keeps_both_ends(text: str) -> None:
    shown = "".join(parse_page(name_tag(text)).text)
    assert len(shown) <= MAX_NAME_CHARS + 1
    if len(text) > MAX_NAME_CHARS:
        assert "…" in shown


def test_a_table_names_its_columns_and_rows() -> None:
    html = table("counts", ("kind", "how many"), [("a", "1"), ("b", "2")])
    heads = [a.get("scope") for element, a in parse_page(html).elements if element == "th"]
    assert heads == ["col", "col", "row", "row"]


def test_every_link_of_the_contents_leads_to_a_section() -> None:
    sections = [Section("One", "one", ()), Section("Two", "two", (tag("p", "x"),))]
    page = parse_page(join([table_of_contents(sections), *(s.html for s in sections)]))
    links = [a["href"] for element, a in page.elements if element == "a"]
    anchors = [f"#{a['id']}" for element, a in page.elements if "id" in a]
    assert links == anchors == ["#one", "#two"]


def test_a_picture_lies_in_the_page() -> None:
    ((_, attributes),) = parse_page(image_tag(b"\x89PNG", "png", "what it shows")).elements
    assert attributes["src"] == "data:image/png;base64,iVBORw=="
    assert attributes["alt"] == "what it shows"


def test_the_policy_comes_before_anything_that_it_governs() -> None:
    page = document("t", "p { color: red }", Html("<p>x</p>"))
    elements = [element for element, _ in parse_page(page).elements]
    assert elements[:4] == ["html", "head", "meta", "meta"]
    assert "default-src 'none'" in str(parse_page(page).elements[3][1]["content"])
    assert parse_page(page).elements[0][1]["lang"] == "en"


def test_a_long_name_keeps_both_its_ends() -> None:
    url = "https://example.org/" + "x" * 200 + "/alice.jpg"
    assert shorten_middle(url, 40).startswith("https://example.org/…")
    assert shorten_middle(url, 40).endswith("/alice.jpg")
    assert len(shorten_middle(url, 40)) == 41
    assert shorten_middle(url, 400) == url
