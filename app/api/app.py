"""``create_app(settings)``: the routes and the middleware."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.middleware import Middleware

from app import __version__
from app.analysis.child_pool import open_service_analyzer
from app.api import docs, problems, web
from app.api.analyses import openapi as analyses_openapi
from app.api.analyses import router as analyses
from app.api.batches import (
    decisions,
    events,
    evidence,
    gallery,
    images,
    network,
    overlay,
    results,
    webhooks,
)
from app.api.batches import openapi as batches_openapi
from app.api.batches import router as batches
from app.api.integrations import router as integrations
from app.api.middleware import RequestContext
from app.api.openapi import complete_openapi, operation_id
from app.api.operations import openapi as operations_openapi
from app.api.operations import router as operations
from app.api.origin_guard import OriginGuard
from app.api.state import OpenAnalyzer, open_app_state
from app.runtime.observability import Metrics
from app.settings import Settings

_DESCRIPTION = """How strongly does a profile picture look made by a StyleGAN-family face generator?

Every answer is evidence, not a judgement: `llr` is a log10 likelihood ratio, `likelihood` the
posterior at even odds, `posterior_at_base_rate` what a flag without other evidence is worth. A
picture without a face is an outcome, never an error. Errors are `application/problem+json`
(RFC 9457).
"""


def create_app(settings: Settings, open_analyzer: OpenAnalyzer = open_service_analyzer) -> FastAPI:
    """The application. Raises ``SettingsError`` if it would be public without API keys."""
    settings.require_keys_if_public()
    metrics = Metrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_app_state(settings, metrics, open_analyzer) as state:
            app.state.app_state = state
            yield

    app = FastAPI(
        title="Eyeline",
        version=__version__,
        description=_DESCRIPTION,
        lifespan=lifespan,
        redirect_slashes=False,
        generate_unique_id_function=operation_id,
        openapi_url=None,  # docs.router serves it: written once, on a thread
        docs_url=None,
        redoc_url=None,
        middleware=[
            Middleware(RequestContext, metrics=metrics),
            *(() if settings.api_keys else (Middleware(OriginGuard),)),
        ],
    )
    problems.install_handlers(app)
    for router in (
        analyses.router,
        batches.router,
        batches.read_router,
        results.router,
        events.router,
        images.router,
        network.router,
        decisions.read_router,
        decisions.router,
        overlay.router,
        gallery.router,
        evidence.router,
        webhooks.read_router,
        webhooks.router,
        integrations.router,
        operations.read_router,
        operations.admin_router,
        operations.public_router,
        docs.router,
        web.router,
    ):
        app.include_router(router)
    complete_openapi(
        app,
        batches_openapi.SCHEMAS,
        {**analyses_openapi.EXAMPLES, **batches_openapi.EXAMPLES, **operations_openapi.EXAMPLES},
        batches_openapi.WEBHOOKS,
    )
    return app
