from __future__ import annotations

import sys
from pathlib import Path

import pytest

from app.runtime.batch_service import open_batch_service
from app.runtime.observability import Metrics
from app.settings import Settings, SettingsError
from tests.api.stub_analyzer import StubAnalyzer


def test_reports_for_mastodon_without_its_library_stop_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("app.integrations.mastodon.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "mastodon", None)
    settings = Settings.model_validate(
        {"data_dir": tmp_path, "mastodon_url": "https://social.example", "mastodon_token": "t"}
    )
    with (
        pytest.raises(SettingsError, match=r"pip install 'eyeline\[mastodon\]'"),
        open_batch_service(settings, StubAnalyzer(), Metrics()),
    ):
        pass
