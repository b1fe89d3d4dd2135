"""Lists made by hand: pictures where generators put faces, and where people do."""

from collections.abc import Sequence

import numpy as np
import pytest

from app.cohort.parameters import CohortParameters, default_parameters
from app.evidence import Outcome, Verdict
from app.records import Failure, ItemResult, PictureRecord

Square = tuple[float, float, float, float]
ORDINARY_SQUARE = (0.5, 0.41, -0.30, 0.0)
"""Where people have their faces: higher and smaller than generators."""
ORDINARY_SPREAD = (0.05, 0.06, 0.25, 0.08)


@pytest.fixture(scope="session")
def parameters() -> CohortParameters:
    return default_parameters()


def make_result(
    seq: int = 0,
    llr: float = -2.9,
    eye_llr: float = -2.0,
    square: Square | None = ORDINARY_SQUARE,
    pdq: str | None = None,
    pdq_quality: int = 100,
    **fields: object,
) -> ItemResult:
    """A picture's result; the verdict follows from ``llr``."""
    outcome = Outcome(str(fields.pop("outcome", "scored")))
    verdict = Verdict.LIKELY_STYLEGAN if llr >= 1.0 else Verdict.UNLIKELY_STYLEGAN
    account = fields.pop("account", {})
    llr_framed = float(str(fields.pop("llr_framed", 0.0)))
    llr_ordinary = float(str(fields.pop("llr_ordinary", llr)))
    defaults = {"template": "ffhq", "transform": "untouched", "distance": 2.0} | fields
    return ItemResult(
        seq,
        f"{seq}.jpg",
        account=account,  # type: ignore[arg-type]
        record=PictureRecord(
            sha256="",
            pdq=pdq or distinct_hash(seq),
            pdq_quality=pdq_quality,
            outcome=outcome,
            verdict=verdict if outcome is Outcome.SCORED else Verdict.NOT_APPLICABLE,
            llr=llr,
            llr_ordinary=llr_ordinary,
            llr_framed=llr_framed,
            eye_llr=eye_llr,
            analysis=b"{}",
            width=400,
            height=400,
            square=square,
            **defaults,  # type: ignore[arg-type]
        ),
    )


def make_failure(seq: int) -> ItemResult:
    return ItemResult(
        seq, f"{seq}.jpg", failure=Failure("fetch_failed", "Not fetched", "404", True)
    )


def distinct_hash(seq: int) -> str:
    """A hash with half its bits set, far from every other picture's."""
    bits = np.random.default_rng((20261125, seq)).permutation(256)[:128]
    return f"{sum(1 << int(b) for b in bits):064x}"


def ordinary_results(count: int, seed: int = 0, first: int = 0) -> list[ItemResult]:
    """Pictures framed as people frame them."""
    rng = np.random.default_rng((1, seed))
    squares = rng.normal(ORDINARY_SQUARE, ORDINARY_SPREAD, (count, 4))
    llrs = rng.choice([-3.2, -2.9, -2.7, -2.2, -1.7], count)
    return [
        make_result(first + i, float(llr), -2.0, tuple(square), llr_framed=-0.4)
        for i, (llr, square) in enumerate(zip(llrs, squares.tolist(), strict=True))
    ]


def generated_results(
    count: int, parameters: CohortParameters, seed: int = 0, first: int = 0, zoom: float = 1.0
) -> list[ItemResult]:
    """Pictures in the generator's frame, all zoomed by ``zoom``."""
    rng = np.random.default_rng((2, seed))
    squares = squares_in_frame(count, parameters, rng, zoom)
    llrs = rng.choice([1.2, 2.0, 2.5, 2.8, 3.0, 3.3], count)
    return [
        make_result(first + i, float(llr), 3.0, square, llr_framed=1.5)
        for i, (llr, square) in enumerate(zip(llrs, squares, strict=True))
    ]


def squares_in_frame(
    count: int, parameters: CohortParameters, rng: np.random.Generator, zoom: float = 1.0
) -> list[Square]:
    frame = parameters.concentration.frames[0]
    squares = rng.multivariate_normal(frame.mean, frame.scale, count)
    squares[:, :2] = 0.5 + (squares[:, :2] - 0.5) * zoom
    squares[:, 2] += np.log(zoom)
    return [tuple(s) for s in squares.tolist()]


def house_style_results(
    count: int, spread: Sequence[float], centre: Square, seed: int = 0
) -> list[ItemResult]:
    """Portraits in one house style."""
    rng = np.random.default_rng((3, seed))
    squares = rng.normal(centre, spread, (count, 4))
    return [make_result(i, -2.0, 0.0, tuple(s)) for i, s in enumerate(squares.tolist())]
