"""``/openapi.json``, and ``/docs``: the same as a page. No script, nothing from elsewhere."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any, Final

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import HTMLResponse

router = APIRouter()

_STYLE: Final = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
code, pre { font-family: ui-monospace, monospace; font-size: 0.875rem; }
pre { overflow-x: auto; padding: 0.75rem; border: 1px solid #8886; border-radius: 4px; }
h2 { margin-top: 2.5rem; border-top: 1px solid #8886; padding-top: 1rem; }
dt { font-weight: 600; margin-top: 0.75rem; }
summary { cursor: pointer; }
"""
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_CONTENT_SECURITY_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True)
class RenderedDocs:
    """The description for machines and for people, UTF-8."""

    json: bytes
    html: bytes


@router.get("/openapi.json", include_in_schema=False)
async def openapi(request: Request) -> Response:
    """For machines."""
    return Response((await _cached_docs(request.app)).json, media_type="application/json")


@router.get("/docs", include_in_schema=False)
async def docs(request: Request) -> HTMLResponse:
    """For people."""
    html = (await _cached_docs(request.app)).html
    return HTMLResponse(html, headers={"Content-Security-Policy": _CONTENT_SECURITY_POLICY})


async def _cached_docs(app: FastAPI) -> RenderedDocs:
    """Written when first asked for, on a thread: it takes a while, and anybody may ask."""
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
    info = document["info"]
    operations = "".join(
        _render_operation(path, method, operation, document)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    )
    title = f"{escape(info['title'])} {escape(info['version'])}"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'
        f"<h1>{title}</h1>{_render_paragraphs(info['description'])}"
        f'<p><a href="/openapi.json">/openapi.json</a> says the same to machines.</p>'
        f"{operations}</html>"
    )


def _render_operation(
    path: str, method: str, operation: Mapping[str, Any], document: Mapping[str, Any]
) -> str:
    parameters = "".join(
        f"<dt><code>{escape(p['name'])}</code> ({escape(p['in'])})</dt>"
        f"<dd>{escape(p.get('description', ''))} <code>{_type_label(p['schema'])}</code></dd>"
        for p in operation.get("parameters", ())
    )
    body = operation.get("requestBody", {}).get("content", {})
    body_html = "".join(_render_content(kind, content, document) for kind, content in body.items())
    responses = "".join(
        f"<dt>{escape(status)} {escape(answer.get('description', ''))}</dt><dd>"
        + "".join(_render_content(k, c, document) for k, c in answer.get("content", {}).items())
        + "</dd>"
        for status, answer in operation["responses"].items()
    )
    return (
        f"<h2><code>{method.upper()} {escape(path)}</code></h2>"
        f"<p>{escape(operation.get('summary', ''))}</p>"
        f"{_render_paragraphs(operation.get('description', ''))}"
        f"{f'<h3>Parameters</h3><dl>{parameters}</dl>' if parameters else ''}"
        f"{f'<h3>Body</h3>{body_html}' if body_html else ''}<h3>Answers</h3><dl>{responses}</dl>"
    )


def _render_content(kind: str, content: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    schema = _resolve_reference(content.get("schema", {}), document)
    examples = "".join(
        f"<details><summary>{escape(kind)}: {escape(name)}</summary>{_render_json(value)}</details>"
        for name, value in _examples(content)
    )
    fields = "".join(
        f"<li><code>{escape(name)}</code> <code>{_type_label(field_schema)}</code> "
        f"{escape(field_schema.get('description', ''))}</li>"
        for name, field_schema in schema.get("properties", {}).items()
    )
    field_list = f"<details><summary>fields</summary><ul>{fields}</ul></details>" if fields else ""
    return f"<p><code>{escape(kind)}</code></p>{field_list}{examples}"


def _examples(content: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, example in content.get("examples", {}).items():
        yield name, example.get("value")


def _resolve_reference(schema: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, Any]:
    """``schema``, or what it refers to."""
    name = schema.get("$ref", "").rpartition("/")[2]
    resolved: Mapping[str, Any] = (
        document.get("components", {}).get("schemas", {}).get(name, schema)
    )
    return resolved


def _type_label(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        return escape(schema["$ref"].rpartition("/")[2])
    alternatives = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    if alternatives:
        return " | ".join(_type_label(each) for each in alternatives)
    if schema.get("type") == "array":
        return f"[{_type_label(schema.get('items', {}))}]"
    choices = schema.get("enum") or ([schema["const"]] if "const" in schema else [])
    return escape(" | ".join(map(str, choices)) or str(schema.get("type", "any")))


def _render_json(value: Any) -> str:
    return f"<pre>{escape(json.dumps(value, indent=2, ensure_ascii=False))}</pre>"


def _render_paragraphs(text: str) -> str:
    return "".join(f"<p>{escape(part)}</p>" for part in text.split("\n\n") if part.strip())
