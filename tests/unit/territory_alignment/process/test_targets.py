"""The CRM and lead routing: whatever a version changed is given back exactly, in whichever order versions come and go."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, date, datetime

import pytest
from psycopg.types.json import Jsonb

from tests.casework import Case
from workers.runtime.database import Pool
from workers.runtime.resources import Resources
from workers.settings import Settings
from workers.territory_alignment import wiring

NOW = datetime(2026, 11, 26, 9, 0, tzinfo=UTC)


class Targets(Case):
    context = "territory_alignment"

    async def furnish(self) -> None:
        await self.sql("INSERT INTO territories.organisations (id, name) VALUES ('north', 'North')")
        for place, (rep, account) in enumerate((("R1", "A1"), ("R2", "A2"), ("R3", "A3"))):
            await self.sql(
                "INSERT INTO territories.reps (organisation, rep, place, region) VALUES ('north', %s, %s, 'x')",
                rep,
                place,
            )
            await self.sql(
                "INSERT INTO routing.reps (id, name, email, login, territories, timezone, holidays, working_hours,"
                " languages, skills, weight, daily_capacity, open_capacity)"
                " VALUES (%s, %s, '', %s, '{old}', 'UTC', 'US', %s, '{}', '{}', 1, 1, 1)",
                *(rep, rep, rep, Jsonb({})),
            )
            await self.sql("INSERT INTO crm.accounts (id, name, owner_id) VALUES (%s, %s, %s)", account, account, rep)
        await self.sql("UPDATE crm.accounts SET owner_id = NULL WHERE id = 'A3'")

    async def version(self, name: str, owners: Mapping[str, str], *, begins: date = date(2027, 1, 1)) -> str:
        """A published version that gives accounts to reps."""
        await self.sql(
            "INSERT INTO territories.plans (version, name, card, content, sha256) VALUES (%s, 'north', '{}', '', '')",
            name,
        )
        for place, (account, rep) in enumerate(owners.items()):
            await self.sql(
                "INSERT INTO territories.plan_accounts (version, place, account, rep, owner, potential, workload, km,"
                " region, key_account, why) VALUES (%s, %s, %s, %s, %s, 1, 1, 1, %s, false, '')",
                *(name, place, account, rep, f"R{account[1]}", f"region_{account[1]}"),
            )
        await self.sql(
            "INSERT INTO territories.publications (version, alignment_id, release, organisation, plan_version,"
            " effective_from, facts) VALUES (%s, %s, 1, 'north', %s, %s, '{}')",
            *(name, name, name, begins),
        )
        return name

    async def send(self, version: str, target: str, *, undo: bool = False) -> None:
        change = f"{version}/1/{target}"
        await self.sql(
            "INSERT INTO territories.sendings (change_id, alignment_id, release, version, target, asked_at)"
            " VALUES (%s, %s, 1, %s, %s, now()) ON CONFLICT DO NOTHING",
            *(change, version, version, target),
        )
        payload = {"change_id": change, "version": version} | ({"undo": True} if undo else {})
        await self.sql(
            "INSERT INTO runtime.outbox (channel, business_id, external_id, payload) VALUES (%s, %s, %s, %s)",
            *(f"{target}.territories", version, f"{change}/{undo}/{len(await self.said())}", Jsonb(payload)),
        )
        await self.deliver()

    async def said(self) -> list[dict[str, object]]:
        return await self.sql("SELECT version, target, state, why FROM territories.sendings ORDER BY change_id")

    async def owners(self) -> dict[str, str | None]:
        return {
            row["id"]: row["owner_id"] for row in await self.sql("SELECT id, owner_id FROM crm.accounts ORDER BY id")
        }

    async def pools(self) -> dict[str, list[str]]:
        return {row["id"]: row["territories"] for row in await self.sql("SELECT id, territories FROM routing.reps")}


TODAY = {"A1": "R1", "A2": "R2", "A3": None}


@pytest.fixture
async def targets(pool: Pool) -> AsyncIterator[Targets]:
    resources = Resources(Settings(), pool, clock=lambda: NOW)
    case = Targets(resources)
    await case.furnish()
    yield case
    await wiring.close(resources)


async def test_owners_are_given_back_exactly_nobody_too(targets: Targets) -> None:
    version = await targets.version("v1", {"A1": "R2", "A2": "R2", "A3": "R1"})
    await targets.send(version, "crm")
    assert await targets.owners() == {"A1": "R2", "A2": "R2", "A3": "R1"}
    await targets.send(version, "crm", undo=True)
    assert await targets.owners() == TODAY
    assert [row["state"] for row in await targets.said()] == ["restored"]


@pytest.mark.parametrize("first", ["v1", "v2"])
async def test_two_versions_undone_in_any_order_leave_what_was_there_before_both(targets: Targets, first: str) -> None:
    await targets.send(await targets.version("v1", {"A1": "R2", "A2": "R3"}), "crm")
    await targets.send(await targets.version("v2", {"A1": "R3", "A3": "R1"}), "crm")
    await targets.send(first, "crm", undo=True)
    expected = {"v1": {"A1": "R3", "A2": "R2", "A3": "R1"}, "v2": {"A1": "R2", "A2": "R3", "A3": None}}
    assert await targets.owners() == expected[first]
    await targets.send({"v1": "v2", "v2": "v1"}[first], "crm", undo=True)
    assert await targets.owners() == TODAY
    await targets.send(first, "crm", undo=True)  # the same again
    assert await targets.owners() == TODAY


async def test_what_somebody_changed_since_stays(targets: Targets) -> None:
    version = await targets.version("v1", {"A1": "R2", "A2": "R3"})
    await targets.send(version, "crm")
    await targets.sql("UPDATE crm.accounts SET owner_id = 'R9' WHERE id = 'A1'")
    await targets.send(version, "crm", undo=True)
    assert await targets.owners() == {"A1": "R9", "A2": "R2", "A3": None}


async def test_an_undo_that_overtakes_its_version_keeps_it_out(targets: Targets) -> None:
    version = await targets.version("v1", {"A1": "R2"})
    await targets.send(version, "crm", undo=True)
    await targets.send(version, "crm")
    assert await targets.owners() == TODAY
    assert [row["state"] for row in await targets.said()] == ["restored"]


async def test_unknown_accounts_and_frozen_times_are_refused_and_change_nothing(targets: Targets) -> None:
    await targets.send(await targets.version("v1", {"A1": "R2", "A7": "R1"}), "crm")
    await targets.sql("INSERT INTO crm.territory_terms VALUES ('north', '2027-02-01') ON CONFLICT (organisation)"
                      " DO UPDATE SET frozen_until = excluded.frozen_until")  # fmt: skip
    await targets.send(await targets.version("v2", {"A1": "R2"}), "crm")
    await targets.send("v1", "crm", undo=True)
    assert await targets.owners() == TODAY
    assert [(row["state"], row["why"]) for row in await targets.said()] == [
        ("refused", "it does not know A7"),
        ("refused", "it is frozen until 2027-02-01, and the territories take effect on 2027-01-01"),
    ]


async def test_reps_take_leads_where_their_accounts_are_and_who_has_none_takes_none(targets: Targets) -> None:
    version = await targets.version("v1", {"A1": "R1", "A2": "R1"})
    await targets.send(version, "routing")
    assert await targets.pools() == {"R1": ["region_1", "region_2"], "R2": [], "R3": ["old"]}
    await targets.send(version, "routing", undo=True)
    assert await targets.pools() == {"R1": ["old"], "R2": ["old"], "R3": ["old"]}
