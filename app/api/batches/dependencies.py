"""The arguments of the batch routes: the batch that the path names, and the service behind it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Request

from app.api.auth import OwnOwners, ReadableOwners
from app.api.batches.state import BatchState
from app.api.state import State
from app.batches.store.models import Batch


async def batch_state(state: State) -> BatchState:
    """The service, and the limits around it."""
    return state.batches


Batches = Annotated[BatchState, Depends(batch_state)]


async def requested_batch(
    batch_id: Annotated[str, Path(max_length=64, description="`id` of the batch")],
    request: Request,
    own: OwnOwners,
    readable: ReadableOwners,
    batches: Batches,
) -> Batch:
    """The batch as it is now, if the key may read it, or change it; raises ``NotFound``."""
    owners = readable if request.method in ("GET", "HEAD") else own
    return await batches.read(batches.service.get_of, batch_id, owners)


RequestedBatch = Annotated[Batch, Depends(requested_batch)]
