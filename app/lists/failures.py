"""Why a row has no picture to analyse, in the same words every time."""

from __future__ import annotations

from typing import Final

from app.errors import NotAnImage, RequestError, TooLarge, UrlInvalid
from app.records import Failure

ROW_INVALID: Final = "row_invalid"
DEFAULT_PICTURE: Final = "default_picture"


def failure_from_error(error: RequestError) -> Failure:
    """An error as an item keeps it."""
    return Failure(error.code, error.title, error.detail, error.retryable)


def row_invalid(detail: str) -> Failure:
    """A row, or an archive's entry, that is broken or not what a row may be."""
    return Failure(ROW_INVALID, "This row of the list cannot be used", detail)


def url_invalid(detail: str) -> Failure:
    """A row whose picture cannot be fetched from where it says."""
    return failure_from_error(UrlInvalid(detail))


def default_picture(detail: str) -> Failure:
    """An account that shows the platform's default picture, or none."""
    return Failure(DEFAULT_PICTURE, "This account has no picture of its own", detail)


def too_large(name: str, max_bytes: int) -> Failure:
    """A picture of more than ``max_bytes`` bytes."""
    return failure_from_error(
        TooLarge(f"{name} is larger than {max_bytes} bytes; send a smaller picture.")
    )


def not_an_image(name: str) -> Failure:
    """A file among pictures that is none."""
    return failure_from_error(NotAnImage(f"{name} is not a picture; remove it."))
