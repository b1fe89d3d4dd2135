"""What the report states, as plain values: nothing of how batches are stored or served."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from app.cohort.facts import read_number
from app.evidence import Verdict

MAX_FLAGGED: Final = 200
MAX_CUT_OUT_PICTURES: Final = 100
"""Flagged pictures whose cut-outs are shown: some 40 kB each, as text a third more."""
MAX_NAMED: Final = 5_000
"""Items of one result that are listed by name."""


@dataclass(frozen=True)
class FlaggedPicture:
    """One flagged picture. ``checks``: each check's name, llr (``None``: not measured), sentence.

    ``thumbnail``: JPEG, empty if none is stored. ``posterior_in_list``: at the list's own share,
    ``None`` where that is unknown. ``notes``: warnings as sentences. ``account``: what the list
    says of the account. ``cut_outs``: what a check measured, enlarged (JPEG), by its name.
    ``model``: version and calibration that analyzed this picture.
    """

    seq: int
    name: str
    source: str
    llr: float
    llr_interval: tuple[float, float]
    posterior_at_base_rate: float
    posterior_in_list: float | None = None
    thumbnail: bytes = b""
    checks: tuple[tuple[str, float | None, str], ...] = ()
    notes: tuple[str, ...] = ()
    account: Mapping[str, str] = field(default_factory=dict)
    sha256: str = ""
    llr_ordinary: float | None = None
    llr_framed: float | None = None
    cut_outs: Mapping[str, bytes] = field(default_factory=dict)
    model: str = ""


@dataclass(frozen=True)
class NamedItems:
    """Items with one result, by name. ``count``: of all; ``items``: seq, name, detail of some."""

    heading: str
    count: int = 0
    items: tuple[tuple[int, str, str], ...] = ()


@dataclass(frozen=True)
class FailureGroup:
    """One kind of failure: its code and title, how many there were, an item it happened to."""

    code: str
    title: str
    count: int
    example: str = ""


@dataclass(frozen=True)
class Report:
    """Everything that the page states, as plain values.

    ``facts``: further rows for the head of the page (list format, metadata), name and value.
    ``times``: name of a moment ("asked", "finished") and when, as text. ``outcomes``,
    ``verdicts``: counts by code. ``cohort``: the JSON of the batch's ``cohort``; missing keys are
    left out of the page. ``thresholds``: as ``GET /v1/model`` serves them. ``montage``,
    ``composite``, ``scatter``: PNG, empty if there is none. ``flagged``: the strongest first, at
    most 200 are shown of ``verdicts[likely_stylegan]``. ``names``: of the items that duplicates
    speak of, by seq; ``alike``: thumbnails (JPEG) of some of them. ``failures``: by kind.
    ``named``: flagged, inconclusive, not scored and failed items by name. ``figures``: of the
    calibration. ``contact``: of the operator, ``case_number``: of the list; empty if not given.
    ``network``: sentences on which accounts belong together: of all, of each component, a caveat.
    ``list_name``: what people call the list, empty if that is unknown. ``status``: of the batch, in
    a word; stated where not everything was analyzed. ``notes``: what was noticed while the list was
    read, as sentences.
    """

    batch_id: str
    version: str
    calibration_id: str
    prior: float
    base_rate: float
    total: int
    completed: int
    failed: int
    times: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    outcomes: Mapping[str, int] = field(default_factory=dict)
    verdicts: Mapping[str, int] = field(default_factory=dict)
    cohort: Mapping[str, Any] = field(default_factory=dict)
    thresholds: tuple[Mapping[str, Any], ...] = ()
    montage: bytes = b""
    composite: bytes = b""
    scatter: bytes = b""
    flagged: tuple[FlaggedPicture, ...] = ()
    names: Mapping[int, str] = field(default_factory=dict)
    alike: Mapping[int, bytes] = field(default_factory=dict)
    failures: tuple[FailureGroup, ...] = ()
    named: tuple[NamedItems, ...] = ()
    figures: Mapping[str, Any] = field(default_factory=dict)
    contact: str = ""
    case_number: str = ""
    list_name: str = ""
    status: str = "completed"
    notes: tuple[str, ...] = ()
    network: tuple[str, ...] = ()

    @property
    def flagged_count(self) -> int:
        """How many were flagged in all."""
        return max(self.verdicts.get(Verdict.LIKELY_STYLEGAN, 0), len(self.flagged))

    @property
    def pending(self) -> int:
        """Items that have no result yet: the list is in progress, or was stopped."""
        return max(0, self.total - self.completed - self.failed)

    @property
    def prevalence(self) -> float | None:
        """The list's own estimated share of generated faces."""
        return read_number(self.cohort, "prevalence", "estimate")
