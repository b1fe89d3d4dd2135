from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.content_negotiation import JSON, PNG, ZIP, preferred_type


def prefer(accept: str) -> str:
    return preferred_type(accept, (JSON, PNG, ZIP))


@pytest.mark.parametrize(
    "accept",
    [
        "image/png",
        "IMAGE/PNG",
        "image/*",
        "image/png, application/json;q=0.9",
        "application/json;q=0.1, image/png;q=0.2",
        "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5",
        "image/png, */*;q=0.1",
    ],
)
def test_png(accept: str) -> None:
    assert prefer(accept) == PNG


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "application/json",
        "application/json, image/png",
        "application/*, image/png;q=0.5",
        "application/*",
        "image/png;q=0",
        "image/*, image/png;q=0",
        "image/png;q=nan",
        "image/png;q=2",
        "image/jpeg",
        "text/html,application/xhtml+xml,*/*;q=0.8",
        ";;,,q=",
    ],
)
def test_json(accept: str) -> None:
    assert prefer(accept) == JSON


@pytest.mark.parametrize("accept", ["application/zip", "application/zip, */*;q=0.5"])
def test_zip(accept: str) -> None:
    assert prefer(accept) == ZIP


@given(st.text(max_size=60))
def test_nothing_breaks_it(accept: str) -> None:
    assert prefer(accept) in (JSON, PNG, ZIP)
