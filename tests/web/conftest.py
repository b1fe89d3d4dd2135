"""The page in a real Chromium, against a service of this process whose answers are known.

One browser and one service serve every test of a process. Without Debian's Chromium these tests are
skipped, and say so.
"""

from __future__ import annotations

import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NoReturn

import httpx
import pytest
import structlog
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from app.analysis.analyzer import Stopwatch
from app.analysis.recompute import AnswerChecker
from app.cohort.parameters import default_parameters
from app.evidence import Analysis, Depth, Outcome
from app.image.picture import Picture
from app.runtime.evidence.check_results import Installed
from app.runtime.evidence.verify import verify_bundle
from app.settings import Settings
from tests.api.picture_server import ShadeAnalyzer, shade_png
from tests.api.stub_analyzer import serve_app, stub_analysis

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
SIZES = {"wide": (1440, 900), "narrow": (360, 740)}
NO_FACE_SHADE = 7
TIMEOUT_MS = 20_000
"""On a busy machine; nothing waits for it to pass."""

OpenPage = Callable[..., Page]
"""``open_page(path, size="wide", strict=True)``; ``strict``: the page may report no error."""


class FaceAnalyzer(ShadeAnalyzer):
    """Finds no face where the picture is nearly black."""

    def decode_and_analyze(
        self,
        data: bytes,
        stopwatch: Stopwatch,
        sha256: str | None = None,
        depth: Depth = Depth.NEEDED,
    ) -> tuple[Picture, Analysis]:
        picture, analysis = super().decode_and_analyze(data, stopwatch, sha256, depth)
        if int(picture.rgb[0, 0, 0]) == NO_FACE_SHADE:
            return picture, stub_analysis(picture, Outcome.NO_FACE)
        return picture, analysis


# As long as the tests of one file run and no longer: Playwright keeps an event loop on the
# thread, and one process has one runtime of lists.


@pytest.fixture(scope="module", autouse=True)
def silence() -> Iterator[None]:
    """Log lines are tested where a whole process runs; here they would only be in the way."""
    structlog.configure(processors=[_drop_event])
    yield
    structlog.reset_defaults()


def _drop_event(logger: object, method: str, event: MutableMapping[str, Any]) -> NoReturn:
    raise structlog.DropEvent


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not os.access(CHROMIUM, os.X_OK):
        pytest.skip("NO CHROMIUM: the page is not tested (on Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        expect.set_options(timeout=TIMEOUT_MS)
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def service(browser: Browser) -> Iterator[httpx.Client]:
    settings = Settings(workers=2, batch_workers=2, fetch_allow=("127.0.0.1",), max_bytes=200_000)
    with serve_app(settings, FaceAnalyzer()) as client:
        yield client


@pytest.fixture
def open_page(browser: Browser, service: httpx.Client) -> Iterator[OpenPage]:
    """A page of its own; it may ask nobody but the service, and report nothing that went wrong."""
    contexts = ExitStack()
    complaints: list[str] = []
    base_url = str(service.base_url)

    def open_one(
        path: str = "/", size: str = "wide", *, strict: bool = True, **options: object
    ) -> Page:
        width, height = SIZES[size]
        context: BrowserContext = browser.new_context(
            base_url=base_url,
            viewport={"width": width, "height": height},
            accept_downloads=True,
            **options,  # type: ignore[arg-type]
        )
        contexts.callback(context.close)
        page = context.new_page()
        page.set_default_timeout(TIMEOUT_MS)
        page.on("request", lambda r: _note_foreign(r.url, base_url, complaints))
        if strict:
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
        page.goto(path)
        return page

    with contexts:
        yield open_one
    assert complaints == []


@pytest.fixture
def choose(tmp_path: Path) -> Callable[[Page, dict[str, bytes]], None]:
    """Choose files by the page's button; what is dropped takes the same way."""

    def choose_files(page: Page, files: dict[str, bytes]) -> None:
        paths = []
        for name, content in files.items():
            (tmp_path / name).write_bytes(content)
            paths.append(tmp_path / name)
        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name="Choose files").click()
        chooser.value.set_files(paths)

    return choose_files


def download_bundle(page: Page) -> dict[str, str]:
    """What `eyeline verify` says of the bundle that the first such button gives, by name.

    On a list's page that is the list's, on any other the picture's.
    """
    with page.expect_download() as download:
        page.get_by_role("button", name="Evidence bundle").first.click()
    assert download.value.suggested_filename == "evidence.zip"
    installed = Installed(AnswerChecker.load(Settings()), default_parameters())
    with Path(download.value.path()).open("rb") as file:
        return {check.name: check.status for check in verify_bundle(file, installed)}


def status_of(service: httpx.Client, path: str) -> int:
    """Of a GET; a database that took longer than 3 s, as on a busy machine, is asked again."""
    for _ in range(TIMEOUT_MS // 5000):
        response = service.get(path)
        if response.status_code != 503:
            break
        time.sleep(int(response.headers["Retry-After"]))
    return response.status_code


def avatars(*shades: int) -> dict[str, bytes]:
    """Pictures by name, each of one shade: the brighter, the more like a generator's."""
    return {f"{shade}.png": shade_png(shade) for shade in shades}


def _note_foreign(url: str, base_url: str, complaints: list[str]) -> None:
    is_own = url.startswith((base_url, f"blob:{base_url}", "data:"))
    if not is_own and not re.match(r"about:", url):
        complaints.append(f"asked {url}")
