"""Who completed a user task, from Camunda's REST API."""

from __future__ import annotations

import asyncio
import time

from workers.engine.errors import UnreachableError
from workers.engine.rest import CamundaRest
from workers.runtime.errors import TransientError

PATIENCE_SECONDS = 30.0
"""Camunda's search lags the engine by its exporter, seconds as a rule."""
_PAUSE_SECONDS = 0.5


class CamundaDoneTasks:
    """`DoneTasks` on a Camunda cluster. What a form holds, or an API client sends along, is not looked at."""

    def __init__(self, camunda: CamundaRest, *, patience: float = PATIENCE_SECONDS) -> None:
        self._camunda = camunda
        self._patience = patience

    async def by_whom(self, process_instance_key: int, element_id: str, mark: str) -> str | None:
        """See `DoneTasks.by_whom`."""
        until = time.monotonic() + self._patience
        while True:
            try:
                found = await self._camunda.user_tasks(
                    "COMPLETED", process_instance_key, element_id, candidate_user=mark
                )
            except UnreachableError as error:
                raise TransientError(f"Who decided cannot be asked for: {error}") from error
            if found:
                return found[-1].assignee
            if time.monotonic() >= until:
                raise TransientError(
                    f"Camunda's search does not know the completed task {mark} yet; it is asked again."
                )
            await asyncio.sleep(_PAUSE_SECONDS)
