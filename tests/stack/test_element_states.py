"""How element instances ended, as Camunda's search tells the runtime; on the full local engine."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest

from tests.stack.office import Office, new_lead
from workers.cli._element_states import rest_view
from workers.runtime.errors import Unreachable
from workers.runtime.orphans import Ended
from workers.runtime.work import JobInfo

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

EFFECT = """SELECT task AS job_type, element_id, business_id, loop_index, job_key AS key, process_instance_key,
    element_instance_key, 0 AS process_definition_key
    FROM runtime.effects WHERE business_id = %s AND element_id = 'assign_owner'"""


async def test_completed_never_been_and_not_told_yet(office: Office) -> None:
    over, open_ = await office.send(new_lead(), new_lead())
    for lead_id in (over, open_):
        await office.reaches(lead_id, "assigned")
    await office.complete(over, "accept_lead", owner_response="accept", reject_reason=None, reject_note=None)
    await office.reaches(over, "accepted")
    done, living = [JobInfo(**(await office.rows(EFFECT, lead_id))[0]) for lead_id in (over, open_)]
    never = replace(done, element_instance_key=1)
    elsewhere = replace(done, element_instance_key=2, element_id="no_such_element")
    not_yet = replace(living, element_instance_key=3)
    wanted: dict[int, Ended] = {done.element_instance_key: "completed", 1: "unknown", 2: "unknown"}
    async with rest_view(office.settings) as view:

        async def told() -> bool:
            with contextlib.suppress(Unreachable):  # the search is too busy
                return await view.ended([done, never, elsewhere, not_yet]) == wanted
            return False

        await office.until(told, "the search to have the end of the lead")
        stranger = replace(living, element_instance_key=done.element_instance_key)  # the key is another case's
        assert await view.ended([stranger]) == {}
