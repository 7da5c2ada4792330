"""A small story in a house on the embedded engine, and the evidence of it as the checker wants it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from tests.process.conftest import furnish
from tests.process.house import House
from workers.chaos.canary import begin
from workers.chaos.checker.checking import Verdict
from workers.chaos.checker.engine import KINDS as SHOWN
from workers.chaos.checker.evidence import Engine, Evidence, Incident, Instance, Ledger, Step, parse_mails, read_tables
from workers.control_room.projection import KINDS, rows_of, write

STATES = {"ELEMENT_COMPLETED": "COMPLETED", "ELEMENT_TERMINATED": "TERMINATED"}
OTHER = {"name": "Uwe Anders", "email": "uwe@anderes-haus.example", "company": "Anderes Haus", "phone": None}


class Scene:
    """One lead is refused by its first owner and accepted by the next; another is withdrawn while its owner has it."""

    def __init__(self, house: House, canary: float = 0.0, models: Path = Path()) -> None:
        """With a `canary`, that share of the leads has a second version, deployed from a copy of the models in `models`."""
        self._house = house
        self._canary, self._models = canary, models
        self._accepted: dict[str, str] = {}
        self._withdrawn: set[str] = set()

    async def play(self) -> None:
        """Play it to its end, until the outbox is empty; or, with a bug planted, until the engine raises an incident."""
        await furnish(self._house)
        if self._canary:
            await self._tell()
            await begin(self._house.settings, self._house.pool, self._canary, self._models)
        await self._house.serve()
        playing = asyncio.create_task(self._play())
        while not playing.done() and not self._house.engine.incidents():  # noqa: ASYNC110 - the engine's stream is read by asking
            await asyncio.sleep(0.1)
        if playing.done():
            await playing
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)

    async def _play(self) -> None:
        house = self._house
        refused = await self._lead("refused")
        withdrawn = await self._lead("withdrawn", **OTHER)
        await house.complete(refused, "accept_lead", owner_response="reject", reject_reason="no_time", reject_note=None)
        await house.passed(refused, "note_refusal")
        await house.complete(refused, "accept_lead", owner_response="accept", reject_reason=None, reject_note=None)
        await house.ended(refused, "lead_accepted")
        await house.task(withdrawn, "accept_lead")
        await house.withdraw(withdrawn)
        self._withdrawn.add(withdrawn)
        await house.ended(withdrawn, "lead_was_withdrawn")

        async def sent() -> bool:
            return not await house.rows("SELECT FROM runtime.outbox")

        await house.until_async(sent, "the outbox to be empty")

    async def _tell(self) -> None:
        """Let the read model know what is deployed."""
        events = [one for one in self._house.engine.records() if one["recordType"] == "EVENT"]
        async with self._house.pool.connection() as connection:
            for kind in KINDS:
                wanted = [
                    one for one in events if one["valueType"] == kind.value_type and one["intent"] in kind.intents
                ]
                await write(connection, rows_of(kind, wanted))

    async def _lead(self, external_id: str, **fields: object) -> str:
        lead_id = await self._house.lead(external_id=external_id, **fields)
        self._accepted[lead_id] = external_id
        return lead_id

    async def evidence(self) -> Evidence:
        """The evidence of what was played."""
        tables = await asyncio.to_thread(read_tables, str(self._house.resources.pool.conninfo))
        mails = list(parse_mails(bytes(mail) for mail in self._house.mailbox.mails))
        ledger = Ledger(self._accepted, frozenset(self._accepted.values()), frozenset(self._withdrawn))
        return Evidence(tables, mails, engine_of(self._house), ledger)


def engine_of(house: House) -> Engine:
    """What Operate would say, from the engine's own records."""
    engine = house.engine
    runs_by = {
        one["value"]["processInstanceKey"]: one["value"]["processDefinitionKey"]
        for one in engine.records()
        if one["valueType"] == "PROCESS_INSTANCE" and one["recordType"] == "EVENT"
    }
    instances = [
        Instance(
            one.key, str(engine.variables(one.key).get("lead_id")), STATES.get(one.state, "ACTIVE"), runs_by[one.key]
        )
        for one in engine.process_instances("lead_routing")
    ]
    steps = [
        Step(one.key, instance.key, one.element_id, one.element_type, STATES.get(one.state, "ACTIVE"))
        for instance in instances
        for one in engine.elements(instance.key)
        if one.element_type in SHOWN
    ]
    incidents = [
        Incident(one["value"]["processInstanceKey"], one["value"]["elementId"], one["value"]["errorMessage"])
        for one in engine.incidents()
    ]
    return Engine(instances, steps, incidents)


def rules_of(verdict: Verdict) -> Sequence[str]:
    """Which rules were broken."""
    return sorted({violation.rule for violation in verdict.violations})
