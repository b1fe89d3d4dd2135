"""The page in Chromium, against a service on loopback: ``python -m benchmarks.page CORPUS``.

A list of pictures from the folder is sent and awaited; then, with nothing cached: the largest
contentful paint of `/`, and how the gallery scrolls from its first tile to its last. Needs the
packages of the tests and Debian's Chromium. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import os
import shutil
import time
import zipfile
from pathlib import Path
from typing import Any, Final

import aiohttp
from playwright.async_api import Page, async_playwright, expect

from app.training.corpus import read_corpus
from benchmarks.client import complete_batch
from benchmarks.load import start_service

CHROMIUM: Final = shutil.which("chromium") or "/usr/bin/chromium"
SCROLL_S: Final = 10.0
CHECK_EVERY_S: Final = 0.5
LATE_FRAME_MS: Final = 34.0

LARGEST_PAINT: Final = """() => new Promise((resolve) => new PerformanceObserver((list) =>
  resolve(list.getEntries().at(-1).startTime)
).observe({ type: "largest-contentful-paint", buffered: true }))"""

SCROLL: Final = """(seconds) => new Promise((resolve) => {
  const gallery = document.querySelector(".gallery");
  let box = gallery;
  while (box.scrollHeight <= box.clientHeight + 1 && box.parentElement) box = box.parentElement;
  const height = box.scrollHeight - box.clientHeight, gaps = [], counts = [];
  const start = performance.now();
  let last = start;
  const step = (now) => {
    gaps.push(now - last);
    last = now;
    counts.push(gallery.querySelectorAll(".tile").length);
    const done = Math.min(1, (now - start) / (1000 * seconds));
    box.scrollTop = done * height;
    if (done < 1) requestAnimationFrame(step);
    else resolve({ gaps: gaps.slice(1), tiles: Math.max(...counts), height });
  };
  requestAnimationFrame(step);
})"""


def zip_pictures(folder: Path, count: int) -> tuple[bytes, int]:
    """A zip of ``count`` pictures of a corpus, evenly from all of it, and how many there are."""
    rows = read_corpus(folder).rows
    step = max(1, len(rows) // count)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for row in rows[::step][:count]:
            archive.writestr(row.path.replace("/", "_"), (folder / row.path).read_bytes())
    return packed.getvalue(), len(archive.namelist())


async def await_list(url: str, body: bytes) -> tuple[str, float]:
    """Send a list; its id and the seconds until it was completed."""
    start = time.perf_counter()
    async with aiohttp.ClientSession(url) as session:
        batch = await complete_batch(session, body, {}, CHECK_EVERY_S)
    return str(batch["id"]), time.perf_counter() - start


async def scroll_gallery(page: Page, url: str, batch: str, count: int) -> dict[str, Any]:
    """Frames a second while all of a gallery of ``count`` pictures goes by."""
    await page.goto(f"{url}/#/lists/{batch}")
    await page.reload()
    await expect(page.locator(".shown")).to_have_text(f"{count:,}", timeout=60_000)
    await page.locator(".tile:visible").first.wait_for()
    measured = await page.evaluate(SCROLL, SCROLL_S)
    gaps = sorted(float(gap) for gap in measured["gaps"])
    return {
        "height_px": measured["height"],
        "most_tiles_at_once": measured["tiles"],
        "frames_per_second": round(1000.0 * len(gaps) / sum(gaps), 1),
        "median_frame_ms": round(gaps[len(gaps) // 2], 1),
        "p99_frame_ms": round(gaps[int(0.99 * len(gaps))], 1),
        "late_frames": sum(gap > LATE_FRAME_MS for gap in gaps),
    }


async def measure_page(folder: Path, count: int) -> dict[str, Any]:
    """Everything, on a service of its own."""
    body, pictures = zip_pictures(folder, count)
    async with start_service() as (url, _), async_playwright() as playwright:
        batch, took_s = await await_list(url, body)
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        page = await browser.new_page(viewport={"width": 1440, "height": 900})
        await page.goto(url)
        paint_ms = await page.evaluate(LARGEST_PAINT)
        scrolls = [await scroll_gallery(page, url, batch, pictures) for _ in range(2)]
        await browser.close()
    return {
        "pictures": pictures,
        "list_s": round(took_s, 1),
        "largest_contentful_paint_ms": round(paint_ms),
        "first_scroll": scrolls[0],
        "second_scroll": scrolls[1],
        "load_average": [round(x, 1) for x in os.getloadavg()],
    }


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(prog="benchmarks.page", description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path, help="a folder with manifest.csv")
    parser.add_argument("--pictures", type=int, default=5000)
    arguments = parser.parse_args()
    print(json.dumps(asyncio.run(measure_page(arguments.corpus, arguments.pictures)), indent=1))


if __name__ == "__main__":
    main()
