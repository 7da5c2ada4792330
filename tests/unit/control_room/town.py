"""A small sales organisation with leads of the last hours: in the database as workers write them, and in the log."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from tests.unit.control_room.engine_log import DIAGRAM, EngineLog
from workers.control_room.following import Follower
from workers.runtime.database import Pool

TEAMS = {"dach": "Germany, Austria, Switzerland", "iberia": "Spain and Portugal"}
REPS = {
    "ana": ("Ana Sousa", ["iberia"], 1.0),
    "ben": ("Ben Okafor", ["dach"], 1.0),
    "cem": ("Cem Çelik", ["dach"], 0.5),
    "dora": ("Dóra Kiss", ["dach", "iberia"], 1.0),
}
NASTY = "<script>document.title='broken'</script>"


@dataclass(frozen=True, slots=True)
class Case:
    """What was put in, to compare figures with."""

    lead_id: str
    instance: int
    team: str
    state: str
    received: datetime
    accepted: datetime | None
    human: float
    breaches: int
    owner: str | None
    due: datetime | None
    touched: bool
    """Somebody triaged it."""

    @property
    def seconds(self) -> float | None:
        return (self.accepted - self.received).total_seconds() if self.accepted else None


async def settle(pool: Pool) -> None:
    """The organisation."""
    async with pool.connection() as connection:
        for key, name in TEAMS.items():
            await connection.execute(
                "INSERT INTO routing.territories VALUES (%s, %s, 'Europe/Berlin', 'DE', 'Mia', 'mia@example.com')",
                (key, name),
            )
        for key, (name, teams, weight) in REPS.items():
            await connection.execute(
                "INSERT INTO routing.reps VALUES (%s, %s, %s, %s, %s, 'Europe/Berlin', 'DE', '{}', '{en}', '{}', %s, 20, 12)",
                (key, name, f"{key}@example.com", key, teams, weight),
            )


async def live(
    pool: Pool, log: EngineLog, *, leads: int, seed: int = 1, first: int = 0, diagram: str = DIAGRAM
) -> list[Case]:
    """Leads of which each goes its own way; the newest arrive last. Call `settle` before."""
    chance = random.Random(seed)
    process = log.deploy("lead_routing", version=1 if first == 0 else 2, diagram=diagram)
    gap = timedelta(hours=2) / leads
    cases = []
    async with pool.connection() as connection:
        for number in range(leads):
            received = log.now
            cases.append(await _one(connection, log, process, first + number, chance))
            log.now = received + gap
    return cases


async def read_town(pool: Pool, leads: int) -> list[Case]:
    """Leads of the last six hours, in the book and in the read model."""
    log = EngineLog(datetime.now(UTC).replace(microsecond=0) - timedelta(hours=6))
    await settle(pool)
    cases = await live(pool, log, leads=leads)
    await Follower(pool, log).catch_up()
    return cases


async def _one(
    connection: AsyncConnection[DictRow], log: EngineLog, process: int, number: int, chance: random.Random
) -> Case:
    team = chance.choice(list(TEAMS))
    owner = chance.choice([key for key, (_, teams, _) in REPS.items() if team in teams])
    received, human = log.now, 0.0
    case = log.start("lead_routing", process)
    for step, low, high in (("register_lead", 0.1, 0.4), ("match_account", 0.05, 0.2), ("score_lead", 0.2, 2.0)):
        case.run(step, seconds=round(chance.uniform(low, high), 3))
    touched = chance.random() < 0.25
    if touched:
        triage = case.ask("triage_lead", due=received + timedelta(hours=8), groups=["sales-ops"])
        waited = round(chance.uniform(60, 1_500), 3)
        log.wait(seconds=waited)
        triage.assign("olga")
        triage.complete()
        human += waited
    case.run("assign_owner", seconds=0.05)
    assigned, breaches = log.now, 0
    due = assigned + timedelta(minutes=chance.choice([5, 30, 120]))
    case.run("notify_owner", seconds=round(chance.uniform(0.1, 3), 3))
    asked = case.ask("accept_lead", due=due)
    state, accepted = "assigned", None
    if chance.random() < 0.8:
        asked.assign(owner)
        waited = round(chance.expovariate(1 / 700), 3)
        log.wait(seconds=waited)
        breaches = int(log.now > due)
        asked.complete()
        human += waited
        state, accepted = "accepted", log.now
        case.run("write_owner", seconds=0.2)
        case.end()
    elif chance.random() < 0.3:
        job = log.key()
        trouble = case.fail("write_owner", "The CRM refuses the owner: HTTP 409.", job=job)
        if chance.random() < 0.5:
            log.wait(seconds=240)
            case.mend(trouble, "write_owner", "The CRM refuses the owner: HTTP 409.", job=job)
    lead_id = f"lead-{number:04d}"
    lead = {"name": NASTY if number == 0 else f"Person {number}", "company": f"Firma {number} & Co"}
    await connection.execute(
        "INSERT INTO routing.leads (lead_id, source, raw, lead, state, state_at, received_at, routing, owner_id,"
        " assigned_at, first_assigned_at, accepted_at, sla_due_at, sla_breaches, process_instance_key)"
        " VALUES (%s, 'web', %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            lead_id, Jsonb(lead), Jsonb(lead), state, log.now, received, Jsonb({"territory": team}), owner, assigned,
            assigned, accepted, None if accepted else due, breaches, case.key,
        ),
    )  # fmt: skip
    await connection.execute(
        "INSERT INTO runtime.timeline (business_id, at, actor, action, why, process_instance_key)"
        " VALUES (%s, %s, 'worker', 'lead_registered', 'It is new.', %s)",
        (lead_id, received, case.key),
    )
    await connection.execute(
        "INSERT INTO routing.assignments (lead_id, round, rep_id, pool, local_day, assigned_at, why, accepted_at)"
        " VALUES (%s, 0, %s, %s, %s, %s, 'a fair turn', %s)",
        (lead_id, owner, None if touched else team, assigned.date(), assigned, accepted),
    )
    return Case(
        lead_id, case.key, team, state, received, accepted, human, breaches, owner, None if accepted else due, touched
    )
