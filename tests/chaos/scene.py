"""A small story in a house on the embedded engine, and the evidence of it as the checker wants it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from tests.process.conftest import furnish
from tests.process.house import House
from workers.chaos.checker.evidence import Engine, Evidence, Incident, Instance, Ledger, Step, parse_mails, read_tables
from workers.chaos.checker.engine import KINDS
from workers.chaos.checker.checking import Verdict, check

STATES = {"ELEMENT_COMPLETED": "COMPLETED", "ELEMENT_TERMINATED": "TERMINATED"}
OTHER = {"name": "Uwe Anders", "email": "uwe@anderes-haus.example", "company": "Anderes Haus", "phone": None}


async def play(house: House) -> Ledger:
    """One lead is refused by its first owner and accepted by the next; another is withdrawn while its owner has it."""
    await furnish(house)
    await house.serve()
    refused = await house.lead(external_id="refused")
    withdrawn = await house.lead(external_id="withdrawn", **OTHER)
    ledger = Ledger(
        {refused: "refused", withdrawn: "withdrawn"}, frozenset({"refused", "withdrawn"}), frozenset({withdrawn})
    )
    await house.complete(refused, "accept_lead", owner_response="reject", reject_reason="no_time", reject_note=None)
    await house.passed(refused, "note_refusal")
    await house.complete(refused, "accept_lead", owner_response="accept", reject_reason=None, reject_note=None)
    await house.ended(refused, "lead_accepted")
    await house.task(withdrawn, "accept_lead")
    await house.withdraw(withdrawn)
    await house.ended(withdrawn, "lead_was_withdrawn")

    async def sent() -> bool:
        return not await house.rows("SELECT FROM runtime.outbox")

    await house.until_async(sent, "the outbox to be empty")
    return ledger


async def judge(house: House, ledger: Ledger) -> Verdict:
    """What the checker says of the house."""
    return check(await gather(house, ledger))


async def gather(house: House, ledger: Ledger) -> Evidence:
    """The evidence of the house."""
    tables = await asyncio.to_thread(read_tables, str(house.resources.pool.conninfo))
    mails = list(parse_mails(bytes(mail) for mail in house.mailbox.mails))
    return Evidence(tables, mails, engine_of(house), ledger)


def engine_of(house: House) -> Engine:
    """What Operate would say, from the engine's own records."""
    engine = house.engine
    instances = [
        Instance(one.key, str(engine.variables(one.key).get("lead_id")), STATES.get(one.state, "ACTIVE"))
        for one in engine.process_instances("lead_routing")
    ]
    steps = [
        Step(one.key, instance.key, one.element_id, one.element_type, STATES.get(one.state, "ACTIVE"))
        for instance in instances
        for one in engine.elements(instance.key)
        if one.element_type in KINDS
    ]
    incidents = [
        Incident(one["value"]["processInstanceKey"], one["value"]["elementId"], one["value"]["errorMessage"])
        for one in engine.incidents()
    ]
    return Engine(instances, steps, incidents)


def rules_of(verdict: Verdict) -> Sequence[str]:
    """Which rules were broken."""
    return sorted({violation.rule for violation in verdict.violations})
