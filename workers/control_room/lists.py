"""The cases behind the figures: every number of a page opens a list of what was counted."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.control_room.kpis import Scope
from workers.control_room.lead_days import MET, MISSED, OPEN
from workers.control_room.today import (
    AGE,
    BANDS,
    FRESH,
    IN_TIME,
    LISTED,
    OF_TEAM,
    OVERDUE,
    OWNED,
    RECEIVED,
    RISKY,
)


class UnknownFigure(LookupError):
    """There is no figure of this name."""


@dataclass(frozen=True, slots=True)
class _Figure:
    title: str
    condition: str
    by_team: bool = True
    order: str = "received_at DESC"
    first: str = "latest"
    """Which are listed first, in a word."""
    risks: bool = False
    """The list shows predictions."""


def _bands() -> dict[str, _Figure]:
    found = {}
    for number, (name, low) in enumerate(BANDS):
        high = BANDS[number + 1][1] if number + 1 < len(BANDS) else None
        within = f"{RECEIVED} AND {AGE} >= {low}" + (f" AND {AGE} < {high}" if high is not None else "")
        found[f"accepted-{number}"] = _Figure(f"Accepted, {name}", f"{within} AND accepted_at IS NOT NULL")
        found[f"open-{number}"] = _Figure(f"Still open, {name} old", f"{within} AND accepted_at IS NULL AND {OPEN}")
    return found


_OF_REP = "EXISTS (SELECT FROM routing.assignments a WHERE a.lead_id = s.lead_id AND a.rep_id = %(rep)s AND {which})"
_GIVEN = "a.released_at IS NULL AND a.assigned_at >= %(since)s AND a.assigned_at < %(until)s"
_HELD = "a.released_at IS NULL AND a.closed_at IS NULL"

# Only where it is shown: looked up for each lead of a long list it would take too long.
_FORESEEN = "f.risk, f.low, f.middle, f.high, f.speaks_for, f.speaks_against,"
_FORESIGHT = """LEFT JOIN LATERAL (
            SELECT p.* FROM control.predictions p JOIN control.user_tasks t USING (key)
            WHERE p.instance_key = s.instance_key AND t.ended_at IS NULL
              AND p.predicted_at > clock_timestamp() - %(fresh)s
            ORDER BY p.risk DESC NULLS LAST LIMIT 1
        ) AS f ON true"""

FIGURES: dict[str, _Figure] = {
    "leads": _Figure("Leads received", RECEIVED),
    "accepted": _Figure("Leads accepted", f"{RECEIVED} AND accepted_at IS NOT NULL"),
    "open": _Figure("Leads still open", f"{RECEIVED} AND {OPEN}"),
    "met": _Figure("Accepted within every due time", f"{RECEIVED} AND {MET}"),
    "missed": _Figure("Ran over an owner's due time", f"{RECEIVED} AND {MISSED}"),
    "overdue": _Figure("Owner is overdue now", f"{OWNED} AND {OVERDUE}"),
    "at-risk": _Figure(
        "At risk now",
        f"{OWNED} AND {RISKY}",
        order="f.risk DESC NULLS LAST, s.sla_due_at",
        first="riskiest",
        risks=True,
    ),
    "in-time": _Figure("Owner has time", f"{OWNED} AND {IN_TIME}", risks=True),
    **{
        f"slowest{part and '-' + part}": _Figure(
            f"Leads accepted, by {said}",
            f"{RECEIVED} AND accepted_at IS NOT NULL",
            order=f"{part and part + '_'}seconds DESC NULLS LAST",
            first="slowest",
        )
        for part, said in (("", "time"), ("system", "the system's time"), ("human", "people's time"))
    },
    "given": _Figure("Leads given to one rep", _OF_REP.format(which=_GIVEN)),
    "by-turn": _Figure("Leads given to one rep by turn", _OF_REP.format(which=f"{_GIVEN} AND a.pool IS NOT NULL")),
    "held": _Figure("Open leads of one rep", _OF_REP.format(which=_HELD), by_team=False),
    **_bands(),
}
"""By the name in the address. ``held``, ``given`` and ``by-turn`` are of one rep."""


@dataclass(frozen=True, slots=True)
class Leads:
    """A list, its heading, and how many there are beyond those listed."""

    title: str
    total: int
    rows: tuple[DictRow, ...]
    first: str = "latest"
    risks: bool = False
    """Rows are to be shown with what is predicted of them."""


async def leads(connection: AsyncConnection[DictRow], figure: str, scope: Scope, *, rep: str | None = None) -> Leads:
    """The leads that a figure counts, in its order, at most `LISTED`.

    Raises:
        UnknownFigure: there is none of this name.
    """
    found = FIGURES.get(figure)
    if found is None:
        raise UnknownFigure(figure)
    chosen = f"control.lead_speed s WHERE {found.condition} AND {OF_TEAM if found.by_team else 'true'}"
    # Counted apart, so that nothing else is looked up for those that are not listed.
    query = f"""
        WITH listed AS (SELECT * FROM {chosen} {"" if found.risks else f"ORDER BY {found.order}, lead_id LIMIT {LISTED}"})
        SELECT l.lead_id, coalesce(l.lead->>'name', l.raw->>'name') AS name,
               coalesce(l.lead->>'company', l.raw->>'company') AS company, l.source, s.state, s.team, s.received_at,
               s.accepted_at, s.seconds, s.system_seconds, s.human_seconds, s.sla_due_at, s.sla_breaches, s.instance_key,
               r.name AS owner, i.key IS NOT NULL AS known, {_FORESEEN if found.risks else ""}
               (SELECT count(*) FROM {chosen}) AS total
        FROM listed s JOIN routing.leads l USING (lead_id)
        LEFT JOIN routing.reps r ON r.id = s.owner_id
        LEFT JOIN control.instances i ON i.key = s.instance_key
        {_FORESIGHT if found.risks else ""}
        ORDER BY {found.order}, l.lead_id LIMIT {LISTED}
    """  # noqa: S608 - of our own constants only
    rows = await (await connection.execute(query.encode(), {**scope.given, "rep": rep, "fresh": FRESH})).fetchall()
    return Leads(found.title, rows[0]["total"] if rows else 0, tuple(rows), found.first, found.risks)
