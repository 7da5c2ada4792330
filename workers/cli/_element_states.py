"""What became of element instances, by Camunda's REST API, for the runtime, which knows no engine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from workers.engine.errors import UnreachableError
from workers.engine.rest import CamundaRest
from workers.runtime.errors import Unreachable
from workers.runtime.orphans import ElementStates, Ended
from workers.settings import Settings


class _RestView:
    def __init__(self, camunda: CamundaRest) -> None:
        self._camunda = camunda

    async def ended(self, element_instance_keys: Sequence[int]) -> Mapping[int, Ended]:
        """See `ElementStates.ended`."""
        found: dict[int, Ended] = {}
        try:
            for key in element_instance_keys:
                state = await self._camunda.element_state(key)
                if state == "COMPLETED":
                    found[key] = "completed"
                elif state == "TERMINATED":
                    found[key] = "terminated"
        except UnreachableError as error:
            raise Unreachable(str(error)) from error
        return found


@asynccontextmanager
async def rest_view(settings: Settings) -> AsyncIterator[ElementStates]:
    """The view of the engine that the settings name; it connects when first asked."""
    async with CamundaRest(settings) as camunda:
        yield _RestView(camunda)
