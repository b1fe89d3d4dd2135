"""URLs of pictures: which can be tried, which are larger elsewhere, which are nobody's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.fetch.avatar_urls import AvatarUrl, resolve_avatar_url
from app.fetch.urls import is_url

X = "https://pbs.twimg.com/profile_images/900000000000000201/aA_bB-cC"
BLUESKY = f"plain/did:plc:{'b' * 24}/bafkrei{'c' * 52}"


@pytest.mark.parametrize(
    ("given_", "larger"),
    [
        *(
            (f"{X}_{size}.jpg", f"{X}_400x400.jpg")
            for size in ("normal", "bigger", "mini", "200x200", "x96", "reasonably_small")
        ),
        (f"{X}_normal.png?x=1", f"{X}_400x400.png?x=1"),
        (f"{X}_normal", f"{X}_400x400"),
        (f"{X}_normal_normal.jpeg", f"{X}_normal_400x400.jpeg"),
        (
            X.replace("https", "http").replace("pbs", "a0") + "_normal.jpg",
            X.replace("https", "http").replace("pbs", "a0") + "_400x400.jpg",
        ),
        (
            "https://avatars.githubusercontent.com/u/1?v=4",
            "https://avatars.githubusercontent.com/u/1?v=4&s=460",
        ),
        (
            "https://avatars3.githubusercontent.com/u/1",
            "https://avatars3.githubusercontent.com/u/1?s=460",
        ),
        (
            "https://avatars.githubusercontent.com/u/1?s=40&v=4",
            "https://avatars.githubusercontent.com/u/1?v=4&s=460",
        ),
        (
            f"https://cdn.bsky.app/img/avatar_thumbnail/{BLUESKY}@jpeg",
            f"https://cdn.bsky.app/img/avatar/{BLUESKY}@jpeg",
        ),
    ],
)
def test_a_larger_variant_is_tried_before_the_given_one(given_: str, larger: str) -> None:
    avatar = resolve_avatar_url(given_)
    assert (avatar.url, avatar.fallback_url) == (larger, given_)
    assert resolve_avatar_url(larger) == AvatarUrl(larger, content_id=avatar.content_id)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/a_normal.jpg",
        f"{X}.jpg",
        "https://pbs.twimg.com/media/a_normal.jpg",
        "https://pbs.twimg.com.example.org/profile_images/1/a_normal.jpg",
        "https://example.org/?u=https://pbs.twimg.com/profile_images/1/a_normal.jpg",
        "https://avatars.githubusercontent.com.example.org/u/1",
        "https://cdn.bsky.app/img/feed_thumbnail/plain/did:plc:b/bafkreic@jpeg",
    ],
)
def test_what_only_looks_like_a_platform_stays(url: str) -> None:
    assert resolve_avatar_url(url) == AvatarUrl(url)


@pytest.mark.parametrize(
    "url",
    [
        f"{X}_normal.jpg?Signature=a&Expires=1",
        f"{X}_normal.jpg?X-Amz-Signature=a",
        "https://avatars.githubusercontent.com/u/1?s=40&token=abc",
    ],
)
def test_a_signed_url_is_never_changed(url: str) -> None:
    assert resolve_avatar_url(url) == AvatarUrl(url)


@pytest.mark.parametrize("ampersand", ["&amp;", "&AMP;", "&#38;", "&#x26;"])
def test_an_ampersand_of_html_is_understood(ampersand: str) -> None:
    given_ = f"https://h.example/a.jpg?w=2{ampersand}h=3{ampersand}s=abc"
    assert resolve_avatar_url(given_) == AvatarUrl("https://h.example/a.jpg?w=2&h=3&s=abc", given_)
    thumbnail = f"https://avatars.githubusercontent.com/u/1?s=40{ampersand}v=4"
    assert resolve_avatar_url(thumbnail) == AvatarUrl(
        "https://avatars.githubusercontent.com/u/1?v=4&s=460",
        "https://avatars.githubusercontent.com/u/1?s=40&v=4",
    )


@pytest.mark.parametrize(
    "url",
    [
        "https://abs.twimg.com/sticky/default_profile_images/default_profile_normal.png",
        "http://a0.twimg.com/sticky/default_profile_images/default_profile_6_normal.png",
        "https://social.example.org/avatars/original/missing.png",
        "https://scontent.cdninstagram.com/v/44884218_345707102882519_2446069589734326272_n.jpg?oe=0",
    ],
)
def test_pictures_of_nobody(url: str) -> None:
    assert resolve_avatar_url(url).is_default


@given(st.text(max_size=60).map("https://pbs.twimg.com/profile_images/{}".format))
def test_any_url_that_may_be_tried_leads_to_one_that_may(url: str) -> None:
    if is_url(url) and url == url.strip():
        assert is_url(resolve_avatar_url(url).url)
