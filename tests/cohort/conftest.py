"""Lists made by hand: pictures where generators put faces, and where people do."""

from collections.abc import Sequence

import numpy as np
import pytest

from app.cohort import Numbers, shipped
from app.records import Failure, Finding, Result

Square = tuple[float, float, float, float]
ORDINARY = (0.5, 0.41, -0.30, 0.0)
"""Where people have their faces: higher and smaller than generators."""
ORDINARY_SPREAD = (0.05, 0.06, 0.25, 0.08)


@pytest.fixture(scope="session")
def numbers() -> Numbers:
    return shipped()


def result(
    seq: int = 0,
    llr: float = -2.9,
    eye_llr: float = -2.0,
    square: Square | None = ORDINARY,
    perceptual_hash: str | None = None,
    **more: object,
) -> Result:
    """A picture's result; the verdict follows from ``llr``."""
    outcome = str(more.pop("outcome", "scored"))
    verdict = "likely_generated" if llr >= 1.0 else "unlikely_generated"
    account = more.pop("account", {})
    found = {"template": "ffhq", "transform": "untouched", "distance": 2.0} | more
    return Result(
        seq,
        f"{seq}.jpg",
        account=account,  # type: ignore[arg-type]
        finding=Finding(
            sha256="",
            perceptual_hash=perceptual_hash or unlike(seq),
            outcome=outcome,
            verdict=verdict if outcome == "scored" else "not_applicable",
            llr=llr,
            eye_llr=eye_llr,
            analysis=b"{}",
            width=400,
            height=400,
            square=square,
            **found,  # type: ignore[arg-type]
        ),
    )


def failed(seq: int) -> Result:
    return Result(seq, f"{seq}.jpg", failure=Failure("fetch_failed", "Not fetched", "404", True))


def unlike(seq: int) -> str:
    """A hash with half its bits set, far from every other picture's."""
    bits = np.random.default_rng((20261125, seq)).permutation(64)[:32]
    return f"{sum(1 << int(b) for b in bits):016x}"


def ordinary(count: int, seed: int = 0, first: int = 0) -> list[Result]:
    """Pictures framed as people frame them."""
    rng = np.random.default_rng((1, seed))
    squares = rng.normal(ORDINARY, ORDINARY_SPREAD, (count, 4))
    llrs = rng.choice([-3.2, -2.9, -2.7, -2.2, -1.7], count)
    return [
        result(first + i, float(llr), -2.0, tuple(square))
        for i, (llr, square) in enumerate(zip(llrs, squares.tolist(), strict=True))
    ]


def generated(
    count: int, numbers: Numbers, seed: int = 0, first: int = 0, zoom: float = 1.0
) -> list[Result]:
    """Pictures in the generator's frame, all zoomed by ``zoom``."""
    rng = np.random.default_rng((2, seed))
    squares = in_frame(count, numbers, rng, zoom)
    llrs = rng.choice([1.2, 2.0, 2.5, 2.8, 3.0, 3.3], count)
    return [
        result(first + i, float(llr), 3.0, square)
        for i, (llr, square) in enumerate(zip(llrs, squares, strict=True))
    ]


def in_frame(
    count: int, numbers: Numbers, rng: np.random.Generator, zoom: float = 1.0
) -> list[Square]:
    frame = numbers.concentration.frames[0]
    squares = rng.multivariate_normal(frame.mean, frame.scale, count)
    squares[:, :2] = 0.5 + (squares[:, :2] - 0.5) * zoom
    squares[:, 2] += np.log(zoom)
    return [tuple(s) for s in squares.tolist()]


def house(count: int, spread: Sequence[float], middle: Square, seed: int = 0) -> list[Result]:
    """Portraits in one house style."""
    rng = np.random.default_rng((3, seed))
    squares = rng.normal(middle, spread, (count, 4))
    return [result(i, -2.0, 0.0, tuple(s)) for i, s in enumerate(squares.tolist())]
