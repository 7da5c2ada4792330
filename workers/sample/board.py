"""Camunda's user tasks for simulated people, through its REST API."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from http import HTTPStatus

from workers.engine.errors import UnreachableError
from workers.engine.rest import CamundaRest, RestError
from workers.sample.people import BoardUnavailable, TaskGone
from workers.settings import Settings

GONE = {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT}


class CamundaBoard:
    """`TaskBoard` on Camunda's REST API."""

    def __init__(self, camunda: CamundaRest) -> None:
        self._camunda = camunda

    async def find(self, process_instance_key: int, element_id: str) -> int | None:
        """See `TaskBoard.find`."""
        try:
            found = await self._camunda.user_tasks(process_instance_key=process_instance_key, element_id=element_id)
        except UnreachableError as error:
            raise BoardUnavailable(str(error)) from error
        # The newest: while the search is behind, that of an earlier round may still look open.
        return found[-1].key if found else None

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
