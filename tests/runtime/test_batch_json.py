"""Options of a batch: what is refused, and that nothing but a refusal comes of hostile ones."""

from __future__ import annotations

import pytest

from app.errors import InvalidFields
from app.runtime.batch_json import MAX_FIELD_ERRORS, BatchOptions, validate_fields
from app.runtime.cohort_json import CohortOut


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_metadata_that_is_nested_deeply_is_refused(opening: str) -> None:
    with pytest.raises(InvalidFields) as caught:
        validate_fields(BatchOptions, {"metadata": opening * 100_000})
    assert [field.pointer for field in caught.value.fields] == ["#/metadata"]


def test_metadata_may_come_as_json() -> None:
    options = validate_fields(BatchOptions, {"metadata": '{"case": "2024-117"}', "prior": "0.2"})
    assert (options.metadata, options.prior) == ({"case": "2024-117"}, 0.2)
    assert validate_fields(BatchOptions, {"metadata": None}).metadata == {}


def test_of_many_mistakes_a_few_are_named() -> None:
    with pytest.raises(InvalidFields) as caught:
        validate_fields(BatchOptions, {f"k{number}": 1 for number in range(1_000)})
    assert len(caught.value.fields) == MAX_FIELD_ERRORS


def test_undeclared_members_of_a_cohort_are_kept_and_absent_ones_stay_absent() -> None:
    cohort = {"templates": {"ffhq": 2}, "summary": ["a sentence"], "new": {"x": 1}}
    assert CohortOut.model_validate(cohort).model_dump(mode="json") == cohort
