"""The error tree: what callers rely on."""

import importlib
import re

import pytest

from app import errors
from app.errors import Busy, FetchFailed, RequestError

ERROR_TYPES = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, RequestError) and "code" in vars(kind)
]

CODES = {
    "not_an_image",
    "image_unsupported",
    "image_truncated",
    "image_bomb",
    "decoder_failed",
    "too_large",
    "picture_gone",
    "url_invalid",
    "url_blocked",
    "fetch_failed",
    "fetch_timeout",
    "list_unreadable",
    "list_empty",
    "list_without_avatars",
    "invalid_request",
    "idempotency_key_reused",
    "not_found",
    "not_yet",
    "busy",
    "unsupported_media_type",
    "request_timeout",
    "unauthorized",
    "forbidden",
    "misdirected",
    "cross_origin",
    "rate_limited",
    "quota_exceeded",
    "database_unavailable",
    "storage_full",
}


def test_codes_are_those_of_the_wire_contract():
    assert sorted(kind.code for kind in ERROR_TYPES) == sorted(CODES)


@pytest.mark.parametrize("kind", ERROR_TYPES)
def test_every_error_is_in_the_drawn_tree_beside_its_code(kind):
    assert re.search(rf"\b{kind.__name__}\s+{kind.code}\b", errors.__doc__ or "")


def test_titles_are_distinct():
    assert len({kind.title for kind in ERROR_TYPES}) == len(ERROR_TYPES)


def test_only_what_the_other_side_may_mend_is_retryable():
    retryable = {kind.code for kind in ERROR_TYPES if kind.retryable}
    assert retryable == {
        "fetch_failed", "fetch_timeout", "not_yet", "busy", "request_timeout", "rate_limited",
        "quota_exceeded", "database_unavailable", "storage_full",
    }  # fmt: skip


def all_request_errors(kind: type[RequestError] = RequestError) -> set[type[RequestError]]:
    below = set(kind.__subclasses__())
    return below.union(*(all_request_errors(each) for each in below))


def test_every_request_error_of_the_program_is_in_this_one_tree():
    importlib.import_module("app.api.app")
    assert {kind.__module__ for kind in all_request_errors()} == {"app.errors"}


def test_a_pointer_escapes_what_json_pointer_escapes():
    assert errors.InvalidField.at(("a/b~c", 0), "no").pointer == "#/a~1b~0c/0"
    assert errors.InvalidField.at((), "no").pointer == "#"


def test_detail_is_also_the_message():
    error = errors.NotAnImage("Send a JPEG.")
    assert error.detail == str(error) == "Send a JPEG."


def test_extras():
    assert FetchFailed("Gone.", upstream_status=404).upstream_status == 404
    assert FetchFailed("No answer.").upstream_status is None
    assert Busy("Try later.", retry_after_s=3).retry_after_s == 3
