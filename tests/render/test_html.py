"""HTML: text from strangers stays text."""

from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import UndefinedError
from markupsafe import Markup

from app.render.html import (
    CONTENT_SECURITY_POLICY,
    MAX_NAME_CHARS,
    data_uri,
    html_environment,
    shorten_middle,
    show_invisible,
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


def render(source: str, **values: Any) -> str:
    """``source`` as a template of the report."""
    return html_environment("app.render.report").from_string(source).render(values)


def with_macros(source: str) -> str:
    return '{% import "macros.html.j2" as ui with context %}' + source


@given(texts)
def test_text_stays_text(text: str) -> None:
    reader = parse_page(render("<p>{{ text }}</p>", text=text))
    assert [element for element, _ in reader.elements] == ["p"]
    text_read = "".join(reader.text)
    assert len(text_read) == len(text)
    assert all(a == b or b == "\ufffd" for a, b in zip(text, text_read, strict=True))


@given(texts)
def test_an_attribute_stays_one(text: str) -> None:
    source = '<img alt="{{ text }}" class="thumb">'
    ((element, attributes),) = parse_page(render(source, text=text)).elements
    assert element == "img"
    assert set(attributes) == {"alt", "class"}
    assert len(attributes["alt"] or "") == len(text)


@given(texts)
def test_what_a_template_writes_is_always_utf8(text: str) -> None:
    source = with_macros("{{ ui.name(text) }}{{ ui.table(text, (text,), [(text, text)]) }}")
    assert render(source, text=text).encode("utf-8")


@given(texts)
def test_what_was_escaped_is_not_escaped_again(text: str) -> None:
    once = render("{{ text }}", text=text)
    assert render("{{ text }}", text=Markup(once)) == once  # noqa: S704 - escaped a line above


@pytest.mark.parametrize("hidden", ["\u202e", "\u2066", "\u200b", "\x00", "\x1b", "\ufeff", "\x85"])
def test_what_hides_or_turns_the_writing_is_shown_as_a_mark(hidden: str) -> None:
    assert show_invisible(f"a{hidden}b") == "a\ufffdb"
    assert render("{{ text }}", text=f"a{hidden}b") == "a\ufffdb"


def test_letters_of_any_script_are_left_alone() -> None:
    for text in ("علي", "שלום", "вася", "李雷", "👩🏽", "é", "a\tb\nc"):
        assert render("{{ text }}", text=text) == text


def test_a_name_that_no_value_was_given_for_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="forgotten"):
        render("{{ forgotten }}")


@given(st.text(max_size=2000))
def test_a_name_is_never_long_and_keeps_both_ends(text: str) -> None:
    page = parse_page(render(with_macros("{{ ui.name(text) }}"), text=text))
    shown = "".join(page.text)
    assert len(shown) <= MAX_NAME_CHARS + 1
    if len(text) > MAX_NAME_CHARS:
        assert "…" in shown


def test_a_table_names_its_columns_and_rows() -> None:
    source = with_macros('{{ ui.table("counts", ("kind", "how many"), [("a", 1), ("b", 2)]) }}')
    heads = [
        a.get("scope") for element, a in parse_page(render(source)).elements if element == "th"
    ]
    assert heads == ["col", "col", "row", "row"]


def test_a_picture_lies_in_the_page() -> None:
    source = with_macros('{{ ui.figure(png, "what it shows", "caption") }}')
    _, (_, attributes), _ = parse_page(render(source, png=b"\x89PNG")).elements
    assert attributes["src"] == data_uri(b"\x89PNG", "png") == "data:image/png;base64,iVBORw=="
    assert attributes["alt"] == "what it shows"
    assert render(source, png=b"").strip() == ""


def test_the_policy_allows_no_script_and_no_request() -> None:
    assert CONTENT_SECURITY_POLICY.startswith("default-src 'none'; img-src data:;")


def test_a_long_name_keeps_both_its_ends() -> None:
    url = "https://example.org/" + "x" * 200 + "/alice.jpg"
    assert shorten_middle(url, 40).startswith("https://example.org/…")
    assert shorten_middle(url, 40).endswith("/alice.jpg")
    assert len(shorten_middle(url, 40)) == 41
    assert shorten_middle(url, 400) == url
