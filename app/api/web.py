"""The page at ``/``: files of ``app/web``, read once and served as they are.

Their addresses hold a digest of them all, so that browsers may keep them for good and a new version
is loaded as a whole. The page is a client of the public API and of nothing else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Annotated, Final

from fastapi import APIRouter, Path, Request, Response

from app.api.content_negotiation import HTML, TEXT, preferred_type
from app.errors import NotFound

router = APIRouter(include_in_schema=False)

_WELCOME: Final = "Eyeline: POST a profile picture to /v1/analyses. All routes: /docs\n"
_MEDIA_TYPES: Final[Mapping[str, str]] = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
_INDEX: Final = "index.html"
_ROOT_MARK: Final = b"{{root}}"
_FOREVER: Final = "public, max-age=31536000, immutable"
_ASK_AGAIN: Final = "no-cache"
_PAGE_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}


@dataclass(frozen=True)
class WebFile:
    """``etag``: quoted, as HTTP writes it."""

    content: bytes
    media_type: str
    etag: str


@dataclass(frozen=True)
class WebFiles:
    """``digest``: of all files together; ``by_name``: by their paths below ``app/web``."""

    digest: str
    by_name: Mapping[str, WebFile]


@cache
def load_web_files() -> WebFiles:
    """Everything below ``app/web``, with the address of the others written into the page."""
    contents = dict(sorted(_iter_files(files("app").joinpath("web"))))
    digest = hashlib.sha256(b"".join(contents.values())).hexdigest()[:16]
    contents[_INDEX] = contents[_INDEX].replace(_ROOT_MARK, f"/web/{digest}".encode())
    return WebFiles(digest, {name: _web_file(name, data) for name, data in contents.items()})


@router.get("/")
async def page(request: Request) -> Response:
    """The page for a browser, a line of text for others."""
    accept = request.headers.get("accept", "*/*")
    if preferred_type(accept, (TEXT, HTML)) == TEXT:
        return Response(_WELCOME, media_type=TEXT, headers={"Vary": "Accept"})
    file = load_web_files().by_name[_INDEX]
    return _respond(request, file, {**_PAGE_HEADERS, "Vary": "Accept"}, _ASK_AGAIN)


@router.get("/web/{digest}/{name:path}")
async def web_file(
    request: Request,
    digest: Annotated[str, Path(max_length=64)],
    name: Annotated[str, Path(max_length=200)],
) -> Response:
    """A script, a style or a picture of the page. Raises ``NotFound``."""
    web = load_web_files()
    file = web.by_name.get(name)
    if file is None or name == _INDEX:
        raise NotFound("There is no such file of the page; reload it at /.")
    return _respond(request, file, {}, _FOREVER if digest == web.digest else _ASK_AGAIN)


def _respond(
    request: Request, file: WebFile, headers: Mapping[str, str], cache_control: str
) -> Response:
    """``file``, or 304 if the browser has it."""
    all_headers = {**headers, "ETag": file.etag, "Cache-Control": cache_control}
    known_etags = request.headers.get("if-none-match", "").replace("W/", "").split(",")
    if file.etag in {etag.strip() for etag in known_etags}:
        return Response(status_code=304, headers=all_headers)
    return Response(file.content, media_type=file.media_type, headers=all_headers)


def _iter_files(folder: Traversable, prefix: str = "") -> list[tuple[str, bytes]]:
    found = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _iter_files(entry, f"{prefix}{entry.name}/")
        else:
            found.append((prefix + entry.name, entry.read_bytes()))
    return found


def _web_file(name: str, content: bytes) -> WebFile:
    etag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    return WebFile(content, _MEDIA_TYPES[name.rpartition(".")[2]], etag)
