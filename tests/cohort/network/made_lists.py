"""Lists whose accounts have nothing to do with each other, and groups planted into them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from app.cohort.network.accounts import collect_accounts
from app.cohort.network.model import ALL_KINDS, AccountTable, EdgeKind, Network
from app.cohort.network.network import build_network
from app.cohort.parameters import default_parameters
from app.evidence import Outcome, Verdict
from app.records import ItemResult, OwnEdge, PictureRecord

FIRST = (
    *("anna", "maria", "john", "peter", "olga", "ivan", "li", "wei", "chen", "sara", "mohammed"),
    *("ali", "fatima", "david", "emma"),
)
LAST = (
    *("smith", "jones", "petrov", "garcia", "mueller", "rossi", "silva", "kim", "nguyen", "khan"),
    *("cohen", "brown", "dubois"),
)
_START = datetime(2010, 1, 1, tzinfo=UTC).timestamp()
_YEARS_S = 13 * 365 * 86_400
_MIXING = np.random.default_rng(0).normal(size=(40, 256))
"""Bits of a hash hang together, as those of portraits do."""


def make_hash(rng: np.random.Generator) -> NDArray[np.bool_]:
    bits: NDArray[np.bool_] = rng.normal(size=40) @ _MIXING > 0
    return bits


def make_record(bits: NDArray[np.bool_], llr: float = -2.0, face: bool = True) -> PictureRecord:
    return PictureRecord(
        sha256="00" * 32,
        pdq=np.packbits(bits).tobytes().hex(),
        pdq_quality=100,
        outcome=Outcome.SCORED if face else Outcome.NO_FACE,
        verdict=Verdict.LIKELY_STYLEGAN if llr > 1.0 else Verdict.UNLIKELY_STYLEGAN,
        llr=llr,
        llr_ordinary=llr,
        llr_framed=0.0,
        eye_llr=0.0,
        analysis=b"{}",
        width=400,
        height=400,
    )


def make_list(count: int, seed: int = 1) -> list[ItemResult]:
    """Accounts of people: popular names, sign-ups by day, portraits of their own."""
    rng = np.random.default_rng(seed)
    popular = 1.0 / np.arange(1, len(FIRST) + 1)
    by_day = np.repeat([0.4, 2.0, 4.0, 5.0], [6, 3, 10, 5])
    results = []
    for seq in range(count):
        first = rng.choice(FIRST, p=popular / popular.sum())
        name = f"{first}{rng.choice(['', '_', '.'])}{rng.choice(LAST)}{rng.integers(1, 9999)}"
        day = int((_START + _YEARS_S * rng.beta(1.5, 1.2)) // 86_400)
        hour = rng.choice(24, p=by_day / by_day.sum())
        created = day * 86_400 + hour * 3_600 + int(rng.integers(3_600))
        account = {"username": name, "created_at": str(created)}
        record = make_record(make_hash(rng))
        results.append(ItemResult(seq, f"{seq}.jpg", f"@u{seq}", account=account, record=record))
    return results


def plant_pictures(results: list[ItemResult], seqs: Sequence[int], seed: int = 7) -> None:
    """One picture on all of these, saved anew for each."""
    rng = np.random.default_rng(seed)
    picture = make_hash(rng)
    for seq in seqs:
        bits = picture.copy()
        bits[rng.choice(256, 8, replace=False)] ^= True
        results[seq] = replace(results[seq], record=make_record(bits, 3.0))


def plant_burst(results: list[ItemResult], seqs: Sequence[int], start: int = 1_500_000_123) -> None:
    """All of these created within half an hour."""
    for place, seq in enumerate(seqs):
        account = {**results[seq].account, "created_at": str(start + 1_700 * place // len(seqs))}
        results[seq] = replace(results[seq], account=account)


def plant_names(results: list[ItemResult], seqs: Sequence[int], stem: str = "TruePatriot") -> None:
    for place, seq in enumerate(seqs):
        account = {**results[seq].account, "username": f"{stem}_{1_000 + 37 * place}"}
        results[seq] = replace(results[seq], account=account)


def make_planted_list(count: int = 300) -> list[ItemResult]:
    """Six accounts with one picture, nine of one burst, eight of one recipe; two are of both."""
    results = make_list(count)
    plant_pictures(results, range(6))
    plant_burst(results, range(10, 19))
    plant_names(results, range(17, 25))
    return results


def accounts_of(results: Sequence[ItemResult]) -> AccountTable:
    return collect_accounts(results)


def network_of(
    results: Sequence[ItemResult],
    own: Sequence[OwnEdge] = (),
    kinds: Sequence[EdgeKind] = ALL_KINDS,
) -> Network:
    return build_network(collect_accounts(results), own, default_parameters(), kinds)
