"""``models/cohort.json``: parameters of list statistics, as ``eyeline fit`` writes them. Strict."""

from __future__ import annotations

from functools import cached_property, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Final, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from app import MODELS_DIR
from app.arrays import FloatArray
from app.calibration.densities import StudentT, whitening_matrix

COHORT_FILE: Final = "cohort.json"
DEFAULT_COHORT_PATH: Final = MODELS_DIR / COHORT_FILE

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Row2 = Annotated[list[float], Field(min_length=2, max_length=2)]
Row4 = Annotated[list[float], Field(min_length=4, max_length=4)]
Positive4 = Annotated[list[Positive], Field(min_length=4, max_length=4)]
Matrix4 = Annotated[list[Row4], Field(min_length=4, max_length=4)]


class CohortParametersError(ValueError):
    """``cohort.json`` is missing or malformed; says what to do."""


class _StrictModel(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class RateEntry(_StrictModel):
    """How often a thing happens to real pictures: ``hits`` of ``pictures``, pooled.

    ``rate``: what that speaks for, above 0 even where there was none; ``upper_95``: its one-sided
    bound; ``worst_collector``: the largest share of any collector's pictures.
    """

    hits: Annotated[int, Field(ge=0)]
    pictures: Annotated[int, Field(gt=0)]
    rate: Share
    upper_95: Share
    worst_collector: Share


class PrevalenceEntry(_StrictModel):
    """How far one list's generator and photographs may be from the average of collectors.

    ``atypical_generated``: the mean share, over collectors of generated pictures, that looks like
    photographs in the frame; ``atypical_framed``: of collectors of such photographs, the share
    that looks generated.
    ``mean_deviation``: standard deviation of collectors' mean ratio against framed photographs
    about that of their sort, log10.
    """

    atypical_generated: Positive
    atypical_framed: Positive
    mean_deviation: Positive


class FrameEntry(_StrictModel):
    """One family's frame: a multivariate t over squares, as measured on pictures held out."""

    name: str
    share: Annotated[float, Field(gt=0, le=1)]
    freedom: Positive
    mean: Row4
    scale: Matrix4

    @model_validator(mode="after")
    def _check_scale(self) -> Self:
        try:
            whitening_matrix(np.array(self.scale))
        except np.linalg.LinAlgError:
            raise ValueError("not a covariance: positive in every direction") from None
        return self

    @property
    def distribution(self) -> StudentT:
        return StudentT(self.freedom, np.array(self.mean), np.array(self.scale))


class VolumeEntry(_StrictModel):
    """How much room there is where a density (log10, ascending) is reached or exceeded (log10).

    ``one``: the frame of an untouched picture. ``zoomed``: frames zoomed by anything up to the
    largest zoom, taken together.
    """

    density: list[float]
    one: list[float]
    zoomed: list[float]

    @model_validator(mode="after")
    def _check_volumes(self) -> Self:
        if not len(self.density) == len(self.one) == len(self.zoomed) >= 2:
            raise ValueError("a volume for every density")
        if any(a >= b for a, b in pairwise(self.density)):
            raise ValueError("densities must ascend")
        if any(a < b for t in (self.one, self.zoomed) for a, b in pairwise(t)):
            raise ValueError("volumes must not grow with density")
        return self


class ConcentrationEntry(_StrictModel):
    """What tells a shared frame from pictures that merely look alike.

    ``near``: half widths of centre x and y and of roll within which a square counts as near a
    frame, ``near_ln_side`` the sides. ``house``: how much portraits in one house style differ at
    the least (standard deviations of the four coordinates). ``allowance``: how many times as dense
    as the list's own smoothed density a house style may be. ``floor_density`` and
    ``floor_density_zoomed``: how dense ordinary pictures that are near may be in the frame itself
    and in zoomed ones, whatever the list (log10 per unit of x · y · ln side · roll). ``measured``:
    what was found among the ordinary pictures of the fit. ``on_template_llr``: from which llr of
    the eyes a picture is said to lie on a template; ``background`` how often ordinary ones do.
    """

    frames: Annotated[list[FrameEntry], Field(min_length=1)]
    max_zoom: Annotated[float, Field(gt=1)]
    zooms: Annotated[int, Field(ge=1)]
    zoomed_share: Annotated[float, Field(gt=0, lt=1)]
    near: Annotated[list[Positive], Field(min_length=3, max_length=3)]
    near_ln_side: Row2
    house: Positive4
    allowance: Positive
    core: float
    floor_density: float
    floor_density_zoomed: float
    measured: dict[str, float]
    volumes: VolumeEntry
    on_template_llr: float
    background: RateEntry

    @cached_property
    def ln_zooms(self) -> FloatArray:
        """ln of every zoom that is looked at, none first: (1 + zooms,)."""
        steps = (np.arange(self.zooms) + 0.5) / self.zooms * np.log(self.max_zoom)
        return np.append(0.0, steps)


class DuplicatesEntry(_StrictModel):
    """``radius``: bits in which PDQ hashes of one picture may differ, of 256.

    ``radius_without_face``: the same for pictures in which no face was found.
    """

    radius: Annotated[int, Field(ge=0, le=128)]
    radius_without_face: Annotated[int, Field(ge=0, le=128)]


class CohortFittedOn(_StrictModel):
    """The calibration that judged, by id, and the pictures (none by numbers that saw it)."""

    calibration: str
    pictures: dict[str, int]
    collectors: int


class CohortParameters(_StrictModel):
    """The whole file."""

    format: Literal[2]
    fitted_on: CohortFittedOn
    prevalence: PrevalenceEntry
    concentration: ConcentrationEntry
    duplicates: DuplicatesEntry


def load_parameters(path: Path = DEFAULT_COHORT_PATH) -> CohortParameters:
    """The numbers in ``path``. Raises ``CohortParametersError``."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CohortParametersError(
            f"cannot read {path}: {error.strerror}; run `eyeline fit`"
        ) from error
    try:
        return CohortParameters.model_validate_json(data)
    except ValidationError as error:
        raise CohortParametersError(f"{path} is malformed: {error}") from error


@lru_cache(maxsize=1)
def default_parameters() -> CohortParameters:
    """The numbers that come with the program, read once."""
    return load_parameters()
