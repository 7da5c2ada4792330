"""`quota_approval` with Salesforce as the CRM of quotas: published there and in the ERP, or nowhere."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from psycopg.types.json import Jsonb

from tests.process.quotas import HALF_A_MINUTE, Approvals, open_approvals
from tests.simulators.salesforce import forecasts
from tests.simulators.salesforce.serving import served
from tests.unit.connectors.quotas.conftest import mapping
from workers.engine.driven import DrivenEngine

FIELD = {"ana": "a1", "a2": "a2", "ben": "b1", "b2": "b2", "mona": "A", "max": "B"}
"""Who has a quota there, and which."""


@pytest.mark.timeout(1200)  # planning starts a process, which takes long on a busy machine
async def test_quotas_are_published_to_salesforce_and_the_erp_or_nowhere(
    engine: DrivenEngine, planning_dsn: str, tmp_path: Path
) -> None:
    with served() as salesforce:
        org, door = salesforce.org, salesforce.door
        users = {who: org.person(f"{who}@fairlead.example", who.title()) for who in FIELD}
        revenue = forecasts.switch_on(org, 2027)
        before = org.put("ForecastingQuota", QuotaOwnerId=users["ben"], ForecastingTypeId=revenue, StartDate="2027-01-01",
                         QuotaAmount=44_000)  # fmt: skip
        connected = {
            "base_url": salesforce.url,
            "trusted_hosts": ["127.0.0.1"],
            "client_id": door.client_id,
            "client_secret": door.client_secret,
            "mapping": mapping(tmp_path),
        }

        def there() -> dict[str, float]:
            """What each has in the year."""
            found: Counter[str] = Counter()
            for one in org.records["ForecastingQuota"].values():
                found[one["QuotaOwnerId"]] += 0 if one["IsDeleted"] else one["QuotaAmount"]
            return {who: round(found[user], 2) for who, user in users.items() if found[user]}

        given = {"crms": {"quotas": "salesforce"}, "salesforce": connected}
        async with open_approvals(Approvals, engine, planning_dsn, **given) as approvals:
            await approvals.organisation()
            async with approvals.pool.connection() as connection:
                for rep in ("a2", "b2"):  # who have no log-in
                    await connection.execute(
                        """INSERT INTO routing.reps (id, name, email, login, territories, timezone, holidays, working_hours,
                               languages, skills, weight, daily_capacity, open_capacity)
                           VALUES (%s, %s, %s, %s, '{old}', 'UTC', 'ES', %s, '{es}', '{}', 1, 5, 5)""",
                        (rep, rep, f"{rep}@fairlead.example", rep, Jsonb({})),
                    )
            await approvals.serve()
            quota_id = await approvals.ask()
            await approvals.approve_rest(quota_id, "a1", "a2")
            await approvals.decide(quota_id, "a2", "dirk")
            # A rule of theirs refuses one person's quotas: nothing is published, here and there.
            org.guarded.add(users["max"])
            await approvals.nobody_objects(quota_id)
            await approvals.passed(quota_id, "publish_quotas__crm")
            await approvals.in_use("erp")  # the outbox is empty
            await approvals.travel_to(approvals.now() + HALF_A_MINUTE)
            task = await approvals.task(quota_id, "publication_failed")
            assert (
                "crm: max@fairlead.example 2027-01-01: Salesforce refuses to write a quota"
                in task.variables["failure_text"]
            )
            for element in ("restore_quotas__crm", "restore_quotas__erp", "void_letters"):
                await approvals.passed(quota_id, element)
            assert await approvals.in_use("erp") is None
            assert there() == {"ben": 44_000}
            # It is mended, and the line is bad.
            org.guarded.clear()
            door.faults = ["502", None, "lost", "401", None, "half"]
            await approvals.complete(quota_id, "publication_failed", publication_choice="try_again")
            await approvals.passed(quota_id, "publish_quotas__crm", 2)
            assert await approvals.in_use("erp") == f"{quota_id}.1"
            await approvals.travel_to(approvals.now() + HALF_A_MINUTE)
            await approvals.ended(quota_id, "quotas_published")
            quotas = await approvals.quotas(quota_id)
            assert there() == {who: quotas[node] / 100 for who, node in FIELD.items()}
            assert org.records["ForecastingQuota"][before["Id"]]["QuotaAmount"] < 44_000  # January's of the year
            states = await approvals.rows("SELECT state FROM sync.changes ORDER BY id")
            assert [row["state"] for row in states] == ["refused", "delivered"]
            first = org.writes[0][1]
            assert max(Counter(record for _, record, _ in org.writes if record != first).values()) <= 3
