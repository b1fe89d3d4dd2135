"""``create_app(settings)``: the routes, and what every request passes through."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

from fastapi import FastAPI
from starlette.middleware import Middleware

from app import __version__
from app.analysis.analyzer import Analyzer
from app.api import docs, operations, problems
from app.api.analyses import examples
from app.api.analyses import router as analyses
from app.api.batches import events, images, openapi, results, webhooks
from app.api.batches import router as batches
from app.api.middleware import RequestContext
from app.api.origin_guard import OriginGuard
from app.api.state import OpenAnalyzer, open_app_state
from app.runtime.observability import Metrics
from app.settings import Settings

_DESCRIPTION = """How strongly does a profile picture look made by a StyleGAN-family face generator?

Every answer is evidence, not a sentence: `llr` is a log10 likelihood ratio, `likelihood` is what it
makes of even odds, `posterior_at_base_rate` is what a flag out of the blue is worth. A picture
without a face is an outcome, never an error. Errors are `application/problem+json` (RFC 9457).
"""


def create_app(settings: Settings, open_analyzer: OpenAnalyzer = Analyzer.load) -> FastAPI:
    """The application. Raises ``SettingsError`` if it would be open to strangers."""
    settings.require_keys_if_public()
    metrics = Metrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_app_state(settings, metrics, open_analyzer) as state:
            app.state.house = state
            yield

    app = FastAPI(
        title="Eyeline",
        version=__version__,
        description=_DESCRIPTION,
        lifespan=lifespan,
        redirect_slashes=False,
        openapi_url=None,  # docs.router has it: written once, away from the event loop
        docs_url=None,
        redoc_url=None,
        middleware=[
            Middleware(RequestContext, metrics=metrics),
            *(() if settings.api_keys else (Middleware(OriginGuard),)),
        ],
    )
    problems.install_handlers(app)
    app.include_router(analyses.router)
    for router in (
        batches.router,
        batches.read_router,
        results.router,
        events.router,
        images.router,
        webhooks.read_router,
        webhooks.router,
    ):
        app.include_router(router)
    app.include_router(operations.read_router)
    app.include_router(operations.admin_router)
    app.include_router(operations.public_router)
    app.include_router(docs.router)
    _complete_openapi(app)
    return app


def _complete_openapi(app: FastAPI) -> None:
    """Add what FastAPI leaves out: ``Problem``, which no route returns, and examples with nulls."""
    generate_openapi = app.openapi

    @cache
    def complete() -> dict[str, Any]:
        document = generate_openapi()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        template = "#/components/schemas/{model}"
        schema = problems.Problem.model_json_schema(ref_template=template, mode="serialization")
        schemas.update(schema.pop("$defs", {}))
        schemas["Problem"] = schema
        schemas.update(openapi.SCHEMAS)
        examples_by_operation = {
            ("/v1/analyses", "post", "200"): examples.ANALYSES,
            **openapi.EXAMPLES,
        }
        for (path, method, status), operation_examples in examples_by_operation.items():
            content = document["paths"][path][method]["responses"][status]["content"]
            content["application/json"]["examples"] = examples.openapi_examples(operation_examples)
        return document

    app.openapi = complete  # type: ignore[method-assign]
