"""Why a row has no picture to look at, in words that are the same every time."""

from __future__ import annotations

from typing import Final

from app.errors import NotAnImage, TooLarge, UrlInvalid
from app.records import Failure

ROW_INVALID: Final = "row_invalid"
DEFAULT_PICTURE: Final = "default_picture"


def row_invalid(detail: str) -> Failure:
    """A row, or an archive's entry, that is broken or not what a row may be."""
    return Failure(ROW_INVALID, "This row of the list cannot be used", detail)


def url_invalid(detail: str) -> Failure:
    """A row whose picture cannot be fetched from where it says."""
    return Failure(UrlInvalid.code, UrlInvalid.title, detail)


def default_picture(detail: str) -> Failure:
    """An account that shows the platform's picture for accounts without one, or nothing."""
    return Failure(DEFAULT_PICTURE, "This account has no picture of its own", detail)


def too_large(name: str, max_bytes: int) -> Failure:
    """A picture of more than ``max_bytes`` bytes."""
    detail = f"{name} is larger than {max_bytes} bytes; send a smaller picture."
    return Failure(TooLarge.code, TooLarge.title, detail)


def not_an_image(name: str) -> Failure:
    """A file among pictures that is none."""
    return Failure(NotAnImage.code, NotAnImage.title, f"{name} is no picture; leave it out.")
