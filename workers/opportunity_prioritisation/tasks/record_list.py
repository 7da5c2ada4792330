"""Record what a rep did with the list, and have followed up what was promised."""

from __future__ import annotations

from typing import ClassVar

from workers.opportunity_prioritisation.domain.lists import AnswerRow, RepList, problem_of
from workers.opportunity_prioritisation.ports import PrioritisationPorts
from workers.runtime.errors import BusinessError
from workers.runtime.task import Contract, task


class ListInvalid(BusinessError):
    """What the rep said cannot be used."""

    code: ClassVar[str] = "list_invalid"


class RecordListInput(Contract):
    """What the rep said."""

    prioritisation_id: str
    rep_list: RepList
    list_key: str
    """Tells repetitions apart: ``rep/round``."""
    list_answers: list[AnswerRow]
    worked_by: str = ""


class RecordListOutput(Contract):
    """How much was done and promised."""

    contacts_done: int
    contacts_promised: int


@task(business_id="prioritisation_id", effect="once", loop="list_key", errors=(ListInvalid,))
async def record_list(given: RecordListInput, ports: PrioritisationPorts) -> RecordListOutput:
    """Keep it, tell the CRM of contacts, and start a follow-up of each promise, all in one transaction.

    Raises:
        ListInvalid: a promise without a day, something left out without a reason; brings ``list_problem``.
    """
    now = ports.clock()
    rep = await ports.lists.rep(given.rep_list.rep_id)
    rows = {row.opportunity_id: row for row in await ports.lists.rows(given.prioritisation_id, rep.id)}
    problem = problem_of(given.list_answers, list(rows))
    if problem:
        raise ListInvalid(problem, variables={"list_problem": problem})
    await ports.lists.answer(given.prioritisation_id, rep.id, given.list_answers, given.worked_by, now)
    done = [one.opportunity_id for one in given.list_answers if one.said == "done"]
    if done:
        await ports.crm.contacted(done, now)
    promised = [one for one in given.list_answers if one.said == "promised"]
    for one in promised:
        by = rep.calendar.add_working_days(now, one.promise_days or 1)
        await ports.lists.promise(rows[one.opportunity_id], rep, by, given.worked_by, one.said_why)
    await ports.work.note(
        "list_done", "", actor=given.worked_by or None, rep=rep.id, done=len(done), promised=len(promised)
    )
    return RecordListOutput(contacts_done=len(done), contacts_promised=len(promised))
