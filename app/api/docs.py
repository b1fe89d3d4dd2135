"""``/openapi.json``, and ``/docs``: the same as a page. No script, nothing from elsewhere."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from typing import Any, Final

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import HTMLResponse

from app.render.html import render_template

router = APIRouter()

_STYLE: Final = files("app.api").joinpath("templates/docs.css").read_text(encoding="utf-8")
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_CONTENT_SECURITY_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True)
class RenderedDocs:
    """The description for programs and for people, UTF-8."""

    json: bytes
    html: bytes


@router.get("/openapi.json", include_in_schema=False)
async def openapi(request: Request) -> Response:
    """For programs."""
    return Response((await _cached_docs(request.app)).json, media_type="application/json")


@router.get("/docs", include_in_schema=False)
async def docs(request: Request) -> HTMLResponse:
    """For people."""
    html = (await _cached_docs(request.app)).html
    return HTMLResponse(html, headers={"Content-Security-Policy": _CONTENT_SECURITY_POLICY})


async def _cached_docs(app: FastAPI) -> RenderedDocs:
    """Rendered at the first request, on a thread: it takes a while, and anybody may ask."""
    rendered: RenderedDocs | None = getattr(app.state, "written", None)
    if rendered is None:
        rendered = app.state.written = await asyncio.to_thread(_render_docs, app)
    return rendered


def _render_docs(app: FastAPI) -> RenderedDocs:
    document = app.openapi()
    return RenderedDocs(
        json.dumps(document, ensure_ascii=False).encode(), render_page(document).encode()
    )


def render_page(document: Mapping[str, Any]) -> str:
    """``document``, an OpenAPI description, as HTML."""
    return render_template(
        "app.api",
        "docs.html.j2",
        info=document["info"],
        paths=document["paths"],
        resolve=partial(_resolve_reference, document=document),
        type_label=_type_label,
        indent_json=_indent_json,
    )


def _resolve_reference(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, Any]:
    """``schema``, or the schema that it refers to."""
    name = schema.get("$ref", "").rpartition("/")[2]
    resolved: Mapping[str, Any] = (
        document.get("components", {}).get("schemas", {}).get(name, schema)
    )
    return resolved


def _type_label(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    alternatives = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    if alternatives:
        return " | ".join(_type_label(each) for each in alternatives)
    if schema.get("type") == "array":
        return f"[{_type_label(schema.get('items', {}))}]"
    choices = schema.get("enum") or ([schema["const"]] if "const" in schema else [])
    return " | ".join(map(str, choices)) or str(schema.get("type", "any"))


def _indent_json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
