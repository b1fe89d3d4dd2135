"""``create_app(settings)``: the routes, and what every request passes through."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

from fastapi import FastAPI
from starlette.middleware import Middleware

from app import __version__
from app.analysis.analyzer import Analyst
from app.api import docs, operations, problems
from app.api.analyses import examples
from app.api.analyses import router as analyses
from app.api.batches import events, images, openapi, results, webhooks
from app.api.batches import router as batches
from app.api.middleware import Envelope
from app.api.origin_guard import Browsers
from app.api.state import Open, open_house
from app.runtime.observability import Metrics
from app.settings import Settings

_DESCRIPTION = """How strongly does a profile picture look made by a StyleGAN-family face generator?

Every answer is evidence, not a sentence: `llr` is a log10 likelihood ratio, `likelihood` is what it
makes of even odds, `posterior_at_base_rate` is what a flag out of the blue is worth. A picture
without a face is an outcome, never an error. Errors are `application/problem+json` (RFC 9457).
"""


def create_app(settings: Settings, open_analyst: Open = Analyst.load) -> FastAPI:
    """The application. Raises ``SettingsError`` if it would be open to strangers."""
    settings.refuse_open_door()
    metrics = Metrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_house(settings, metrics, open_analyst) as opened:
            app.state.house = opened
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
            Middleware(Envelope, metrics=metrics),
            *(() if settings.api_keys else (Middleware(Browsers),)),
        ],
    )
    problems.install(app)
    app.include_router(analyses.router)
    for router in (
        batches.router,
        batches.reading,
        results.router,
        events.router,
        images.router,
        webhooks.reading,
        webhooks.router,
    ):
        app.include_router(router)
    app.include_router(operations.keyed_router)
    app.include_router(operations.admin_router)
    app.include_router(operations.open_router)
    app.include_router(docs.router)
    _complete_description(app)
    return app


def _complete_description(app: FastAPI) -> None:
    """Add what FastAPI leaves out: ``Problem``, which no route returns, and examples with nulls."""
    described = app.openapi

    @cache
    def complete() -> dict[str, Any]:
        document = described()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        template = "#/components/schemas/{model}"
        schema = problems.Problem.model_json_schema(ref_template=template, mode="serialization")
        schemas.update(schema.pop("$defs", {}))
        schemas["Problem"] = schema
        schemas.update(openapi.SCHEMAS)
        shown = {("/v1/analyses", "post", "200"): examples.ANALYSES, **openapi.SHOWN}
        for (path, method, status), several in shown.items():
            answers = document["paths"][path][method]["responses"][status]["content"]
            answers["application/json"]["examples"] = examples.named(several)
        return document

    app.openapi = complete  # type: ignore[method-assign]
