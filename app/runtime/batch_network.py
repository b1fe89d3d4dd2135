"""The network of a batch in every form in which it is given out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from itertools import chain
from typing import Final, Literal, get_args

from app.batches.service import BatchService
from app.batches.store.models import Batch
from app.cohort.network.accounts import collect_accounts
from app.cohort.network.layout import lay_out_network
from app.cohort.network.model import ALL_KINDS, EdgeKind, Network
from app.cohort.network.network import build_network
from app.cohort.network.text import DOES_NOT_SHOW, heading_sentence
from app.cohort.number_text import pluralize
from app.cohort.parameters import CohortParameters
from app.errors import NotYet
from app.records import OwnEdge
from app.render.network.graph_files import write_gexf, write_graphml
from app.render.network.network_picture import draw_network
from app.render.network.network_svg import write_svg
from app.runtime.batch_report import batch_title
from app.runtime.network_json import write_json

MAX_TOLD_COMPONENTS: Final = 20
NetworkFormat = Literal["svg", "png", "json", "graphml", "gexf"]
NETWORK_FORMATS: Final[tuple[NetworkFormat, ...]] = get_args(NetworkFormat)


class BatchNetworks:
    """Draws and writes networks on the calling thread.

    ``list_name``: of lists without one. ``more_edges``: gives lines beside those that came with
    a list, each time that it is called.
    """

    def __init__(
        self,
        service: BatchService,
        parameters: CohortParameters,
        list_name: str = "",
        more_edges: Callable[[], Iterable[OwnEdge]] = tuple,
    ) -> None:
        self._service = service
        self._parameters = parameters
        self._list_name = list_name
        self._more_edges = more_edges

    def build(self, batch: Batch, kinds: Collection[EdgeKind] = ALL_KINDS) -> Network:
        """Of the results so far. Raises ``NotYet`` if there is none."""
        if not batch.completed + batch.failed:
            raise NotYet("No item of this list has a result yet; ask again when one has.")
        owner = batch.request.owner
        results = self._service.iter_results(batch.id, owner, thumbnails=False, analyses=False)
        accounts = collect_accounts(results)
        own_edges = chain(self._service.iter_own_edges(batch.id, owner), self._more_edges())
        return build_network(accounts, own_edges, self._parameters, kinds)

    def sentences(self, batch: Batch) -> tuple[str, ...]:
        """What the network says: in all, of its largest components, and what it does not show.

        Empty where no two accounts are joined. Raises ``NotYet``.
        """
        network = self.build(batch)
        if not network.components:
            return ()
        told = [c.sentence for c in network.components[:MAX_TOLD_COMPONENTS]]
        more = len(network.components) - len(told)
        rest = [f"And {pluralize(more, 'smaller component')}."] if more else []
        return heading_sentence(network), *told, *rest, DOES_NOT_SHOW

    def render(
        self, batch: Batch, form: NetworkFormat, kinds: Collection[EdgeKind] = ALL_KINDS
    ) -> bytes:
        """The network in that form; the same results give the same bytes."""
        network = self.build(batch, kinds)
        layout = lay_out_network(network)
        title = f"Accounts of {batch_title(batch, self._list_name)}"
        match form:
            case "svg":
                return write_svg(network, layout, title)
            case "png":
                return draw_network(network, layout, title)
            case "json":
                return write_json(batch.id, network, layout)
            case "graphml":
                return write_graphml(network, layout)
            case "gexf":
                return write_gexf(network, layout)
