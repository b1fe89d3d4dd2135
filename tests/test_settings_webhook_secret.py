"""EYELINE_WEBHOOK_SECRET: what is taken, and that it is never repeated."""

from __future__ import annotations

import base64

import pytest

from app.settings import SettingsError, load_settings


def make_secret(length: int) -> str:
    return "whsec_" + base64.b64encode(bytes(range(length))).decode()


def test_none_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EYELINE_WEBHOOK_SECRET", raising=False)
    assert load_settings().webhook_keys() == ()


@pytest.mark.parametrize("length", [24, 32, 64])
def test_one(monkeypatch: pytest.MonkeyPatch, length: int) -> None:
    monkeypatch.setenv("EYELINE_WEBHOOK_SECRET", make_secret(length))
    assert load_settings().webhook_keys() == (bytes(range(length)),)
    assert make_secret(length) not in repr(load_settings())


@pytest.mark.parametrize("between", [",", " ", ", ", "  "])
def test_several_while_they_change(monkeypatch: pytest.MonkeyPatch, between: str) -> None:
    monkeypatch.setenv("EYELINE_WEBHOOK_SECRET", between.join((make_secret(24), make_secret(40))))
    assert load_settings().webhook_keys() == (bytes(range(24)), bytes(range(40)))


@pytest.mark.parametrize(
    "wrong",
    [
        "hunter2hunter2hunter2hunter2hunter2",
        make_secret(24).removeprefix("whsec_"),
        "whsec_",
        make_secret(23),
        make_secret(65),
        make_secret(32).replace("A", "!"),
        make_secret(32)[:-1],
        f"{make_secret(32)},hunter2hunter2",
        " , ",
    ],
)
def test_anything_else_is_refused_without_repeating_it(
    monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    monkeypatch.setenv("EYELINE_WEBHOOK_SECRET", wrong)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    line = str(caught.value)
    assert line.startswith("EYELINE_WEBHOOK_SECRET: ")
    assert "\n" not in line
    for one in wrong.replace(",", " ").split():
        assert one == "whsec_" or one.removeprefix("whsec_")[:12] not in line
