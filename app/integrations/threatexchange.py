"""A source of signals for python-threatexchange and HMA: PDQ hashes of what Eyeline flagged.

Loaded by ``tx config extensions add app.integrations.threatexchange``, or named among HMA's
``exchange_types``. It reads the batches of one API key over HTTP (``TX_EYELINE_CREDENTIALS``, or
the file ``~/.tx_eyeline_credentials``); each fetch is whole, so that what was erased or cleared is
gone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import requests
from threatexchange.exchanges import auth
from threatexchange.exchanges import fetch_state as state
from threatexchange.exchanges.collab_config import CollaborationConfigWithDefaults
from threatexchange.exchanges.signal_exchange_api import SignalExchangeAPIWithSimpleUpdates
from threatexchange.extensions.manifest import ThreatExchangeExtensionManifest
from threatexchange.signal_type.pdq.signal import PdqSignal
from threatexchange.signal_type.signal_base import SignalType

from app.integrations.hash_bank import SIGNAL_TYPE, flagged_hashes
from app.integrations.results import ResultLine

TIMEOUT_S: Final = 60.0
PAGE_BATCHES: Final = 100
TAG: Final = "stylegan"


@dataclass
class EyelineCredentials(auth.CredentialHelper):
    """An API key with the scope ``read``; empty where the service has no keys."""

    ENV_VARIABLE: ClassVar[str] = "TX_EYELINE_CREDENTIALS"
    FILE_NAME: ClassVar[str] = "~/.tx_eyeline_credentials"

    api_key: str

    @classmethod
    def _from_str(cls, s: str) -> EyelineCredentials:
        return cls(s.strip())


@dataclass
class _EyelineRequiredFields:
    service_url: str = field(metadata={"help": "where Eyeline runs (https://eyeline.example)"})


@dataclass
class EyelineCollabConfig(CollaborationConfigWithDefaults, _EyelineRequiredFields):
    """Which lists: one batch, or all of the key; and from which llr."""

    batch_id: str | None = field(
        default=None, metadata={"help": "one list only; by default all of the key"}
    )
    min_llr: float | None = field(
        default=None, metadata={"help": "from this llr; by default every likely_stylegan"}
    )


@dataclass
class EyelineSignalMetadata(state.FetchedSignalMetadata):
    """A place to begin to look, tagged; no claim about an account."""

    def get_as_opinions(self) -> Sequence[state.SignalOpinion]:
        seed = state.SignalOpinionCategory.INVESTIGATION_SEED
        return [state.SignalOpinion(False, seed, {TAG})]


class EyelineSignalExchangeAPI(
    auth.SignalExchangeWithAuth[EyelineCollabConfig, EyelineCredentials],
    SignalExchangeAPIWithSimpleUpdates[
        EyelineCollabConfig, state.NoCheckpointing, EyelineSignalMetadata
    ],
):
    """Reads flagged hashes; it has nothing to write to."""

    def __init__(self, collab: EyelineCollabConfig, credentials: EyelineCredentials | None) -> None:
        self.collab = collab
        self._session = requests.Session()
        if credentials is not None and credentials.api_key:
            self._session.headers["Authorization"] = f"Bearer {credentials.api_key}"

    @staticmethod
    def get_config_cls() -> type[EyelineCollabConfig]:
        return EyelineCollabConfig

    @staticmethod
    def get_checkpoint_cls() -> type[state.NoCheckpointing]:
        checkpoint: type[state.NoCheckpointing] = state.NoCheckpointing
        return checkpoint

    @staticmethod
    def get_record_cls() -> type[EyelineSignalMetadata]:
        return EyelineSignalMetadata

    @staticmethod
    def get_credential_cls() -> type[EyelineCredentials]:
        return EyelineCredentials

    @classmethod
    def for_collab(
        cls, collab: EyelineCollabConfig, credentials: EyelineCredentials | None = None
    ) -> EyelineSignalExchangeAPI:
        """Without credentials anywhere, none are sent: a service on loopback may need none."""
        try:
            credentials = credentials or EyelineCredentials.get(cls)
        except auth.SignalExchangeAPIMissingAuthException:
            credentials = None
        return cls(collab, credentials)

    def fetch_iter(
        self,
        supported_signal_types: Sequence[type[SignalType]],
        checkpoint: state.NoCheckpointing | None,
    ) -> Iterator[state.FetchDelta[tuple[str, str], EyelineSignalMetadata, state.NoCheckpointing]]:
        """One delta a list."""
        if PdqSignal not in supported_signal_types:
            return
        for batch_id in self._iter_batch_ids():
            hashes = flagged_hashes(self._iter_results(batch_id), self.collab.min_llr)
            yield state.FetchDelta(
                {(SIGNAL_TYPE, pdq): EyelineSignalMetadata() for pdq in hashes},
                state.NoCheckpointing(),
            )

    def _iter_batch_ids(self) -> Iterator[str]:
        if self.collab.batch_id is not None:
            yield self.collab.batch_id
            return
        cursor: str | None = None
        while True:
            page = self._get("/v1/batches", limit=PAGE_BATCHES, cursor=cursor).json()
            yield from (batch["id"] for batch in page["data"])
            cursor = page["next_cursor"]
            if cursor is None:
                return

    def _iter_results(self, batch_id: str) -> Iterator[ResultLine]:
        verdict = "likely_stylegan" if self.collab.min_llr is None else None
        with self._get(
            f"/v1/batches/{batch_id}/results",
            stream=True,
            format="ndjson",
            verdict=verdict,
            min_llr=self.collab.min_llr,
        ) as response:
            for text in response.iter_lines():
                line = json.loads(text)
                if "llr" in line and "image" in line:
                    yield line

    def _get(self, path: str, *, stream: bool = False, **params: Any) -> Any:
        url = f"{self.collab.service_url.rstrip('/')}{path}"
        response = self._session.get(url, params=params, stream=stream, timeout=TIMEOUT_S)
        if response.status_code in (401, 403):
            raise auth.SignalExchangeAPIInvalidAuthException(type(self), response.text[:300])
        response.raise_for_status()
        return response


TX_MANIFEST = ThreatExchangeExtensionManifest(apis=(EyelineSignalExchangeAPI,))
