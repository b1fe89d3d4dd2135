"""HTML that cannot be broken by what is put into it: text is escaped unless it was made here.

Names come from strangers. Whatever they hold stays text: marks of markup, quotes, control
characters, letters that turn the writing direction of what stands behind them.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'"
)
"""Even if something slipped through, a browser would load nothing, run nothing, send nothing."""

MAX_NAME_CHARS: Final = 120
"""Characters of a stranger's name that are shown; a longer one loses its middle."""

# C0 and C1 but tab and line break, unpaired surrogates, what turns or hides the writing direction.
_INVISIBLE_CHARS: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
)
_VOID_ELEMENTS: Final = frozenset({"br", "col", "hr", "img", "meta"})


class Html(str):
    """Markup made by this module; any other text is escaped before it becomes some."""

    __slots__ = ()


def escape(text: str) -> Html:
    """``text`` as it reads, whatever is in it; what cannot be seen becomes a visible mark."""
    return Html(html.escape(_INVISIBLE_CHARS.sub("\ufffd", text), quote=True))


def tag(name: str, /, *children: str, **attributes: str) -> Html:
    """An element; ``class_`` stands for ``class``, ``aria_label`` for ``aria-label``."""
    attribute_text = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"'
        for key, value in attributes.items()
    )
    if name in _VOID_ELEMENTS:
        return Html(f"<{name}{attribute_text}>")
    return Html(f"<{name}{attribute_text}>{join(children)}</{name}>")


def join(parts: Iterable[str]) -> Html:
    """``parts`` one behind the other."""
    return Html("".join(part if isinstance(part, Html) else escape(part) for part in parts))


def shorten_middle(text: str, max_chars: int = MAX_NAME_CHARS) -> str:
    """``text`` without its middle where longer than ``max_chars``: names differ at their ends."""
    return (
        text if len(text) <= max_chars else f"{text[: max_chars // 2]}…{text[-(max_chars // 2) :]}"
    )


def name_tag(text: str, max_chars: int = MAX_NAME_CHARS) -> Html:
    """A stranger's name in a direction of its own, its middle left out where it is very long."""
    return tag("bdi", shorten_middle(text, max_chars), class_="name")


def table(
    caption: str, columns: Sequence[str], rows: Iterable[Sequence[str]], *, class_: str = ""
) -> Html:
    """A table whose first cell of each row names the row."""
    head = tag("tr", *(tag("th", column, scope="col") for column in columns))
    body = [
        tag("tr", tag("th", row[0], scope="row"), *(tag("td", cell) for cell in row[1:]))
        for row in rows
    ]
    return tag(
        "table", tag("caption", caption), tag("thead", head), tag("tbody", *body), class_=class_
    )


def facts_table(caption: str, pairs: Iterable[tuple[str, str]]) -> Html:
    """Names and values, one a row."""
    rows = [tag("tr", tag("th", label, scope="row"), tag("td", value)) for label, value in pairs]
    return tag("table", tag("caption", caption), tag("tbody", *rows), class_="facts")


def bullet_list(items: Iterable[str]) -> Html:
    """A list of sentences."""
    return tag("ul", *(tag("li", item) for item in items))


@dataclass(frozen=True)
class Section:
    """A part of the page under a heading of its own, which ``anchor`` names."""

    heading: str
    anchor: str
    children: tuple[Html, ...]

    @property
    def html(self) -> Html:
        heading = tag("h2", self.heading, id=self.anchor)
        return tag("section", heading, *self.children, aria_labelledby=self.anchor)


def table_of_contents(sections: Iterable[Section]) -> Html:
    """Links to the sections."""
    links = [tag("a", one.heading, href=f"#{one.anchor}") for one in sections]
    return tag("nav", bullet_list(links), aria_label="Contents")


def image_tag(data: bytes, kind: str, alt: str, **attributes: str) -> Html:
    """Image bytes inside the page; ``kind``: png or jpeg."""
    source = f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
    return tag("img", src=source, alt=alt, **attributes)


def figure(data: bytes, alt: str, caption: str) -> Html:
    """A PNG with what it shows."""
    return tag("figure", image_tag(data, "png", alt), tag("figcaption", caption))


def document(title: str, style: str, body: Html) -> Html:
    """The whole page."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        Html(
            '<meta http-equiv="Content-Security-Policy" '
            f'content="{escape(CONTENT_SECURITY_POLICY)}">'
        ),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("meta", name="robots", content="noindex"),
        tag("title", title),
        Html(f"<style>{style}</style>"),
    )
    return Html(f"<!doctype html>\n{tag('html', head, tag('body', body), lang='en')}\n")
