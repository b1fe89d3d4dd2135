"""What a network says, in words: of each component, what it shows, and what it does not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from app.cohort.network.model import ALL_KINDS, AccountGroup, Component, EdgeKind, Network
from app.cohort.number_text import MIN_P_VALUE, pluralize

SHOWS: Final = (
    "Each point is one account; a line says that two share something: the same picture, a burst of "
    "creation dates, a recipe of names, or a line that you brought. A group of n is drawn with "
    "n − 1 lines, all from one of them, which is no more than the others."
)
DOES_NOT_SHOW: Final = (
    "It does not show who runs an account, nor that one person runs several: friends sign up "
    "together, fans show their star, a school names its pupils by one rule. Accounts without a "
    "line are not shown, and nothing is said of them. Pictures of one generator share its frame "
    "whoever made them, so a shared frame is no line here."
)
OWN_CHANCE: Final = "You brought these lines; how often chance makes such is not known here."
_SHOWN_GROUPS: Final = 2


def component_sentence(component: Component, flagged: int) -> str:
    """What joins the accounts of a component, and how many of them are flagged."""
    parts = list(_group_parts(component.groups))
    if component.own_edges:
        parts.append(f"{pluralize(component.own_edges, 'line')} you brought")
    flags = f"; {flagged} flagged" if flagged else ""
    return f"{pluralize(len(component.nodes), 'account')}{flags}: {'; '.join(parts)}."


def _group_parts(groups: Sequence[AccountGroup]) -> Iterator[str]:
    by_kind: dict[EdgeKind, list[AccountGroup]] = defaultdict(list)
    for group in groups:
        by_kind[group.kind].append(group)
    for kind in ALL_KINDS:
        largest = sorted(by_kind[kind], key=lambda g: (-len(g.members), g.what))
        for group in largest[:_SHOWN_GROUPS]:
            yield f"{len(group.members):,} {group.what}{_chance_text(group)}"
        more = len(largest) - _SHOWN_GROUPS
        if more > 0:
            yield f"{pluralize(more, 'more group')} of “{kind.label}”"


def _chance_text(group: AccountGroup) -> str:
    """How often chance makes as much; nothing is stated below 1e-6."""
    if group.log10_chance is None:
        return ""
    chance = max(10.0 ** max(group.log10_chance, -300.0), MIN_P_VALUE)
    lists = float(f"{1.0 / chance:.1g}")
    return f" (by chance in fewer than one list of {lists:,.0f})" if lists > 1 else ""


def heading_sentence(network: Network) -> str:
    """How many accounts of how many are joined, by how many lines, in how many components."""
    accounts = pluralize(len(network.accounts), "account")
    if not len(network.accounts):
        listed = pluralize(network.listed, "account")
        return f"No two of {listed} are joined by anything that chance does not explain."
    return (
        f"{accounts} of {network.listed:,} in {pluralize(len(network.components), 'component')}, "
        f"joined by {pluralize(len(network.edges), 'line')}."
    )


def too_many_note(components: int, accounts: int) -> str:
    """What was left out because a network has only so many accounts."""
    return (
        f"Left out, because the network is too large: its {pluralize(components, 'component')} of "
        f"the fewest accounts ({pluralize(accounts, 'account')} in all)."
    )
