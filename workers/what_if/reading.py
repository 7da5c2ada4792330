"""Past leads and the sales floor on which they came, from the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.lead_routing.adapters.reps import roster
from workers.lead_routing.domain.assignment import Rep
from workers.office.calendar import WorkCalendar, office_calendar

Json = dict[str, Any]  # Any: JSON

# What the timeline kept of the company is what the tables saw; of leads routed before it was kept, the CRM's of today.
_LEADS = """
    SELECT l.lead_id, l.process_instance_key, l.received_at, l.lead, l.score, l.routing, l.account_id, l.state,
           extract(epoch FROM l.accepted_at - l.assigned_at)::float8 AS answer_seconds,
           first.at AS decided_at, last.closed_at, matched.facts AS matched, scored.facts AS scored,
           a.name, a.owner_id, a.employees, a.annual_revenue_eur::float8, a.industry, a.open_opportunities
    FROM (SELECT * FROM routing.leads
          WHERE routing IS NOT NULL AND score IS NOT NULL AND lead IS NOT NULL AND state <> 'withdrawn'
          ORDER BY received_at DESC, lead_id DESC LIMIT %(last)s) l
    LEFT JOIN crm.accounts a ON a.id = l.account_id
    LEFT JOIN LATERAL (SELECT facts FROM runtime.timeline WHERE business_id = l.lead_id AND action = 'matched'
                       ORDER BY id DESC LIMIT 1) matched ON true
    LEFT JOIN LATERAL (SELECT facts FROM runtime.timeline WHERE business_id = l.lead_id AND action = 'scored'
                       ORDER BY id DESC LIMIT 1) scored ON true
    -- Not after its first assignment, which the floor before it must not hold.
    LEFT JOIN LATERAL (SELECT least(
        (SELECT min(at) FROM runtime.timeline WHERE business_id = l.lead_id AND action = 'decided'),
        (SELECT min(assigned_at) FROM routing.assignments WHERE lead_id = l.lead_id)) AS at) first ON true
    LEFT JOIN LATERAL (SELECT closed_at FROM routing.assignments WHERE lead_id = l.lead_id AND released_at IS NULL) last
        ON true
    ORDER BY coalesce(first.at, l.received_at), l.lead_id
"""

# What was taken and not yet given back at a moment, and until when each was.
_HELD = """
    SELECT rep_id, local_day, (released_at IS NULL OR released_at > %(at)s) AS counts,
           (released_at IS NULL OR released_at > %(at)s) AND (closed_at IS NULL OR closed_at > %(at)s) AS open,
           least(released_at, closed_at) AS until
    FROM routing.assignments
    WHERE assigned_at < %(at)s
      AND (local_day >= %(since)s OR ((released_at IS NULL OR released_at > %(at)s) AND (closed_at IS NULL OR closed_at > %(at)s)))
"""

# Credits of today, less what was booked since the moment, plus what was given back since then.
_CREDITS = """
    SELECT c.pool, c.rep_id, c.credit + coalesce(sum(moved.change), 0) AS credit
    FROM routing.credits c LEFT JOIN (
        SELECT a.pool, change.key AS rep_id,
               CASE WHEN a.assigned_at >= %(at)s THEN -change.value::float8 ELSE change.value::float8 END AS change
        FROM routing.assignments a, jsonb_each_text(a.credits) AS change
        WHERE (a.assigned_at >= %(at)s AND a.released_at IS NULL) OR (a.assigned_at < %(at)s AND a.released_at >= %(at)s)
    ) AS moved USING (pool, rep_id)
    GROUP BY c.pool, c.rep_id, c.credit
"""


@dataclass(frozen=True, slots=True)
class PastLead:
    """A lead that was routed, with what the tables were given, as the process has it in its variables."""

    lead_id: str
    instance: int | None
    """Key of its process instance."""
    received_at: datetime
    decided_at: datetime
    """When the tables were asked: the moment of its first owner, or of the first question to a person."""
    lead: Json
    account: Json | None
    enrichment: Json | None
    score: Json
    routing: Json
    """What was decided then."""
    answer_seconds: float | None
    """From its assignment until its owner accepted it; None: nobody has."""
    discarded: bool
    """Whether a person discarded it."""
    closed_at: datetime | None
    """Since when it no longer counts as open, because its outcome is known."""
    from_the_crm_now: bool
    """Whether account or enrichment are the CRM's of today."""


@dataclass(frozen=True, slots=True)
class Floor:
    """The sales floor at the moment of the first lead. Reps, working time and absences are those of today's tables."""

    reps: tuple[Rep, ...]
    open_until: tuple[tuple[str, datetime | None], ...]
    """For each lead that was open: its rep, and when it no longer was."""
    taken: Mapping[tuple[str, date], int]
    """Leads of each rep's own day so far."""
    credits: Mapping[tuple[str, str], float]
    """By territory and rep, in leads."""
    offices: Mapping[str, WorkCalendar]
    """By territory, the office hours of those who decide."""
    office: WorkCalendar
    """Of leads without a territory."""


async def past_leads(connection: AsyncConnection[DictRow], last: int) -> list[PastLead]:
    """The last leads that were routed and not withdrawn, in the order in which they were decided."""
    cursor = await connection.execute(_LEADS, {"last": last})
    return [_lead(row) for row in await cursor.fetchall()]


async def floor_at(connection: AsyncConnection[DictRow], at: datetime, office: WorkCalendar) -> Floor:
    """The floor just before `at`."""
    moment: dict[str, Any] = {"at": at, "since": at.date() - timedelta(days=1)}  # some rep's day may still be the last
    open_until: list[tuple[str, datetime | None]] = []
    taken: dict[tuple[str, date], int] = {}
    for row in await (await connection.execute(_HELD, moment)).fetchall():
        if row["open"]:
            open_until.append((row["rep_id"], row["until"]))
        if row["counts"]:
            day = (row["rep_id"], row["local_day"])
            taken[day] = taken.get(day, 0) + 1
    owed = await (await connection.execute(_CREDITS, {"at": at})).fetchall()
    territories = await (await connection.execute("SELECT id, timezone, holidays FROM routing.territories")).fetchall()
    return Floor(
        tuple(await roster(connection, at)),
        tuple(open_until),
        taken,
        {(row["pool"], row["rep_id"]): row["credit"] for row in owed},
        {row["id"]: office_calendar(row["timezone"], row["holidays"]) for row in territories},
        office,
    )


def _lead(row: DictRow) -> PastLead:
    matched, scored = row["matched"] or {}, row["scored"] or {}
    known = row["account_id"] is None or "company" in scored
    owner_known = row["account_id"] is None or "owner" in matched
    return PastLead(
        lead_id=row["lead_id"],
        instance=row["process_instance_key"],
        received_at=row["received_at"],
        decided_at=row["decided_at"] or row["received_at"],
        lead=row["lead"],
        account=None
        if row["account_id"] is None
        else {
            "id": row["account_id"],
            "name": row["name"] or "",
            "owner_id": matched["owner"] if owner_known else row["owner_id"],
            "owner_name": None,
            "match": matched.get("by", "domain"),
            "why": "",
        },
        enrichment=scored["company"]
        if "company" in scored
        else None
        if row["name"] is None
        else {key: row[key] for key in ("employees", "annual_revenue_eur", "industry", "open_opportunities")},
        score=row["score"],
        routing=row["routing"],
        answer_seconds=row["answer_seconds"] if row["state"] == "accepted" else None,
        discarded=row["state"] == "discarded",
        closed_at=row["closed_at"],
        from_the_crm_now=not (known and owner_known),
    )
