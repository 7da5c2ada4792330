"""An engine that a test drives: it moves the clock, plays the people, and reads all that was done.

What the engine did is read from its records alone, so tests say the same whichever engine they run on.
"""

from __future__ import annotations

import asyncio
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from typing import Any

from workers.engine.records import Element, Record, RecordIndex, UserTask

PATIENCE = timedelta(seconds=180)
"""A machine may be busy, and waiting costs nothing where what is waited for comes."""


class DrivenEngine(ABC):
    """One engine. Its methods block but release Python's lock, so that in async tests
    ``await asyncio.to_thread(engine.increase_time, …)`` lets workers in the same process go on.
    """

    step_seconds = 0.02
    """How long `until` waits between two looks at its condition."""

    def __init__(self) -> None:
        self._index = RecordIndex()
        self._reading = threading.RLock()

    @property
    @abstractmethod
    def address(self) -> str:
        """``host:port`` of the gRPC gateway (no TLS)."""

    @abstractmethod
    def increase_time(self, by: timedelta) -> None:
        """Move the engine's clock forward; timers that become due are triggered soon after."""

    @abstractmethod
    def wait_for_idle(self, within: timedelta = PATIENCE) -> None:
        """Wait until the engine has nothing to process; raises `TimeoutError`."""

    @abstractmethod
    def assign_user_task(self, key: int, assignee: str) -> None:
        """Let a person claim a user task, as Tasklist would; otherwise like `complete_user_task`."""

    @abstractmethod
    def complete_user_task(self, key: int, variables: dict[str, Any] | None = None, action: str = "complete") -> None:
        """Complete a user task with ``variables``, as Tasklist would.

        Returns when the engine has the command; it may carry it out soon after. Raises `LookupError` if no open user
        task has this key.
        """

    @abstractmethod
    def _fresh(self, seen: int) -> Iterable[Record]:
        """What follows the first ``seen`` records, in order, with all that the engine had answered before the call."""

    async def until(
        self, condition: Callable[[], object], what: str = "the condition", within: timedelta = PATIENCE
    ) -> None:
        """Let the event loop go on until ``condition()`` is true; raises `TimeoutError` that names ``what``."""
        deadline = time.monotonic() + within.total_seconds()
        while not condition():
            if time.monotonic() > deadline:
                last = [
                    f"{r['valueType']} {r['intent']} {r['value'].get('elementId', '')}" for r in self.records()[-15:]
                ]
                raise TimeoutError(f"Waited {within} for {what}. The engine's last records: {'; '.join(last)}")
            await asyncio.sleep(self.step_seconds)

    def records(self) -> list[Record]:
        """All records so far, oldest first (`workers.engine.records` describes one). Do not change them."""
        with self._read() as index:
            return index.records

    def open_user_tasks(self, process_instance_key: int | None = None, element_id: str | None = None) -> list[UserTask]:
        """User tasks that wait for a person, oldest first."""
        with self._read() as index:
            return index.open_user_tasks(process_instance_key, element_id)

    def completed_user_tasks(self) -> list[UserTask]:
        """User tasks that were completed, in that order."""
        with self._read() as index:
            return index.completed_user_tasks()

    def process_instances(self, process_id: str | None = None, *, active_only: bool = False) -> list[Element]:
        """Process instances in the order in which they started."""
        with self._read() as index:
            return index.process_instances(process_id, active_only=active_only)

    def elements(self, process_instance_key: int) -> list[Element]:
        """All element instances of a process instance with their present state."""
        with self._read() as index:
            return index.elements(process_instance_key)

    def variables(self, scope_key: int) -> dict[str, Any]:
        """Variables visible in a process instance, or (by its element instance key) in an element."""
        with self._read() as index:
            return index.variables(scope_key)

    def incidents(self, process_instance_key: int | None = None) -> list[Record]:
        """Unresolved incidents, as records."""
        with self._read() as index:
            return index.incidents(process_instance_key)

    def rejections(self) -> list[Record]:
        """Commands that the engine refused."""
        with self._read() as index:
            return index.rejections()

    def completed_elements(self, process_id: str) -> set[str]:
        """Ids of the elements of a process completed at least once, in any instance."""
        with self._read() as index:
            return index.completed_elements(process_id)

    def taken_flows(self, process_id: str) -> set[str]:
        """Ids of the sequence flows of a process taken at least once, in any instance."""
        with self._read() as index:
            return index.taken_flows(process_id)

    @contextmanager
    def _read(self) -> Iterator[RecordIndex]:
        """Take in what the engine wrote since the last look.

        Commands come from threads of their own: two that read side by side would take the same records in twice, and
        miss as many later on.
        """
        with self._reading:
            self._index.add(self._fresh(len(self._index.records)))
            yield self._index


Engines = Callable[[], AbstractContextManager[DrivenEngine]]
"""Each call gives an engine with nothing in it, which runs until the context is left."""
