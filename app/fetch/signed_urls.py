"""Signed links: URLs that a server accepts only unchanged, and often only for a limited time."""

from __future__ import annotations

from typing import Final

# Parameters that only signed links have: a signed link has all of at least one set.
_SIGNATURE_PARAMS: Final = (
    {"oh", "oe"},  # Instagram, Facebook
    {"ex", "is", "hm"},  # Discord
    {"x-amz-signature"},
    {"x-goog-signature"},
    {"x-oss-signature"},
    {"signature"},  # CloudFront, S3, Google's older form, Alibaba
    {"sig"},  # Azure, thumbor's and camo's query form
    {"x-signature"},  # TikTok
    {"hmac"},
    {"token"},
    {"jwt"},
    {"e", "v", "t"},  # LinkedIn
)


def is_signed_url(url: str) -> bool:
    """Whether ``url`` carries a signature: a changed one is refused, an old one has expired."""
    query = url.partition("#")[0].partition("?")[2]
    names = {param.partition("=")[0].lower() for param in query.split("&")}
    return any(params <= names for params in _SIGNATURE_PARAMS)
