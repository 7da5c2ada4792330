"""What if, on leads that the real engine has routed: what it says of them by the table in use is what happened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.process.house import House
from tests.process.test_lead_routing import accept, account
from workers.what_if.asking import ask

TABLE = Path("dmn/lead_routing_rules.dmn").read_bytes()


async def person(house: House, number: int, **fields: object) -> str:
    """Somebody whom no other lead resembles."""
    own: dict[str, Any] = {
        "name": f"Person {number}",
        "email": f"person@company-{number}.example",
        "phone": None,
        "company": f"Company {number}",
    }
    return await house.lead(**own | fields)


async def test_the_table_in_use_gives_what_happened_and_a_changed_rule_changes_its_leads_alone(house: House) -> None:
    await account(house, "ben")
    mid_market = [await person(house, 1, employees=400), await person(house, 2, employees=400, product="planning")]
    owners = {lead_id: await accept(house, lead_id) for lead_id in mid_market}
    mid_market.append(await person(house, 3, email="x@beispiel-werke.example", employees=20))  # 700, says the CRM
    small = await person(house, 4, employees=20)
    owners |= {lead_id: await accept(house, lead_id) for lead_id in (mid_market[-1], small)}
    strategic = await person(house, 5, employees=20_000)
    abroad = await person(house, 6, employees=20, country="BR", language="pt")
    for lead_id in (strategic, abroad):
        await house.task(lead_id, "triage_lead")
    # The CRM forgets: what the tables saw then is what counts.
    async with house.pool.connection() as connection:
        await connection.execute("UPDATE crm.accounts SET owner_id = 'ana', employees = 9000")

    lower = TABLE.replace(b"<text>&gt;= 1000</text>", b"<text>&gt;= 300</text>")
    found = await ask(house.settings, lower, last=100, cases=100)
    assert (found.leads, found.as_then, found.from_the_crm_now, found.notes) == (6, 6, 0, [])
    assert found.before.without_people == 4 / 6
    assert found.before.in_time == 1
    got = {rep.id: rep.leads for rep in found.before.reps}
    really = list(owners.values())
    assert all(got[rep_id] >= really.count(rep_id) for rep_id in ("ana", "ben")), "two more are triaged in the replay"
    assert {case.lead_id for case in found.cases} == set(mid_market)
    for case in found.cases:
        assert case.before.owner == owners[case.lead_id], "the simulated turn is the real one"
        assert (case.before.segment, case.after.segment) == ("mid_market", "enterprise")
        assert "enterprise_sales" in set(case.after.skills) - set(case.before.skills)
        (before,) = [hit for hit in case.hits_before if hit.decision == "lead_segment"]
        (after,) = [hit for hit in case.hits_after if hit.decision == "lead_segment"]
        assert (before.rule, after.rule) == (6, 3)
        assert after.text.startswith('Employees >= 300 → segment "enterprise"')
    live = await house.client.evaluate_decision("lead_segment", _variables(400))
    assert live.output["segment"] == "mid_market", "the live engine never saw the changed table"


def _variables(employees: int) -> dict[str, Any]:
    lead = {"country": "DE", "employees": employees, "industry": None, "product": None}
    return {"lead": lead, "account": None, "enrichment": None, "score": {"band": "warm", "source": "model"}}
