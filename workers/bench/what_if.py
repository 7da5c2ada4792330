"""A what-if of ten thousand leads against asking the broker for each, on a stack of the benchmark's own.

The leads are those of the sample (`workers.sample.leads`), with owners, answers and closings drawn by the seed. The broker
is asked first, once for each lead and table; what it says of the table in use is kept as what was decided then, so
that the replay is held against the broker lead by lead, and not only against time.
"""

from __future__ import annotations

import datetime as dt
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from workers.bench.own_stack import own_stack
from workers.lead_routing.domain.lead import normalise
from workers.runtime.database import Pool, open_pool
from workers.runtime.zeebe import ZeebeClient
from workers.sample.leads import LeadSource, conversion_probability
from workers.sample.loading import load
from workers.sample.organisation import Account, Rep, organisation
from workers.settings import Settings
from workers.what_if.answer import WhatIf
from workers.what_if.asking import ask
from workers.what_if.tables import CALLED, FALLBACK, ROUTING

Json = dict[str, Any]  # Any: JSON
Decide = Callable[[Json], Awaitable[Json]]

TARGET_SECONDS = 60.0
"""For 10,000 leads on two cores (issue 7)."""
LEADS_AN_HOUR = 40
CHANGE = (b"<text>&gt;= 1000</text>", b"<text>&gt;= 300</text>")
"""In the table of segments: an enterprise begins at 300 employees, not at 1,000."""
BY_TABLE = 0.02
"""Share of leads that the scorer did not answer for."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured."""

    one_by_one_seconds: float
    """The broker, asked once for each lead and table; no placing on reps, no comparing."""
    broker_differs: int
    """Leads that the broker decides otherwise by the changed table."""
    found: WhatIf
    seconds: float
    """The replay, from asking to the answer, start of its process and JVM included."""

    def missed(self) -> list[str]:
        """Targets and equalities that do not hold."""
        found = self.found
        limit = TARGET_SECONDS * max(found.leads / 10_000, 1.0)
        checks = (
            (self.seconds <= limit, f"{self.seconds:.1f} s are more than {limit:g} s."),
            (found.as_then == found.leads, f"The broker decided {found.leads - found.as_then} leads otherwise."),
            (found.changed == self.broker_differs, f"{found.changed} changed, by the broker {self.broker_differs}."),
            (not found.faults, f"Faults: {found.faults}"),
        )
        return [text for holds, text in checks if not holds]


async def bench(leads: int, seed: int, say: Callable[[str], None]) -> Report:
    """Measure both ways on the same leads.

    Raises:
        StackFailed: the stack did not start.
    """
    say("starting a stack of the benchmark's own (a minute or so) …")
    with own_stack(engine_only=True) as settings:
        pool = await open_pool(settings.dsn, min_size=1, max_size=2)
        try:
            async with ZeebeClient(settings) as client:
                return await _bench(settings, pool, client, leads, seed, say)
        finally:
            await pool.close()


async def _bench(
    settings: Settings, pool: Pool, client: ZeebeClient, leads: int, seed: int, say: Callable[[str], None]
) -> Report:
    files = {f"{name}.dmn": (settings.models / "dmn" / f"{name}.dmn").read_bytes() for name in CALLED}
    changed = files[f"{ROUTING}.dmn"].replace(*CHANGE)
    spent = 0.0
    asked: list[tuple[Json, Json]] = []

    async def decide(variables: Json) -> Json:
        nonlocal spent
        started = time.perf_counter()
        if variables["score"]["source"] == "table":
            variables |= {"score": (await client.evaluate_decision(CALLED[FALLBACK], variables)).output}
        routing = (await client.evaluate_decision(CALLED[ROUTING], variables)).output
        spent += time.perf_counter() - started
        asked.append((variables, routing))
        return routing  # type: ignore[no-any-return]  # a context by the table's own expression

    await client.deploy(files)
    say(f"asking the broker for {leads:,} leads, one by one …")
    await fill(pool, leads, seed, decide, dt.datetime.now(dt.UTC))
    await client.deploy({f"{ROUTING}.dmn": changed})
    differing = 0
    for variables, before in tuple(asked):
        after = await decide(variables)
        differing += any(after[field] != before[field] for field in before if not field.startswith("why"))
    say("replaying …")
    started = time.perf_counter()
    found = await ask(settings, changed, last=leads, cases=20)
    return Report(spent, differing, found, time.perf_counter() - started)


async def fill(pool: Pool, leads: int, seed: int, decide: Decide, now: dt.datetime) -> None:
    """Write the sample organisation and so many leads before `now`, routed as `decide` says of their variables."""
    await load(pool, seed, now.date())
    chance = random.Random(seed)  # noqa: S311 - sample data
    found = organisation(seed, now.date())
    accounts = {account.domain: account for account in found.accounts}
    at = now - dt.timedelta(hours=leads / LEADS_AN_HOUR)
    async with pool.connection() as connection, connection.pipeline(), connection.transaction():
        for number, body in enumerate(_usable(LeadSource(seed, found.accounts), leads)):
            at += dt.timedelta(hours=chance.expovariate(LEADS_AN_HOUR))
            lead = asdict(normalise(body).lead)
            account = accounts.get(lead["domain"])
            variables = {
                "lead": lead,
                "account": None if account is None else _account(account),
                "enrichment": None if account is None else _company(account),
                "score": _score(conversion_probability(body), by_table=chance.random() < BY_TABLE),
            }
            routing = await decide(variables)
            await _write(connection, f"past-{seed}-{number:06}", at, variables, routing)
            owner = _owner(found.reps, routing, chance)
            if owner is not None:
                await _accept(connection, f"past-{seed}-{number:06}", owner.id, at, chance)


def _usable(source: LeadSource, leads: int) -> Iterator[Json]:
    """Leads that were new and complete, which are those that the tables see."""
    index = 0
    while leads:
        one = source.lead(index)
        index += 1
        if one.kind not in {"duplicate", "invalid"}:
            leads -= 1
            yield one.body


def _account(account: Account) -> Json:
    why = f"The domain {account.domain} is {account.name}'s."
    known = {"id": account.id, "name": account.name, "owner_id": account.owner_id}
    return known | {"owner_name": None, "match": "domain", "why": why}


def _company(account: Account) -> Json:
    return {
        "employees": account.employees,
        "annual_revenue_eur": float(account.annual_revenue_eur),
        "industry": account.industry,
        "open_opportunities": account.open_opportunities,
    }


def _score(value: float, *, by_table: bool) -> Json:
    band = "hot" if value >= 0.2 else "warm" if value >= 0.1 else "cold"
    source = "table" if by_table else "model"
    texts: Json = {"reasons": [], "reasons_text": ""}
    return {"value": value, "band": band, "model_version": None if by_table else "sample", "source": source} | texts


def _owner(reps: Sequence[Rep], routing: Json, chance: random.Random) -> Rep | None:
    fitting = [rep for rep in reps if routing.get("territory") in rep.territories]
    return chance.choice(fitting) if fitting else None


async def _write(
    connection: AsyncConnection[DictRow], lead_id: str, at: dt.datetime, variables: Json, routing: Json
) -> None:
    account = variables["account"]
    await connection.execute(
        "INSERT INTO routing.leads (lead_id, source, raw, lead, state, received_at, account_id, score, routing)"
        " VALUES (%s, 'sample', '{}', %s, 'registered', %s, %s, %s, %s)",
        (lead_id, Jsonb(variables["lead"]), at, account and account["id"], Jsonb(variables["score"]), Jsonb(routing)),
    )
    notes: list[tuple[str, Json]] = [("decided", {})]
    if account is not None:
        notes.append(("matched", {"account": account["id"], "by": account["match"], "owner": account["owner_id"]}))
    notes.append(("scored", {"company": variables["enrichment"]}))
    for action, facts in notes:
        await connection.execute(
            "INSERT INTO runtime.timeline (business_id, at, actor, action, facts) VALUES (%s, %s, 'bench', %s, %s)",
            (lead_id, at + dt.timedelta(seconds=1), action, Jsonb(facts)),
        )


async def _accept(
    connection: AsyncConnection[DictRow], lead_id: str, rep_id: str, at: dt.datetime, chance: random.Random
) -> None:
    assigned = at + dt.timedelta(seconds=1)
    accepted = assigned + dt.timedelta(minutes=chance.expovariate(1 / 8))
    await connection.execute(
        "UPDATE routing.leads SET state = 'accepted', owner_id = %s, assigned_at = %s, first_assigned_at = %s,"
        " accepted_at = %s WHERE lead_id = %s",
        (rep_id, assigned, assigned, accepted, lead_id),
    )
    await connection.execute(
        "INSERT INTO routing.assignments (lead_id, round, rep_id, local_day, assigned_at, why, accepted_at, closed_at)"
        " VALUES (%s, 0, %s, %s, %s, 'Sample.', %s, %s)",
        (lead_id, rep_id, assigned.date(), assigned, accepted, accepted + dt.timedelta(hours=chance.uniform(1, 12))),
    )
