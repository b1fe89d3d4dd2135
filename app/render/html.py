"""HTML from Jinja2 templates that no text can break.

Names come from strangers. Autoescape keeps markup out of them, and every expression of a template
passes through ``show_invisible``: control characters, unpaired surrogates, and characters that hide
or change the writing direction are replaced by a visible mark. A template that names an unknown
variable fails (``StrictUndefined``).
"""

from __future__ import annotations

import base64
import re
from functools import cache
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from app.render.jpeg import kept_format

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'"
)
"""For a page that is saved as a file: a browser loads nothing, runs nothing, sends nothing."""

MAX_NAME_CHARS: Final = 120
"""Characters of a stranger's name that are shown; a longer one loses its middle."""

# C0 and C1 but tab and line break, unpaired surrogates, what changes or hides the direction.
_INVISIBLE_CHARS: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]"
)


@cache
def html_environment(package: str) -> Environment:
    """The environment of ``package``, whose templates lie in its folder ``templates``."""
    environment = Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=show_invisible,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "shorten": shorten_middle,
        "data_uri": data_uri,
        "kept_format": kept_format,
    }
    return environment


def render_template(package: str, name: str, **values: Any) -> str:
    """The template ``templates/<name>`` of ``package``, filled in."""
    return html_environment(package).get_template(name).render(values)


def show_invisible(value: Any) -> Any:
    """``value``; in text that is not markup, characters that cannot be seen become U+FFFD."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return _INVISIBLE_CHARS.sub("\ufffd", value)
    return value


def shorten_middle(text: str, max_chars: int = MAX_NAME_CHARS) -> str:
    """``text`` without its middle where longer than ``max_chars``: names differ at their ends."""
    half = max_chars // 2
    return text if len(text) <= max_chars else f"{text[:half]}…{text[-half:]}"


def data_uri(data: bytes, kind: str) -> str:
    """Image bytes (``kind``: png, jpeg, webp) as an address that a page shows by itself."""
    return f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
