"""The arguments of the batch routes: the batch that the path names, and the service behind it."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path

from app.api.auth import Owner
from app.api.batches.state import BatchState
from app.api.state import State
from app.batches.store.models import Batch


async def batch_state(state: State) -> BatchState:
    """The service, and the limits around it."""
    return state.batches


Batches = Annotated[BatchState, Depends(batch_state)]


async def requested_batch(
    batch_id: Annotated[str, Path(max_length=64, description="`id` of the batch")],
    owner: Owner,
    batches: Batches,
) -> Batch:
    """The owner's batch as it is now; raises ``NotFound``."""
    return await batches.read(batches.service.get, batch_id, owner)


RequestedBatch = Annotated[Batch, Depends(requested_batch)]
