"""Which text is a URL that may be tried."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import UrlInvalid
from app.fetch.urls import MAX_URL_CHARS, is_url, parse_url, resolve_redirect, url_defect


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com/a.jpg",
        "/a.jpg",
        "//example.com/a.jpg",
        "http://",
        "http:///a.jpg",
        "https:example.com",
        "http:/example.com/",
        "file:///etc/passwd",
        "ftp://example.com/a",
        "gopher://example.com/",
        "dict://127.0.0.1:6379/info",
        "ws://example.com/",
        "unix:///var/run/docker.sock",
        "http+unix://%2Fvar%2Frun%2Fdocker.sock/",
        "jar:http://example.com!/",
        "data:image/png;base64,AAAA",
        "javascript:alert(1)",
        "view-source:http://example.com/",
        "http://user@example.com/",
        "http://user:secret@example.com/",
        "http://:secret@example.com/",
        "http://@example.com/",
        "http://example.com@127.0.0.1/",
        "http://example.com\\@evil.example/",
        "http://evil.example\\.example.com/",
        "http:\\\\example.com\\",
        "http://exa\nmple.com/",
        "http://example.com/\r\nHost: evil.example",
        "http://example.com/\x00",
        "http://example.com/\u2028",
        "http://exam\u00a0ple.com/",
        "http://example\u3000.com/",
        " http://example.com/",
        "http://example.com/ ",
        "http://example.com/a b",
        "http://example.com:99999/",
        "http://example.com:port/",
        "http://example.com:-1/",
        "http://[::1/",
        "http://[]/",
        "http://[127.0.0.1]/",
        "http://[v1.a]/",
        "http://xn--/",
        "http://example.com/" + "a" * 5000,
        "http://" + "a." * 3000 + "example/",
    ],
)
def test_what_is_no_http_url_is_invalid(url: str) -> None:
    with pytest.raises(UrlInvalid):
        parse_url(url)


def test_an_ordinary_url_is_taken_as_it_is() -> None:
    url = parse_url("https://Example.com/a%20b.jpg?x=1&y=%2F")
    assert (url.scheme, url.host, url.port) == ("https", "example.com", 443)
    assert str(url) == "https://example.com/a%20b.jpg?x=1&y=%2F"


SIGNED_PATHS = [
    "/sig/rs:fill:400:400/plain/https%3A%2F%2Forigin.example%2Fa.jpg%40png",
    "/tos-avt/1~c5_720x720.jpeg?x-expires=1764547200&x-signature=rX7AnN6H%2FXCC2w%3D",
    "/b.jpg?Expires=1764547200&Signature=a%7Eb%2Fc%3D&Key-Pair-Id=K",
    "/icon.jpg?width=256&height=256&crop=256:256,smart&s=abc",
    "/did%3Aplc%3Aaaaa/c.jpg",
    "/%27a%28b%29%2a?x=%7e+'()*",
    "/a/../b//c;d=e?f=g/h?i",
    "?x=%2F",
]


@pytest.mark.parametrize("path", SIGNED_PATHS)
def test_path_and_query_stay_byte_for_byte(path: str) -> None:
    sent = path if path.startswith("/") else f"/{path}"
    assert parse_url(f"https://h.example{path}").raw_path_qs == sent
    start = parse_url("https://h.example/from?x=1")
    for location in (f"https://h.example{sent}", f"//h.example{sent}", sent):
        assert resolve_redirect(start, location, 302).raw_path_qs == sent


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/ü.jpg", "/%C3%BC.jpg"),
        ('/a|b^c`d<e>f{g}h"', "/a%7Cb%5Ec%60d%3Ce%3Ef%7Bg%7Dh%22"),
        ("/100%/a", "/100%25/a"),
        ("/a#b", "/a"),
    ],
)
def test_only_what_is_illegal_is_encoded(path: str, sent: str) -> None:
    assert parse_url(f"https://h.example{path}").raw_path_qs == sent


def test_a_relative_redirect() -> None:
    start = parse_url("https://h.example/a/b?x=1")
    assert str(resolve_redirect(start, "c%3A.jpg", 302)) == "https://h.example/a/c%3A.jpg"


@given(
    st.text(
        st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="\\#%"), max_size=40
    )
)
def test_legal_urls_are_sent_as_given(rest: str) -> None:
    legal = "".join(c for c in rest if c not in '"<>^`{|}')
    assert parse_url(f"http://h.example/{legal}").raw_path_qs == f"/{legal}"


def test_the_longest_url() -> None:
    longest = "http://example.com/" + "a" * (MAX_URL_CHARS - 19)
    assert str(parse_url(longest)) == longest


@given(
    st.text(max_size=60)
    | st.builds("http://{}/{}".format, st.text(max_size=30), st.text(max_size=9))
)
def test_any_text_is_a_url_or_invalid(text: str) -> None:
    try:
        url = parse_url(text)
    except UrlInvalid:
        return
    assert url.scheme in ("http", "https")
    assert url.host
    assert url.raw_user is None


@pytest.mark.parametrize(
    "url",
    [
        "http://a",
        "HTTPS://A.example/",
        "https://[::1]:8080/x",
        "https://example.org?x",
        "https://é.example/ü",
    ],
)
def test_what_can_be_tried(url: str) -> None:
    assert is_url(f" {url} ")


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "http"),
        ("ftp://example.org/a", "http"),
        ("//example.org/a", "http"),
        ("javascript:alert(1)", "http"),
        ("https://", "host"),
        ("https:///a", "host"),
        ("https://user@example.org/a", "user name"),
        ("https://example.org/a b", "percent-encode"),
        ("https://example.org/a\x00", "percent-encode"),
        ("https://example.org/" + "a" * MAX_URL_CHARS, "4096"),
    ],
)
def test_what_cannot_be_tried_and_why(url: str, words: str) -> None:
    assert words in str(url_defect(url))


@given(
    st.text(max_size=40)
    | st.builds(
        "http{}://{}{}{}".format,
        st.sampled_from(["", "s", "S", "\u017f"]),
        st.text("aZ09.-_@:[]%\\\u212a é", max_size=12),
        st.sampled_from(["", ".com", ".xn--p1ai", ":80", ".com:99999"]),
        st.text("/?#a%\\ \x00\ud800\u2028é", max_size=6),
    )
)
def test_a_row_of_a_list_and_a_request_have_the_same_urls(text: str) -> None:
    if (defect := url_defect(text)) is None:
        assert parse_url(text).host
    else:
        with pytest.raises(UrlInvalid) as caught:
            parse_url(text)
        assert caught.value.detail == defect
    assert is_url(text) == (url_defect(text.strip()) is None)
