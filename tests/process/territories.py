"""Sales territories around an embedded engine: four reps in two regions with ten accounts each, and one with a single one.

Three accounts are owned by a rep who is far away: a plan gives them to the nearest one. R5 has one account, so that little
changes when R5 leaves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from psycopg.types.json import Jsonb

from tests.calendars import country_without_holiday
from tests.process.building import Building
from workers.engine.records import UserTask
from workers.gateway.territory_commands import withdraw
from workers.territory_alignment.adapters.asking import ask_alignment
from workers.territory_alignment.adapters.organisations import put_organisation, put_rows
from workers.territory_alignment.domain.organisation import Organisation, Reason, Region

LONG = timedelta(seconds=600)
"""A search starts a process and imports much; more on a busy machine."""
HOMES = {"R1": (52.0, 8.0), "R2": (52.0, 13.0), "R3": (48.0, 8.0), "R4": (48.0, 13.0), "R5": (50.0, 18.0)}
REGION = {"R1": "north", "R2": "north", "R3": "south", "R4": "south", "R5": "south"}
FAR = {"A1_1": "R2", "A1_2": "R2", "A3_1": "R2"}
"""Accounts whose owner lives elsewhere."""
PEOPLE = {
    group: (f"{group}@fairlead.example",)
    for group in ("sales-ops", "sales-managers", "sales-directors", "sales-finance")
}
Row = dict[str, object]
Given = Mapping[str, object]


def accounts() -> list[Row]:
    """Ten around each of R1 to R4, and one of R5."""
    found: list[Row] = []
    for rep, (latitude, longitude) in HOMES.items():
        for number in range(1, 11 if rep != "R5" else 2):
            name = f"A{rep[1]}_{number}"
            found.append(
                {
                    "account": name,
                    "latitude": latitude + 0.02 * number,
                    "longitude": longitude,
                    "potential": 100.0,
                    "workload": 100.0,
                    "industry": "steel",
                    "owner": FAR.get(name, rep),
                    "relationship_years": 1.0,
                    "region": REGION[rep],
                    "key_account": False,
                }
            )
    return found


def reps() -> list[Row]:
    return [
        {
            "rep": rep,
            "name": f"Rep {rep[1]}",
            "email": f"{rep.lower()}@fairlead.example",
            "region": REGION[rep],
            "latitude": place[0],
            "longitude": place[1],
            "capacity": 1_500.0 if rep != "R5" else 150.0,
            "skills": "",
            "languages": "",
        }
        for rep, place in HOMES.items()
    ]


class Territories(Building):
    """Territory alignment."""

    context = process = "territory_alignment"
    business_key = "alignment_id"

    async def furnish(
        self,
        given: Sequence[Given] | None = None,
        rules: Sequence[Given] = (),
        *,
        crm: bool = True,
        manager: str = "mona",
    ) -> None:
        """The organisation `north`, its accounts in the CRM, and its reps in lead routing."""
        made = Organisation(
            id="north",
            name="North",
            currency="EUR",
            timezone="UTC",
            holidays=country_without_holiday(days_ahead=60),
            weights={"continuity": 0.1},
            seconds=3.0,
            targets=("crm", "routing"),
            people=PEOPLE,
        )
        rows = accounts() if given is None else given
        async with self.pool.connection() as connection:
            await put_organisation(
                connection,
                made,
                [Region("north", manager, "mona@fairlead.example"), Region("south", "", "")],
            )
            await put_rows(connection, "north", "accounts", rows)
            await put_rows(connection, "north", "reps", reps())
            await put_rows(connection, "north", "rules", rules)
        if crm:
            await self.systems(rows)

    async def systems(self, rows: Sequence[Given]) -> None:
        """Accounts as the CRM has them, reps as lead routing has them."""
        async with self.pool.connection() as connection, connection.cursor() as cursor:
            await cursor.executemany(
                "INSERT INTO crm.accounts (id, name, owner_id) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
                [(row["account"], row["account"], row["owner"]) for row in rows],
            )
            await cursor.executemany(
                "INSERT INTO routing.reps (id, name, email, login, territories, timezone, holidays, working_hours,"
                " languages, skills, weight, daily_capacity, open_capacity)"
                " VALUES (%s, %s, %s, %s, %s, 'UTC', 'US', %s, '{de}', '{core}', 1, 5, 5) ON CONFLICT DO NOTHING",
                [
                    (
                        rep,
                        rep,
                        f"{rep}@fairlead.example",
                        rep,
                        ["north", "south"] if rep == "R2" else [region],
                        Jsonb({}),
                    )
                    for rep, region in REGION.items()
                ],
            )

    async def ask(
        self,
        reason: Reason = "yearly",
        *,
        by: str = "olga",
        leaving: Sequence[str] = (),
        joining: Sequence[str] = (),
        effective_from: date | None = None,
    ) -> str:
        """Somebody asks for an alignment; returns its id."""
        async with self.pool.connection() as connection:
            alignment_id, asked = await ask_alignment(
                connection,
                "north",
                reason,
                by,
                self.now(),
                leaving=leaving,
                joining=joining,
                effective_from=effective_from,
            )
        assert asked
        await self.instance(alignment_id)
        return alignment_id

    async def start_by_hand(self) -> str:
        """Somebody fills the start form in Tasklist; returns the id that the diagram gives."""
        given = {"organisation": "north", "reason": "by_hand", "asked_by": "olga", "note": "The fair was a success."}
        key = await self.client.start(self.process, given | dict.fromkeys(("leaving", "joining", "effective_from")))
        await self.until(lambda: self.engine.variables(key).get("alignment_id"), "the alignment to have an id")
        return str(self.engine.variables(key)["alignment_id"])

    async def withdraw(self, alignment_id: str) -> None:
        """The alignment is withdrawn from outside."""
        async with self.pool.connection() as connection:
            assert await withdraw(connection, alignment_id, "not needed", actor="test", ttl_seconds=3600)

    async def looks(self, alignment_id: str, count: int, but: Sequence[UserTask] = ()) -> dict[str, UserTask]:
        """The open looks by region, once there are so many that are none of `but`."""
        instance, old = await self.instance(alignment_id), {task.key for task in but}

        def found() -> list[UserTask]:
            return [t for t in self.engine.open_user_tasks(instance, "look_at_territories") if t.key not in old]

        await self.until(lambda: len(found()) == count, f"{count} looks to be open", instance, LONG)
        return {task.variables["look"]["region"]: task for task in found()}

    async def accept_all(self, alignment_id: str, count: int = 2) -> None:
        """All managers accept what they see."""
        for task in (await self.looks(alignment_id, count)).values():
            await self.say(task, look_choice="accept", looked_by="mona")

    async def state(self, alignment_id: str) -> str:
        """State of an alignment in the book."""
        row = await self.row("SELECT state FROM territories.alignments WHERE alignment_id = %s", alignment_id)
        return str(row["state"])

    async def sent(self) -> None:
        """Wait until the outbox is empty."""

        async def empty() -> bool:
            return not await self.rows("SELECT FROM runtime.outbox")

        await self.until_async(empty, "the outbox to be empty")

    async def owners(self) -> Mapping[str, str]:
        """Account → owner in the CRM, when the outbox is empty."""
        await self.sent()
        return {row["id"]: row["owner_id"] for row in await self.rows("SELECT id, owner_id FROM crm.accounts")}

    async def pools(self) -> Mapping[str, list[str]]:
        """Rep → territories in lead routing, when the outbox is empty."""
        await self.sent()
        return {row["id"]: row["territories"] for row in await self.rows("SELECT id, territories FROM routing.reps")}
