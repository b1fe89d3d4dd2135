"""A batch of Mastodon's avatars has ended → its flagged accounts are told to the moderators.

It is the last step of a webhook delivery: the outbox keeps it, repeats it if it fails, and shows
every try under ``/v1/batches/{id}/webhooks``.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final, Self

from app.batches.service import BatchService
from app.errors import NotFound
from app.evidence import Verdict
from app.integrations.mastodon.reports import Action, ModerationClient, file_reports, open_client
from app.integrations.mastodon.webhook import webhook_owner
from app.settings import Settings

HTTP_OK: Final = 200


@dataclass(frozen=True, eq=False)
class ModeratorReports:
    """Files what one batch flagged. ``min_llr``: from where; by default, the verdict decides.

    ``evidence_url``: of this service, as moderators reach it; ``None`` gives no link.
    """

    client: ModerationClient
    owner: str
    action: Action
    min_llr: float | None
    evidence_url: str | None

    @classmethod
    def from_settings(cls, settings: Settings) -> Self | None:
        """``None`` where no server, or no token, is configured: then nothing is filed."""
        if settings.mastodon_url is None or settings.mastodon_token is None:
            return None
        return cls(
            client=open_client(settings.mastodon_url, settings.mastodon_token.get_secret_value()),
            owner=webhook_owner(settings),
            action=settings.mastodon_action,
            min_llr=settings.mastodon_min_llr,
            evidence_url=settings.public_url,
        )

    def deliver(self, service: BatchService, message: bytes, timeout_s: float) -> int:
        """File what the batch of ``message`` flagged; blocks. Raises ``FetchFailed``."""
        batch_id = json.loads(message)["data"]["id"]
        verdict = Verdict.LIKELY_STYLEGAN if self.min_llr is None else None
        try:
            flagged = service.iter_results(
                batch_id,
                self.owner,
                order="-llr",
                min_llr=self.min_llr,
                verdict=verdict,
                thumbnails=False,
            )
        except NotFound:
            return HTTP_OK  # erased meanwhile: nothing is left to tell
        link = self.evidence_url and f"{self.evidence_url}/v1/batches/{batch_id}/report.html"
        file_reports(
            self.client, flagged, action=self.action, evidence_url=link, timeout_s=timeout_s
        )
        return HTTP_OK
