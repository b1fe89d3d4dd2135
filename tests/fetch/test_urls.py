"""Which text is a URL that may be tried."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import UrlInvalid
from app.fetch.urls import MAX_URL_CHARS, parse_url


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
    assert str(url) == "https://example.com/a%20b.jpg?x=1&y=/"


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
