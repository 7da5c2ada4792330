"""User tasks from Camunda's REST API, and the way to them in Tasklist."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from workers.engine.errors import UnreachableError
from workers.engine.found import FoundTask
from workers.engine.rest import CamundaRest
from workers.gateway.answers import HumanTask
from workers.gateway.human_tasks import EngineUnavailable, TaskBoard
from workers.settings import Settings

SECONDS = 3.0
"""Time for one answer: a page waits for it."""


class Tasklist:
    """`TaskBoard` on a Camunda cluster."""

    def __init__(self, camunda: CamundaRest, url: str) -> None:
        self._camunda = camunda
        self._url = url

    async def tasks(self, process_instance_key: int) -> list[HumanTask]:
        """See `TaskBoard.tasks`."""
        try:
            async with asyncio.timeout(SECONDS):
                found = await self._camunda.user_tasks(state=None, process_instance_key=process_instance_key)
        except TimeoutError:
            raise EngineUnavailable(f"no answer within {SECONDS:g} s.") from None
        except UnreachableError as error:
            raise EngineUnavailable(str(error)) from None
        except (KeyError, ValueError) as error:
            raise EngineUnavailable(f"its answer has another form than expected ({type(error).__name__}).") from None
        return [_task(one) for one in found]

    def link(self, task: HumanTask) -> str:
        """See `TaskBoard.link`."""
        return f"{self._url}/tasklist/{task.key}"

    def home(self) -> str:
        """See `TaskBoard.home`."""
        return f"{self._url}/tasklist"


@contextlib.asynccontextmanager
async def tasklist(settings: Settings) -> AsyncIterator[TaskBoard]:
    """The task board of the cluster in the settings; nothing is asked before the first question."""
    async with CamundaRest(settings) as camunda:
        yield Tasklist(camunda, settings.camunda_url)


def _task(found: FoundTask) -> HumanTask:
    return HumanTask(
        key=found.key,
        element_id=found.element_id,
        name=found.element_id.replace("_", " ").capitalize(),  # 8.6 tells no names
        state=found.state,
        assignee=found.assignee,
        candidate_groups=list(found.candidate_groups),
        created_at=found.created_at,
        due_at=found.due_at,
        completed_at=found.completed_at,
    )
