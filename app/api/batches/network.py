"""A follower list as a network: which accounts belong together, as data and for graph programs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Response

from app.api.auth import Owner, require
from app.api.batches import openapi
from app.api.batches.dependencies import Batches, RequestedBatch
from app.api.content_negotiation import JSON, PNG
from app.batches.store.models import Batch
from app.cohort.network.model import ALL_KINDS, EdgeKind
from app.runtime.batch_network import NetworkFormat
from app.runtime.network_json import NetworkOut

router = APIRouter(tags=["batches"], dependencies=[Depends(require("read"))])

_SVG_HEADERS: Final = {
    # Opened by itself on the service's own origin, it may load and run nothing.
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "X-Content-Type-Options": "nosniff",
}
_KIND: Final = f"({'|'.join(ALL_KINDS)})"
Edges = Annotated[
    str | None,
    Query(
        pattern=f"^{_KIND}(,{_KIND}){{0,3}}$",
        description="kinds of lines, separated by commas; all if not given",
    ),
]


Render = Callable[[NetworkFormat], Awaitable[bytes]]


async def _rendering(
    batch: RequestedBatch, owner: Owner, batches: Batches, edges: Edges = None
) -> Render:
    """Renders the requested network on a thread; raises ``Busy`` and ``NotYet``."""
    kinds = ALL_KINDS if edges is None else tuple(map(EdgeKind, edges.split(",")))

    async def render(form: NetworkFormat) -> bytes:
        with batches.limits.drawings.admit(owner):
            return await batches.run(batches.networks.render, batch, form, kinds)

    return render


Rendering = Annotated[Render, Depends(_rendering)]


@router.get(
    "/v1/batches/{batch_id}/network.json",
    summary="Which accounts belong together",
    response_model=NetworkOut,
    responses=openapi.NETWORK_RESPONSES,
)
async def get_network(render: Rendering) -> Response:
    """Each node is one account, each line says what two share, each kind what chance would bring.

    It says that accounts share something, and not who runs them.
    """
    return Response(await render("json"), media_type=JSON)


@router.get(
    "/v1/batches/{batch_id}/network.svg",
    summary="The network as a drawing to enlarge",
    response_class=Response,
    responses=openapi.graph_file_responses(openapi.SVG),
)
async def get_network_svg(render: Rendering) -> Response:
    """The components in sentences, what chance would bring, and what it does not show, included."""
    return Response(await render("svg"), media_type=openapi.SVG, headers=_SVG_HEADERS)


@router.get(
    "/v1/batches/{batch_id}/network.png",
    summary="The network as a picture",
    response_class=Response,
    responses=openapi.IMAGE_RESPONSES,
)
async def get_network_png(render: Rendering) -> Response:
    """The same drawing in pixels."""
    return Response(await render("png"), media_type=PNG)


@router.get(
    "/v1/batches/{batch_id}/network.graphml",
    summary="The network as GraphML",
    response_class=Response,
    responses=openapi.graph_file_responses(openapi.GRAPHML),
)
async def get_network_graphml(batch: RequestedBatch, render: Rendering) -> Response:
    """For Gephi, Cytoscape, networkx and others."""
    return _file(batch, "graphml", openapi.GRAPHML, await render("graphml"))


@router.get(
    "/v1/batches/{batch_id}/network.gexf",
    summary="The network as GEXF",
    response_class=Response,
    responses=openapi.graph_file_responses(openapi.GEXF),
)
async def get_network_gexf(batch: RequestedBatch, render: Rendering) -> Response:
    """GEXF 1.3 with positions, for Gephi and others."""
    return _file(batch, "gexf", openapi.GEXF, await render("gexf"))


def _file(batch: Batch, suffix: str, media_type: str, content: bytes) -> Response:
    disposition = f'attachment; filename="{batch.id}.{suffix}"'
    return Response(content, media_type=media_type, headers={"Content-Disposition": disposition})
