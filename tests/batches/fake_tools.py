"""Tools that cost little: what is said of a picture follows from its first bytes."""

import asyncio
import hashlib
import json
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.batches.store.models import BatchRequest, BatchTools, FetchFn
from app.errors import FetchFailed, NotAnImage, UrlBlocked
from app.evidence import Outcome, Verdict
from app.records import AVERAGE_TILE_PX, DrawingScope, Failure, Item, ItemResult, PictureRecord

BLOCKED_URL = "http://blocked.example/"
CRASHING = b"kill"
CRASHING_ONCE = b"kill once"
BROKEN = b"broken"
NOT_AN_IMAGE = b"text"
THUMBNAIL = b"a small JPEG"


def bytes_of(seq: int) -> bytes:
    return b"picture %d" % seq


def llr_of(data: bytes) -> float:
    """Between -3 and 3, the same for the same bytes."""
    return int.from_bytes(hashlib.sha256(data).digest()[:4], "big") / 2**32 * 6.0 - 3.0


def record_of(data: bytes) -> PictureRecord:
    llr, sha256 = llr_of(data), hashlib.sha256(data).hexdigest()
    scored = int(sha256[-1], 16) > 1
    verdict = Verdict.LIKELY_STYLEGAN if llr > 2.0 else Verdict.INCONCLUSIVE
    return PictureRecord(
        sha256=sha256,
        pdq=sha256,
        pdq_quality=100,
        outcome=Outcome.SCORED if scored else Outcome.NO_FACE,
        verdict=verdict if scored else Verdict.NOT_APPLICABLE,
        llr=llr if scored else 0.0,
        llr_ordinary=llr if scored else 0.0,
        llr_framed=llr / 4 if scored else 0.0,
        eye_llr=llr / 2,
        analysis=json.dumps({"llr": llr}).encode(),
        width=400,
        height=300,
        eyes=(0.1, 0.2, 0.3, 1 / 3) if scored else None,
        square=(0.5, 0.5, 0.0, -0.1) if scored else None,
        template="ffhq" if llr > 2.0 else None,
        transform="untouched" if llr > 2.0 else None,
        distance=0.1 if llr > 2.0 else None,
        thumbnail=THUMBNAIL,
        tile=tile_of(data) if scored else None,
    )


def tile_of(data: bytes) -> NDArray[np.uint8]:
    return np.full((AVERAGE_TILE_PX, AVERAGE_TILE_PX, 3), sum(data) % 256, np.uint8)


def drawings_of(data: bytes) -> dict[str, bytes]:
    return {"overlay": b"a sheet of " + data, "teeth": b"the teeth of " + data}


class FakeTools:
    """``log``: a file that every look is written to, whichever process looks."""

    def __init__(self, log: Path, analyze_s: float = 0.0, fetch_s: float = 0.0) -> None:
        self.log = log
        self.analyze_s = analyze_s
        self.fetch_s = fetch_s
        self.fetched_urls: list[str] = []
        self.base_rates: set[float | None] = set()

    def tools(self) -> BatchTools:
        return BatchTools(self.analyze, self.open_fetch, self.summarize_cohort)

    def analyze(
        self,
        data: bytes,
        prior: float,
        base_rate: float | None,
        sha256: str,
        drawings: DrawingScope = "none",
    ) -> PictureRecord:
        self.base_rates.add(base_rate)
        assert sha256 == hashlib.sha256(data).hexdigest()
        with self.log.open("ab") as log:
            log.write(data + b"\n")
        self._raise_or_crash(data)
        if self.analyze_s:
            time.sleep(self.analyze_s)
        record = record_of(data)
        if drawings == "none" or record.verdict is not Verdict.LIKELY_STYLEGAN:
            return record
        return replace(record, drawings=drawings_of(data))

    def _raise_or_crash(self, data: bytes) -> None:
        is_repeat = self.log.read_bytes().split(b"\n").count(data) > 1 if b"kill" in data else False
        if data.startswith(CRASHING) and not (data.startswith(CRASHING_ONCE) and is_repeat):
            os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(10)
        if data.startswith(BROKEN):
            raise ZeroDivisionError("a fault of ours")
        if data.startswith(NOT_AN_IMAGE):
            raise NotAnImage("these bytes are text")

    @asynccontextmanager
    async def open_fetch(self) -> AsyncIterator[FetchFn]:
        async def fetch(url: str) -> bytes:
            self.fetched_urls.append(url)
            if url.startswith(BLOCKED_URL):
                raise UrlBlocked("this address is not allowed")
            await asyncio.sleep(self.fetch_s)
            if "missing" in url:
                raise FetchFailed("the server answered 404", 404)
            if "tired" in url:
                raise FetchFailed("the server answered 503", 503)
            return url.rsplit("/", 1)[-1].encode()

        yield fetch

    def summarize_cohort(
        self, results: Iterable[ItemResult], request: BatchRequest
    ) -> dict[str, Any]:
        counts = Counter("failed" if r.record is None else r.record.verdict for r in results)
        return {"items": sum(counts.values()), "prior": request.prior, **counts}

    def analysis_counts(self) -> Counter[bytes]:
        """How often each picture was looked at."""
        if not self.log.exists():
            return Counter()
        return Counter(self.log.read_bytes().splitlines())


def picture_items(count: int) -> Iterator[Item]:
    """A list whose pictures came with it."""
    for seq in range(count):
        yield Item(seq, f"{seq}.jpg", custom_id=f"@{seq}", line=seq + 1, payload=bytes_of(seq))


def url_items(count: int) -> Iterator[Item]:
    for seq in range(count):
        yield Item(seq, url := f"https://pictures.example/{seq}", url=url)


def failed_item(seq: int) -> Item:
    return Item(seq, "?", failure=Failure("row_unreadable", "This row cannot be read", "no URL"))
