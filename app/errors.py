"""What a caller can do wrong, or run into: each error has a stable ``code`` and says what to do.

    RequestError
    ├── the picture            NotAnImage           not_an_image
    │                          ImageUnsupported     image_unsupported
    │                          ImageTruncated       image_truncated
    │                          ImageBomb            image_bomb
    │                          DecoderFailed        decoder_failed
    │                          TooLarge             too_large
    ├── the URL                UrlInvalid           url_invalid
    │                          UrlBlocked           url_blocked
    │                          FetchFailed          fetch_failed      upstream_status,
    │                                                               retry_after_s
    │                          FetchTimeout         fetch_timeout
    ├── the list               ListUnreadable       list_unreadable
    │                          ListEmpty            list_empty
    │                          NoAvatars            list_without_avatars
    └── the request            InvalidRequest       invalid_request
                               IdempotencyKeyReused idempotency_key_reused
                               NotFound             not_found
                               NotYet               not_yet
                               Busy                 busy              retry_after_s

Codes are part of the wire contract; HTTP statuses are not known here. Whatever else is raised is
a fault of ours.
"""

from __future__ import annotations

from typing import ClassVar


class RequestError(Exception):
    """A picture, URL or request that cannot be answered with an analysis.

    ``code``: stable, snake_case. ``title``: the same words every time. ``retryable``: whether the
    same request may succeed later. ``detail``: a sentence on this occurrence: what to do.
    """

    code: ClassVar[str]
    title: ClassVar[str]
    retryable: bool = False

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class NotAnImage(RequestError):
    """The bytes are no picture at all: empty, text, a web page, noise."""

    code = "not_an_image"
    title = "This is not a picture"


class ImageUnsupported(RequestError):
    """A picture in a format, or a corner of a format, that is not read here."""

    code = "image_unsupported"
    title = "This kind of picture is not supported"


class ImageTruncated(RequestError):
    """A picture in a supported format that ends early or is damaged."""

    code = "image_truncated"
    title = "The picture is cut off or damaged"


class ImageBomb(RequestError):
    """A picture that asks for more memory or time than a picture may."""

    code = "image_bomb"
    title = "The picture unpacks to more than a picture may"


class DecoderFailed(RequestError):
    """A picture of which the decoder died."""

    code = "decoder_failed"
    title = "The picture breaks the decoder"


class TooLarge(RequestError):
    """More bytes than are accepted."""

    code = "too_large"
    title = "Too many bytes"


class UrlInvalid(RequestError):
    """Not a URL that a picture could be fetched from."""

    code = "url_invalid"
    title = "This URL cannot be used"


class UrlBlocked(RequestError):
    """A URL that leads, or redirects, to where this service may not connect."""

    code = "url_blocked"
    title = "This URL is not allowed"


class FetchFailed(RequestError):
    """The other side did not hand over a picture.

    ``upstream_status``: its status, if any. ``retry_after_s``: when it may be asked again, seconds,
    if it said so. ``retryable``: unless told, by the status: what the server may mend itself.
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


class FetchTimeout(RequestError):
    """The other side was too slow."""

    code = "fetch_timeout"
    title = "Fetching the picture took too long"
    retryable = True


class ListUnreadable(RequestError):
    """Neither a list nor an archive that is read here, or one that breaks off."""

    code = "list_unreadable"
    title = "This list cannot be read"


class ListEmpty(RequestError):
    """A list without a single row."""

    code = "list_empty"
    title = "There is nothing in this list"


class NoAvatars(RequestError):
    """A list of accounts that does not say where their pictures are."""

    code = "list_without_avatars"
    title = "This list names no pictures"


class InvalidRequest(RequestError):
    """A request whose fields do not fit."""

    code = "invalid_request"
    title = "The request is not valid"


class IdempotencyKeyReused(RequestError):
    """An idempotency key that came with another request before."""

    code = "idempotency_key_reused"
    title = "This Idempotency-Key belongs to another request"


class NotFound(RequestError):
    """No such thing, or not the caller's, or it expired."""

    code = "not_found"
    title = "Nothing here"


class NotYet(RequestError):
    """What was asked for can only be had, or done, in another state of the batch."""

    code = "not_yet"
    title = "The batch is not at that point"
    retryable = True


class Busy(RequestError):
    """All places are taken; ``retry_after_s`` says when to try again, seconds."""

    code = "busy"
    title = "Too busy"
    retryable = True

    def __init__(self, detail: str, retry_after_s: int) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s
