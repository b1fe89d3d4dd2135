"""What a caller can do wrong, or run into: each error has a stable ``code`` and says what to do.

    RequestError
    ├── the picture            NotAnImage           not_an_image
    │                          ImageUnsupported     image_unsupported
    │                          ImageTruncated       image_truncated
    │                          ImageBomb            image_bomb
    │                          DecoderFailed        decoder_failed
    │                          TooLarge             too_large
    │                          PictureGone          picture_gone
    ├── the URL                UrlInvalid           url_invalid
    │                          UrlBlocked           url_blocked
    │                          FetchFailed          fetch_failed    upstream_status, retry_after_s
    │                          └── HostOnHold       fetch_failed
    │                          FetchTimeout         fetch_timeout
    ├── the list               ListUnreadable       list_unreadable
    │                          ListEmpty            list_empty
    │                          NoAvatars            list_without_avatars
    ├── the request            InvalidRequest       invalid_request
    │                          └── InvalidFields    invalid_request            fields
    │                          UnsupportedBody      unsupported_media_type
    │                          BodyTimeout          request_timeout
    │                          IdempotencyKeyReused idempotency_key_reused
    │                          NotFound             not_found
    │                          NotYet               not_yet
    ├── who sends it           Unauthorized         unauthorized
    │                          Forbidden            forbidden
    │                          Misdirected          misdirected
    │                          CrossOrigin          cross_origin
    └── RetryLater             Busy                 busy                       retry_after_s
                               RateLimited          rate_limited
                               QuotaExceeded        quota_exceeded
                               DatabaseUnavailable  database_unavailable
                               StorageFull          storage_full

Codes are part of the wire contract; HTTP statuses are not known here. Any other exception is a
fault of the service.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


class RequestError(Exception):
    """A picture, list, URL or request that cannot be answered as asked.

    ``code``: stable, snake_case. ``title``: the same words every time. ``retryable``: whether the
    same request may succeed later. ``detail``: a sentence about this case that says what to do.
    """

    code: ClassVar[str]
    title: ClassVar[str]
    retryable: bool = False

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class NotAnImage(RequestError):
    """The bytes are not a picture: empty, text, a web page, noise."""

    code = "not_an_image"
    title = "This is not a picture"


class ImageUnsupported(RequestError):
    """A picture in a format, or a variant of a format, that is not supported."""

    code = "image_unsupported"
    title = "This kind of picture is not supported"


class ImageTruncated(RequestError):
    """A picture in a supported format that ends early or is damaged."""

    code = "image_truncated"
    title = "The picture is cut off or damaged"


class ImageBomb(RequestError):
    """A picture that takes more memory or time than allowed."""

    code = "image_bomb"
    title = "The picture unpacks to more than allowed"


class DecoderFailed(RequestError):
    """A picture that crashed the decoder."""

    code = "decoder_failed"
    title = "The picture crashes the decoder"


class TooLarge(RequestError):
    """More bytes than are accepted."""

    code = "too_large"
    title = "Too many bytes"


class PictureGone(RequestError):
    """A picture of a list that is neither stored nor to be had at its URL any more."""

    code = "picture_gone"
    title = "The picture is no longer there"


class UrlInvalid(RequestError):
    """Not a URL that a picture could be fetched from."""

    code = "url_invalid"
    title = "This URL cannot be used"


class UrlBlocked(RequestError):
    """A URL that leads, or redirects, to where this service may not connect."""

    code = "url_blocked"
    title = "This URL is not allowed"


class FetchFailed(RequestError):
    """The other server did not deliver a picture.

    ``upstream_status``: its status, if any. ``retry_after_s``: seconds, from its ``Retry-After``.
    ``retryable``: by the status if not given: faults that the server may mend itself.
    """

    code = "fetch_failed"
    title = "The picture could not be fetched"
    retryable = True

    def __init__(
        self,
        detail: str,
        upstream_status: int | None = None,
        *,
        retry_after_s: float | None = None,
        retryable: bool | None = None,
    ) -> None:
        super().__init__(detail)
        self.upstream_status = upstream_status
        self.retry_after_s = retry_after_s
        if retryable is None:
            status = upstream_status
            retryable = status is None or status in (408, 425, 429) or status >= 500
        self.retryable = retryable


class HostOnHold(FetchFailed):
    """The other server asked for a pause before: nothing was sent. ``retry_after_s``: its rest."""


class FetchTimeout(RequestError):
    """The other server was too slow."""

    code = "fetch_timeout"
    title = "Fetching the picture took too long"
    retryable = True


class ListUnreadable(RequestError):
    """Neither a list nor an archive of a supported kind, or one that is cut off."""

    code = "list_unreadable"
    title = "This list cannot be read"


class ListEmpty(RequestError):
    """A list without a single row."""

    code = "list_empty"
    title = "The list is empty"


class NoAvatars(RequestError):
    """A list of accounts without the URLs of their pictures."""

    code = "list_without_avatars"
    title = "This list names no pictures"


class InvalidRequest(RequestError):
    """A request with a field that is not valid."""

    code = "invalid_request"
    title = "The request is not valid"


@dataclass(frozen=True)
class InvalidField:
    """``pointer``: a JSON Pointer as a URI fragment (RFC 6901), such as ``#/prior``."""

    pointer: str
    detail: str

    @classmethod
    def at(cls, location: Sequence[int | str], detail: str) -> InvalidField:
        """The field that is reached by the names and indices of ``location``."""
        escaped = (str(part).replace("~", "~0").replace("/", "~1") for part in location)
        return cls("#" + "".join(f"/{part}" for part in escaped), detail)


class InvalidFields(InvalidRequest):
    """Fields that are not valid, each with its pointer."""

    def __init__(self, fields: Sequence[InvalidField]) -> None:
        super().__init__("; ".join(f"{each.pointer}: {each.detail}" for each in fields))
        self.fields = tuple(fields)


def invalid_field(name: str, detail: str) -> InvalidFields:
    """The error for a single field."""
    return InvalidFields([InvalidField.at((name,), detail)])


class UnsupportedBody(RequestError):
    """A body of a media type or coding that is not read here."""

    code = "unsupported_media_type"
    title = "This kind of body is not supported"


class BodyTimeout(RequestError):
    """The body arrived too slowly."""

    code = "request_timeout"
    title = "The request did not arrive in time"
    retryable = True


class IdempotencyKeyReused(RequestError):
    """An idempotency key that was used with another request before."""

    code = "idempotency_key_reused"
    title = "This Idempotency-Key belongs to another request"


class NotFound(RequestError):
    """It does not exist, has expired, or belongs to another key."""

    code = "not_found"
    title = "Not found"


class NotYet(RequestError):
    """What was asked for is possible only in another state of the batch."""

    code = "not_yet"
    title = "The batch is not in that state"
    retryable = True

    def __init__(self, detail: str, *, retryable: bool = True) -> None:
        """``retryable``: whether the batch may still come into that state."""
        super().__init__(detail)
        self.retryable = retryable


class Unauthorized(RequestError):
    """No API key, or an unknown one."""

    code = "unauthorized"
    title = "An API key is needed"


class Forbidden(RequestError):
    """A known key without the scope that this operation needs."""

    code = "forbidden"
    title = "This key may not do that"


class Misdirected(RequestError):
    """The Host header names another machine."""

    code = "misdirected"
    title = "Wrong host"


class CrossOrigin(RequestError):
    """A browser sent this for a page of another origin."""

    code = "cross_origin"
    title = "Cross-origin request refused"


class RetryLater(RequestError):
    """The same request may succeed after ``retry_after_s`` seconds."""

    retryable = True

    def __init__(self, detail: str, retry_after_s: int) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class Busy(RetryLater):
    """A concurrency limit is reached."""

    code = "busy"
    title = "Too busy"


class RateLimited(RetryLater):
    """More requests than allowed in this time."""

    code = "rate_limited"
    title = "Too many requests"


class QuotaExceeded(RetryLater):
    """More pictures than the key may send in a day, or more bytes than its owner may keep."""

    code = "quota_exceeded"
    title = "Quota exceeded"


class DatabaseUnavailable(RetryLater):
    """The database does not answer, or is locked."""

    code = "database_unavailable"
    title = "The database is unavailable"


class StorageFull(RetryLater):
    """The disk has too little free space for another list."""

    code = "storage_full"
    title = "The storage is full"
