"""What a replay answers, for the command line, HTTP and the page."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class RepLoad(_Part):
    """One rep's part. `leads` are those of the replay; `fair`: what the turns of the rep's territories gave, by weight;
    `by_turn`: what the rep got of it.
    """

    id: str
    name: str
    leads: int
    by_turn: int
    fair: float


class Figures(_Part):
    """One side: the table in use, or the changed one. Shares are 0 to 1; None: nothing to measure."""

    segments: dict[str, int]
    territories: dict[str, int]
    answer_minutes: dict[str, int]
    """Leads by the working minutes that their owner has (`accept_sla.due`), shortest first."""
    decided: int
    """Leads that the tables decided; the others would stop with an incident, see `WhatIf.faults`."""
    assigned: int
    without_people: float | None
    """Share of decided leads that got an owner with nobody asked."""
    waited: int
    """Leads that waited in the queue at least once."""
    nobody: int
    """Leads that nobody could get, or that a person discarded."""
    minutes_p50: float | None
    """Received → assigned, by the clock; median and 95th percentile."""
    minutes_p95: float | None
    answers: int
    """Leads whose owner's answer is simulated: those that somebody really accepted."""
    sla_kept: float | None
    """Share of `answers` within this side's own `accept_sla`."""
    in_time: float | None
    """Share of `answers` within the time that the table *in use* gives, counted from the lead's receipt."""
    expected_conversions: float
    """Sum of the scores of those answered in time (`in_time`), in leads."""
    fairness: float | None
    """Jain's index of leads by turn per fair share: 1, all have what is fair; 1/n, one of n has all."""
    reps: list[RepLoad]


class Hit(_Part):
    """A rule that matched: `rule` is its number in the table, counted from 1."""

    decision: str
    rule: int
    text: str
    """Its cells: what it asks → what it answers."""


class Verdict(_Part):
    """What became of one lead on one side."""

    segment: str | None
    territory: str | None
    skills: list[str]
    answer_minutes: float | None
    automatic: bool | None
    score: float
    band: str
    owner: str | None
    """Rep's id; None: nobody, or the tables failed."""
    fault: str | None
    """Why the tables could not decide it."""


class Case(_Part):
    """A lead that is decided otherwise."""

    lead_id: str
    instance: int | None
    """Key of its process instance."""
    received_at: datetime
    before: Verdict
    after: Verdict
    differs: list[str]
    """Fields of `Verdict` (also triage_sla, manager_sla) in which the decision differs."""
    hits_before: list[Hit]
    """Of the tables in which other rules matched."""
    hits_after: list[Hit]


class Fault(_Part):
    """Leads that a table cannot decide: their process would stop with an incident."""

    side: Literal["before", "after"]
    why: str
    leads: int
    lead_ids: list[str]
    """The first of them."""


class WhatIf(_Part):
    """A replay."""

    file: str
    """Decision requirements id of the changed file."""
    leads: int
    since: datetime
    until: datetime
    """When the first and the last of them were received."""
    as_then: int
    """Leads for which the table in use says today what was said when they were routed."""
    otherwise_then: list[str]
    """The first of the others: their data, or the table, has changed since."""
    from_the_crm_now: int
    """Leads whose company's data are the CRM's of today, as those of then were not kept."""
    changed: int
    """Leads that are decided otherwise, or can no longer be decided."""
    moved: int
    """Leads decided alike that get another owner, because the turn has moved on."""
    before: Figures
    after: Figures
    cases: list[Case]
    """The changed leads, the latest first, as many as were asked for."""
    faults: list[Fault]
    notes: list[str]
    """What one must know to read the figures."""
    seconds: float
    """How long it took."""
