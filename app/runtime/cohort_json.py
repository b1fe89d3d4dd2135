"""The documented part of a batch's cohort in JSON; further members may be added at any time."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


def _is_absent(value: Any) -> bool:
    return value is None


class OpenModel(BaseModel):
    """Undeclared members are passed through."""

    model_config = ConfigDict(frozen=True, extra="allow")


class EstimateOut(OpenModel):
    """A share or a count with its 95 % interval."""

    estimate: float
    interval: tuple[float, float]


class ConcentrationOut(OpenModel):
    """Faces on one generator's template, compared with the number expected for ordinary avatars."""

    p_value: float | None
    observed: float
    expected: float


class DuplicateGroupOut(OpenModel):
    """Items whose pictures look alike."""

    seqs: list[int]


class CohortOut(OpenModel):
    """Statements about the list as a whole; a member is absent where nothing was measured."""

    prevalence: EstimateOut | None = Field(
        default=None, exclude_if=_is_absent, description="share of generated avatars"
    )
    expected_false_flags: float | EstimateOut | None = Field(
        default=None, exclude_if=_is_absent, description="flagged items expected to be real"
    )
    concentration: ConcentrationOut | None = Field(default=None, exclude_if=_is_absent)
    duplicates: list[DuplicateGroupOut] | None = Field(default=None, exclude_if=_is_absent)
    templates: dict[str, int] | None = Field(
        default=None, exclude_if=_is_absent, description="faces by generator family"
    )
    shares: dict[str, EstimateOut] | None = Field(
        default=None, exclude_if=_is_absent, description="generated, framed and ordinary"
    )
