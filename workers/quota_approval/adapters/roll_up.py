"""Quotas as a tree: a review's proposal against what is in force, and whether it adds up to the cent.

Read for people; the figures are those of `overview`, of the tables that the process itself decides by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction

from psycopg import AsyncConnection
from psycopg.rows import DictRow, class_row

from workers.office.teams import Teams, called, listed
from workers.quota_approval.adapters.overview import CASE_IS_OURS, PublishedQuota, published
from workers.quota_approval.domain.buffers import with_buffer
from workers.quota_approval.domain.people import Stage

Connection = AsyncConnection[DictRow]

UNLIKELY = 0.5
"""Odds below which a quota is rather missed than attained."""
LISTED = 250
"""Units of a page; with more of them, those two levels down are left out."""

_CASES = f"""
    SELECT c.node, c.facts->>'name' AS name, c.facts->>'level' AS level, c.facts->>'parent' AS parent, c.quota,
        c.first_quota, (c.facts->>'last_quota')::bigint AS last_quota, (c.facts->>'expected')::bigint AS expected,
        (c.facts->>'odds')::float8 AS odds, c.level AS needs, c.stage, c.state, c.why, c.adjusted_by, c.adjusted_why,
        c.comment, c.given_to, c.objection, f.quota AS current
    FROM quotas.cases c LEFT JOIN quotas.published f ON f.version = %(current)s AND f.node = c.node
    WHERE c.quota_id = %(quota_id)s AND {CASE_IS_OURS} ORDER BY c.place
"""  # noqa: S608 - of our own constants only
_IN_FORCE = """
    SELECT DISTINCT ON (o.id) o.id AS organisation, o.name, o.forecast_of, p.quota_id, p.version, p.period, p.currency,
        p.valid_from, p.valid_until
    FROM quotas.organisations o JOIN quotas.publications p ON p.organisation = o.id JOIN quotas.reviews r USING (quota_id)
    WHERE r.state = 'published' AND (%(but)s::text IS NULL OR p.id < (
        SELECT coalesce(min(id), 9223372036854775807) FROM quotas.publications WHERE quota_id = %(but)s))
      AND (%(organisation)s::text IS NULL OR o.id = %(organisation)s)
    ORDER BY o.id, CASE WHEN %(but)s::text IS NULL THEN current_date BETWEEN p.valid_from AND p.valid_until END DESC, p.id DESC
"""


@dataclass(frozen=True, slots=True)
class InForce:
    """The version that an organisation works by."""

    organisation: str
    name: str
    forecast_of: str | None
    quota_id: str
    version: str
    period: str
    currency: str
    valid_from: date
    valid_until: date

    @property
    def months(self) -> tuple[str, ...]:
        """``2027-01`` and so on."""
        first, last = (day.year * 12 + day.month - 1 for day in (self.valid_from, self.valid_until))
        return tuple(f"{one // 12}-{one % 12 + 1:02}" for one in range(first, last + 1))


@dataclass(frozen=True, slots=True)
class Odds:
    """How likely a published quota is attained."""

    version: InForce
    quota: PublishedQuota
    reps: int
    """With a quota, at it or below."""
    unlikely: int
    """Of them, those whose odds are below `UNLIKELY`."""


@dataclass(frozen=True, slots=True)
class Case:
    """A rep's or unit's quota in a review. Amounts in cents."""

    node: str
    name: str
    level: str
    parent: str
    """Empty: the top."""
    quota: int
    first_quota: int
    """As it was planned at first."""
    last_quota: int | None
    """Of the period before."""
    expected: int
    """From below."""
    odds: float
    """Of attainment, 0 to 1."""
    needs: str | None
    stage: Stage | None
    """Whose turn it is."""
    state: str
    """``open``, ``waiting`` or ``approved``."""
    why: str
    adjusted_by: str | None
    adjusted_why: str | None
    comment: str
    given_to: str | None
    objection: str
    current: int | None
    """In the version in force before this review; None: none is, or nobody had it."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A case with what is below it."""

    case: Case
    depth: int
    """Below the unit that is looked at."""
    members: int | None
    """Cents of those right below; None: nobody is."""
    owed: int | None
    """Cents that they have to carry: the quota with the level's buffer."""
    reps: int
    """Below it, or itself."""
    waiting: int
    """Quotas that wait for people, at it or below."""
    objections: int

    @property
    def buffer(self) -> int | None:
        """Cents that members carry beyond the quota."""
        return None if self.members is None else self.members - self.case.quota

    @property
    def gap(self) -> int:
        """Cents that members differ from what they have to carry; 0: it adds up."""
        return 0 if self.members is None or self.owed is None else self.members - self.owed


@dataclass(frozen=True, slots=True)
class Tree:
    """A review's quotas from one of its units on."""

    unit: Unit
    path: Sequence[Case]
    """The units above it, from the top."""
    tops: Sequence[Case]
    """Units that nothing is above: one, or of some teams each of theirs."""
    below: Sequence[Unit]
    gaps: Sequence[Unit]
    """Of all units those whose members do not add up; none should be."""
    units: int
    """In the review, with reps; of some teams theirs."""
    inside: frozenset[str]
    """Nodes at the unit and below it."""
    cases: Mapping[str, Case]
    """All of the review; of some teams theirs."""


async def in_force(
    connection: Connection, *, organisation: str | None = None, before: str | None = None
) -> Sequence[InForce]:
    """Each organisation's published version: the one that holds today, else the newest; `before`: the newest from before a
    review.
    """
    async with connection.cursor(row_factory=class_row(InForce)) as cursor:
        await cursor.execute(_IN_FORCE, {"but": before, "organisation": organisation})
        return await cursor.fetchall()


async def odds(connection: Connection, team: str | None, teams: Teams = None) -> list[Odds]:
    """Of each organisation's version in force; of a team where there is a unit that is called as it is; `teams`: those that
    may be seen.
    """
    shown = []
    for one in await in_force(connection):
        nodes = {each.node: each for each in await published(connection, one.version, teams=teams)}
        top = next((each.node for each in nodes.values() if each.parent not in nodes), None)
        node = called(team, nodes) if team else top
        if node is None:
            continue
        children: dict[str, list[str]] = {name: [] for name in nodes}
        for each in nodes.values():
            if each.parent in nodes:
                children[each.parent].append(each.node)
        reps = [nodes[name] for name in _inside(children, node) if not children[name] and nodes[name].quota]
        shown.append(Odds(one, nodes[node], len(reps), sum(rep.odds < UNLIKELY for rep in reps)))
    return shown


async def tree(
    connection: Connection,
    quota_id: str,
    node: str | None,
    current: str | None,
    buffers: Mapping[str, str],
    teams: Teams = None,
) -> Tree | None:
    """A review's quotas from a node on (None: the top).

    Args:
        connection: part of its transaction.
        quota_id: the review.
        node: which unit or rep.
        current: the version to compare with.
        buffers: over-assignment by level of the members, as the plan's rules say it.
        teams: of their units only, as if there were no others.

    Returns:
        None if the review has no such node, or no quotas yet.
    """
    async with connection.cursor(row_factory=class_row(Case)) as cursor:
        given = {"current": current, "quota_id": quota_id, "teams": listed(teams)}
        await cursor.execute(_CASES.encode(), given)
        cases = {one.node: one for one in await cursor.fetchall()}
    tops = [one for one in cases.values() if one.parent not in cases]
    chosen = node or (tops[0].node if tops else None)
    if chosen is None or chosen not in cases:
        return None
    children: dict[str, list[str]] = {name: [] for name in cases}
    for one in cases.values():
        if one.parent in cases:
            children[one.parent].append(one.node)
    units = _units(cases, children, {level: Fraction(share) for level, share in buffers.items()})
    shown = [(one, 1) for one in children[chosen]]
    if len(shown) + sum(len(children[one]) for one, _ in shown) <= LISTED:
        shown = [pair for one, _ in shown for pair in ((one, 1), *((each, 2) for each in children[one]))]
    return Tree(
        unit=units[chosen],
        path=_path(cases, chosen),
        tops=tops,
        below=[replace(units[one], depth=depth) for one, depth in shown],
        gaps=[one for one in units.values() if one.gap],
        units=len(cases),
        inside=frozenset(_inside(children, chosen)),
        cases=cases,
    )


def _units(
    cases: Mapping[str, Case], children: Mapping[str, Sequence[str]], buffers: Mapping[str, Fraction]
) -> dict[str, Unit]:
    found: dict[str, Unit] = {}
    for node in reversed(_inside(children, *(one.node for one in cases.values() if one.parent not in cases))):
        case, below = cases[node], [found[one] for one in children[node]]
        members = sum(one.case.quota for one in below) if below else None
        buffer = buffers.get(below[0].case.level, Fraction(0)) if below else Fraction(0)
        found[node] = Unit(
            case=case,
            depth=0,
            members=members,
            owed=with_buffer(case.quota, buffer) if below else None,
            reps=sum(one.reps for one in below) if below else 1,
            waiting=(case.state == "waiting") + sum(one.waiting for one in below),
            objections=(case.objection != "") + sum(one.objections for one in below),
        )
    return {node: found[node] for node in cases}


def _inside(children: Mapping[str, Sequence[str]], *tops: str) -> list[str]:
    """Nodes at and below some, each after what is above it."""
    found = list(tops)
    for node in found:
        found.extend(children[node])
    return found


def _path(cases: Mapping[str, Case], node: str) -> list[Case]:
    found: list[Case] = []
    while (parent := cases[node].parent) in cases:
        found.insert(0, cases[parent])
        node = parent
    return found
