"""One review of quotas as its page shows it: the tree, who is waited for, what reps object to, and the signed trail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workers.gateway.waiting import Waiting, standing
from workers.office import links
from workers.office.teams import Teams, called
from workers.quota_approval.adapters import overview, roll_up
from workers.quota_approval.domain.people import GROUPS
from workers.quota_approval.domain.trail import Entry
from workers.settings import Settings

LISTED = 100
"""Rows of a list, the oldest or newest first; the count tells how many there are."""


class UnknownReview(LookupError):
    """There is no such review, or it has no such rep or unit."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A quota that waits for a person."""

    case: roll_up.Case
    task: Waiting | None
    """None: the read model does not have it (yet)."""
    who: str
    """Log-ins of those who may decide, or the group."""

    @property
    def since(self) -> datetime | None:
        """When the task came."""
        return None if self.task is None else self.task.created_at


@dataclass(frozen=True, slots=True)
class Board:
    """The page."""

    review: overview.ReviewLine
    instance: int | None
    tree: roll_up.Tree | None
    """None: nothing is planned yet."""
    lost: bool
    """No unit is called as the team that was asked for."""
    card: Mapping[str, Any]  # Any: JSON
    """Of the plan: rules and figures; empty: there is none."""
    current: roll_up.InForce | None
    """What is in force before this review."""
    versions: Sequence[overview.PublishedLine]
    """What was composed in this review."""
    asked: Sequence[Asked]
    """At the unit and below, those who wait longest first."""
    others: Sequence[Waiting]
    """Open tasks that are about no single quota."""
    objections: Sequence[roll_up.Case]
    trail: Sequence[Entry]
    """Of the unit and below, and (not for some teams) of the whole; the newest first."""
    rows: int
    """Of the trail, all that were signed; of some teams theirs."""
    broken_at: int | None
    """The first row that was tampered with; None: none was."""

    @property
    def buffers(self) -> Mapping[str, str]:
        """Over-assignment by level of the members, a share."""
        return _buffers(self.card)


async def read(
    connection: roll_up.Connection,
    settings: Settings,
    quota_id: str,
    node: str | None,
    team: str | None,
    teams: Teams = None,
) -> Board:
    """A review from a node on; with `teams` of their units, and nothing about the whole.

    Raises:
        UnknownReview: there is none, or it has no such node, or nothing of theirs.
    """
    reviews = await overview.reviews(connection, quota_id=quota_id, limit=1, teams=teams)
    if not reviews:
        raise UnknownReview(f"There is no review {quota_id}.")
    review = reviews[0]
    card = await overview.card(connection, review.plan_version)
    if teams is not None:
        card = {"rules": card.get("rules", {})}
    force = await roll_up.in_force(connection, organisation=review.organisation, before=quota_id)
    current = next(iter(force), None)
    lost = False
    if team and not node:
        node = called(team, await overview.nodes(connection, quota_id, teams=teams))
        lost = node is None
    tree = await roll_up.tree(connection, quota_id, node, current.version if current else None, _buffers(card), teams)
    if tree is None and node is not None:
        raise UnknownReview(f"The review {quota_id} has no rep or unit {node!r}.")
    stands = await standing(connection, quota_id, teams)
    entries, broken_at = await overview.trail(connection, quota_id, links.secret_of(settings))
    inside = tree.inside if tree else frozenset()
    if teams is not None:
        entries = [one for one in entries if tree is not None and one.node in tree.cases]
    marked = {_node_of(task.mark): task for task in stands.tasks if task.mark}
    cases = [one for one in tree.cases.values() if one.node in inside] if tree else []
    asked = [_asked(one, marked.get(one.node)) for one in cases if one.state == "waiting" or one.node in marked]
    return Board(
        review=review,
        instance=stands.instance,
        tree=tree,
        lost=lost,
        card=card,
        current=current,
        versions=[one for one in await overview.history(connection, review.organisation) if one.quota_id == quota_id],
        asked=sorted(asked, key=lambda one: (one.since is None, one.since, one.case.node)),
        others=[one for one in stands.tasks if not one.mark],
        objections=[one for one in cases if one.objection],
        trail=[one for one in reversed(entries) if one.node is None or one.node in inside],
        rows=len(entries),
        broken_at=broken_at,
    )


def _asked(case: roll_up.Case, task: Waiting | None) -> Asked:
    group = GROUPS[case.stage] if case.stage else "somebody"
    return Asked(case, task, task.who if task else case.given_to or group)


def _node_of(mark: str | None) -> str:
    """Whose quota a task is about, by the mark that the diagram gives it: ``quota/0/T001/1``."""
    return (mark or "").partition("/")[2].partition("/")[2].rpartition("/")[0]


def _buffers(card: Mapping[str, Any]) -> Mapping[str, str]:
    found: Mapping[str, str] = card.get("rules", {}).get("buffers", {})
    return found
