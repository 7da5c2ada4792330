"""The user tasks of a lead, read from Camunda. The gateway goes on without them when Camunda can't be asked."""

from __future__ import annotations

from typing import Protocol

from workers.gateway.answers import HumanTask, HumanTasks


class EngineUnavailable(Exception):
    """Camunda can't be asked at the moment; the message says why."""


class TaskBoard(Protocol):
    """Where user tasks are found."""

    async def tasks(self, process_instance_key: int) -> list[HumanTask]:
        """All user tasks of an instance, open or done, oldest first. Camunda's search lags the engine by seconds.

        Raises:
            EngineUnavailable: no answer, or a refusal.
        """
        ...

    def link(self, task: HumanTask) -> str:
        """URL of the task's page in Tasklist."""
        ...

    def home(self) -> str:
        """URL of Tasklist."""
        ...


async def tasks_of(board: TaskBoard, process_instance_key: int | None) -> HumanTasks:
    """The user tasks of a lead's process, or a note on why they aren't known."""
    if process_instance_key is None:
        return HumanTasks(known=True, note="The process has not started yet.")
    try:
        return HumanTasks(known=True, tasks=await board.tasks(process_instance_key))
    except EngineUnavailable as error:
        return HumanTasks(known=False, note=f"Camunda could not be asked for the human tasks: {error}")
