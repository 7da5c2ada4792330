"""Ask the reps about their quotas, and until when they may object."""

from __future__ import annotations

from pydantic import AwareDatetime

from workers.office.letters import CHANNEL
from workers.quota_approval.domain.cases import Objector
from workers.quota_approval.domain.letters import what_you_think
from workers.quota_approval.ports import QuotaApprovalPorts
from workers.runtime.task import Contract, task


class OpenObjectionsInput(Contract):
    """Which review, and which round of it."""

    quota_id: str
    organisation: str
    period: str
    round: int
    objection_minutes: float
    """Working minutes until a quota stands."""


class OpenObjectionsOutput(Contract):
    """Who is asked."""

    objectors: list[Objector]
    objections_close_at: AwareDatetime


@task(business_id="quota_id", effect="once", loop="round")
async def open_objections(given: OpenObjectionsInput, ports: QuotaApprovalPorts) -> OpenObjectionsOutput:
    """Those with a log-in, once for each figure."""
    now = ports.clock()
    due = await ports.book.deadlines(given.organisation, {"close": given.objection_minutes}, now)
    people = await ports.book.people(given.organisation)
    reps = {one.node: one for one in people if one.role == "rep" and one.node and not one.away(now)}
    asked = await ports.cases.ask(given.quota_id, [node for node in reps if node])
    for node in asked:
        person = reps[node]
        letter = what_you_think(person.name, given.period, until=due["close"], link=ports.tasks)
        await ports.work.send(CHANNEL, letter.to([person.email]))
    await ports.work.note("objections_opened", f"{len(asked)} reps are asked.", close_at=due["close"].isoformat())
    return OpenObjectionsOutput(
        objectors=[Objector(node, "sales-reps") for node in asked], objections_close_at=due["close"]
    )
