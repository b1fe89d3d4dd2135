from __future__ import annotations

import hashlib

import pytest
from pydantic import ValidationError

from app.settings import Settings, SettingsError, load_settings

KEY = "correct horse battery staple"


@pytest.fixture(autouse=True)
def clear_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for field in Settings.model_fields:
        monkeypatch.delenv(f"EYELINE_{field.upper()}", raising=False)


def test_defaults_need_no_environment() -> None:
    settings = load_settings()
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert (settings.prior, settings.base_rate) == (0.5, 0.0005)
    assert settings.workers >= 1
    assert (settings.models_dir / "README.md").parent.name == "models"
    settings.require_keys_if_public()


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EYELINE_FETCH_ALLOW", "127.0.0.1, 10.0.0.0/8,fd00::/8, Media.Internal ,")
    monkeypatch.setenv("EYELINE_FETCH_ONLY", ".Example.com,cdn.example.org.")
    settings = load_settings()
    assert settings.fetch_allow == ("127.0.0.1", "10.0.0.0/8", "fd00::/8", "media.internal")
    assert settings.fetch_only == (".example.com", "cdn.example.org")


def test_arguments_win_over_the_environment_and_none_is_no_argument(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EYELINE_PORT", "9000")
    monkeypatch.setenv("EYELINE_WORKERS", "3")
    settings = load_settings(port=9001, workers=None)
    assert (settings.port, settings.workers) == (9001, 3)


def test_an_empty_variable_is_no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EYELINE_PORT", "")
    assert load_settings().port == 8000


def test_frozen() -> None:
    with pytest.raises(ValidationError):
        load_settings().port = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("PORT", "70000"),
        ("WORKERS", "0"),
        ("QUEUE_SIZE", "-1"),
        ("PRIOR", "0"),
        ("PRIOR", "1"),
        ("PRIOR", "nan"),
        ("BASE_RATE", "5 %"),
        ("MAX_BYTES", "10"),
        ("MAX_PIXELS", "many"),
        ("FETCH_ALLOW", "10.0.0.0/33"),
        ("FETCH_ALLOW", "http://example.com"),
        ("FETCH_ONLY", "10.0.0.0/8"),
        ("FETCH_ONLY", "a b"),
        ("API_KEYS", "short"),
        ("API_KEYS", "sha256:123"),
        ("API_KEYS", f"{KEY}:scopes=write"),
        ("API_KEYS", f"{KEY}:rat=5"),
    ],
)
def test_a_bad_value_is_one_line_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"EYELINE_{name}", value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    line = str(caught.value)
    assert line.startswith(f"EYELINE_{name}: ")
    assert "\n" not in line


def test_no_key_is_ever_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EYELINE_API_KEYS", f"{KEY},tooshort")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert "tooshort" not in str(caught.value) + repr(caught.value)
    monkeypatch.setenv("EYELINE_API_KEYS", KEY)
    assert KEY not in repr(load_settings())


def test_a_hashed_key_and_the_key_itself_grant_the_same_access() -> None:
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    plain = load_settings(api_keys=KEY).parsed_api_keys()
    hashed = load_settings(api_keys=f"sha256:{digest}").parsed_api_keys()
    assert plain == hashed
    assert [key.digest for key in plain] == [bytes.fromhex(digest)]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "eyeline.example"])
def test_without_keys_only_loopback(host: str) -> None:
    with pytest.raises(SettingsError, match="EYELINE_API_KEYS"):
        load_settings(host=host).require_keys_if_public()
    load_settings(host=host, api_keys=KEY).require_keys_if_public()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_loopback_needs_no_key(host: str) -> None:
    load_settings(host=host).require_keys_if_public()
