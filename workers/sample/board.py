"""Camunda's user tasks for simulated people, through its REST API."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from http import HTTPStatus

from workers.engine.errors import UnreachableError
from workers.engine.rest import CamundaRest, RestError
from workers.sample.behaviour import GROUP_OF
from workers.sample.people import BoardUnavailable, OpenTask, TaskGone
from workers.settings import Settings

PROCESS = "lead_routing"
MOST_TASKS = 1_000
"""Read of one kind, the oldest first; what is beyond waits until some of these are done."""
GONE = {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT}


class CamundaBoard:
    """`TaskBoard` on Camunda's REST API."""

    def __init__(self, camunda: CamundaRest) -> None:
        self._camunda = camunda

    async def open_tasks(self) -> Sequence[OpenTask]:
        """See `TaskBoard.open_tasks`. Kind by kind, so that many tasks of one kind never hide the others."""
        found = []
        for element_id in GROUP_OF:
            try:
                listed = await self._camunda.user_tasks(element_id=element_id, limit=MOST_TASKS)
            except UnreachableError as error:
                raise BoardUnavailable(str(error)) from error
            found += [
                OpenTask(task.key, task.element_id, task.process_instance_key, task.created_at)
                for task in listed
                if task.process_id == PROCESS and task.created_at is not None
            ]
        return found

    async def complete(self, key: int, variables: Mapping[str, object]) -> None:
        """See `TaskBoard.complete`."""
        try:
            await self._camunda.complete_user_task(key, dict(variables))
        except RestError as error:
            if error.status in GONE:
                raise TaskGone from error
            raise BoardUnavailable(str(error)) from error
        except UnreachableError as error:
            raise BoardUnavailable(str(error)) from error


@contextlib.asynccontextmanager
async def camunda_board(settings: Settings) -> AsyncIterator[CamundaBoard]:
    """The board of these settings' Camunda."""
    async with CamundaRest(settings) as camunda:
        yield CamundaBoard(camunda)
