"""What became of element instances, by Camunda's REST API, for the runtime, which knows no engine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from workers.engine.errors import UnreachableError
from workers.engine.rest import CamundaRest
from workers.runtime.errors import Unreachable
from workers.runtime.orphans import ElementStates, Ended
from workers.runtime.work import JobInfo
from workers.settings import Settings

_STATES: Mapping[str, Ended] = {"COMPLETED": "completed", "TERMINATED": "terminated", "UNKNOWN": "unknown"}
_OVER = {"COMPLETED", "CANCELED", "TERMINATED"}
"""States of a process instance that has ended: 8.6 says CANCELED, later versions TERMINATED."""


class _RestView:
    def __init__(self, camunda: CamundaRest) -> None:
        self._camunda = camunda

    async def ended(self, jobs: Sequence[JobInfo]) -> Mapping[int, Ended]:
        """See `ElementStates.ended`."""
        try:
            found = {job.element_instance_key: await self._ended(job) for job in jobs}
        except UnreachableError as error:
            raise Unreachable(str(error)) from error
        return {key: ended for key, ended in found.items() if ended is not None}

    async def _ended(self, job: JobInfo) -> Ended | None:
        state = await self._element(job)
        if state is None and await self._camunda.instance_state(job.process_instance_key) in _OVER:
            # Asked for once more: where the search tells of the instance's end, it tells of all that was in it, too.
            state = await self._element(job) or "UNKNOWN"
        return None if state is None else _STATES.get(state)

    async def _element(self, job: JobInfo) -> str | None:
        return await self._camunda.element_state(job.element_instance_key, job.process_instance_key, job.element_id)


@asynccontextmanager
async def rest_view(settings: Settings) -> AsyncIterator[ElementStates]:
    """The view of the engine that the settings name; it connects when first asked."""
    async with CamundaRest(settings) as camunda:
        yield _RestView(camunda)
