"""A log of records as the exporter writes them, to be read by a follower; the real ones are in tests/stack."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from workers.control_room.exported import COUNTER_BITS, WINDOW, Kind, Page, Record

DIAGRAM = '<bpmn:definitions xmlns:bpmn="http://www.omg.org/spec/BPMN/20100524/MODEL"/>'


class EngineLog:
    """Writes records, and serves them as `following.Source`."""

    def __init__(self, began: datetime, partition: int = 1) -> None:
        self.now = began
        self.records: list[tuple[str, Record]] = []
        self.hidden: set[int] = set()
        """Positions that are not to be seen (yet)."""
        self._partition = partition
        self._positions = count(1)
        self._counters: dict[str, int] = {}
        self._keys = count((partition << COUNTER_BITS) + 1)

    def key(self) -> int:
        return next(self._keys)

    def wait(self, **time: float) -> None:
        self.now += timedelta(**time)

    def write(self, value_type: str, intent: str, key: int, **value: Any) -> Record:
        self._counters[value_type] = self._counters.get(value_type, 0) + 1
        record = {
            "key": key,
            "position": next(self._positions),
            "sequence": (self._partition << COUNTER_BITS) + self._counters[value_type],
            "timestamp": int(self.now.timestamp() * 1000),
            "intent": intent,
            "value": value,
        }
        self.records.append((value_type, record))
        return record

    def deploy(self, process: str, version: int = 1, diagram: str = DIAGRAM) -> int:
        key = self.key()
        self.write(
            "PROCESS", "CREATED", key, bpmnProcessId=process, version=version, versionTag=f"{version}.0.0",
            processDefinitionKey=key, resource=base64.b64encode(diagram.encode()).decode(),
        )  # fmt: skip
        return key

    def start(self, process: str, process_key: int, version: int = 1) -> Instance:
        return Instance(self, process, process_key, version)

    async def partitions(self) -> list[int]:
        return [self._partition]

    async def after(self, cursors: Sequence[tuple[Kind, int, int]]) -> list[Page]:
        return [self._page(kind, at) for kind, _, at in cursors]

    async def first_after(self, kind: Kind, partition: int, at: int) -> int | None:
        return min((one["sequence"] for one in self._seen(kind) if one["sequence"] > at), default=None)

    def _seen(self, kind: Kind) -> list[Record]:
        return [
            r for value_type, r in self.records if value_type == kind.value_type and r["position"] not in self.hidden
        ]

    def _page(self, kind: Kind, at: int) -> Page:
        there = [record for record in self._seen(kind) if at < record["sequence"] <= at + WINDOW]
        top = max((record["sequence"] for record in there), default=at)
        wanted = [record for record in there if record["intent"] in kind.intents]
        return Page(wanted, top, missing=top - at - len(there), full=top - at == WINDOW)


class Instance:
    """One process instance in the log."""

    def __init__(self, log: EngineLog, process: str, process_key: int, version: int) -> None:
        self.log = log
        self.key = log.key()
        self._process = process
        self._place: dict[str, Any] = {
            "bpmnProcessId": process,
            "processDefinitionKey": process_key,
            "processInstanceKey": self.key,
        }
        self._shared = self._place | {"version": version, "parentProcessInstanceKey": -1}
        self._life(self.key, process, "PROCESS", "ELEMENT_ACTIVATING")

    def enter(self, element: str, kind: str = "SERVICE_TASK") -> int:
        key = self.log.key()
        self._life(key, element, kind, "ELEMENT_ACTIVATING")
        self._life(key, element, kind, "ELEMENT_ACTIVATED")
        return key

    def leave(self, key: int, element: str, kind: str = "SERVICE_TASK", *, forced: bool = False) -> None:
        self._life(key, element, kind, "ELEMENT_TERMINATED" if forced else "ELEMENT_COMPLETED")

    def run(self, element: str, kind: str = "SERVICE_TASK", **time: float) -> None:
        key = self.enter(element, kind)
        self.log.wait(**time)
        self.leave(key, element, kind)

    def end(self, *, forced: bool = False) -> None:
        self._life(self.key, self._process, "PROCESS", "ELEMENT_TERMINATED" if forced else "ELEMENT_COMPLETED")

    def modify(self, *elements: str) -> None:
        """An operator begins elements; what they do is to be written too."""
        self.log.write(
            "PROCESS_INSTANCE_MODIFICATION", "MODIFIED", self.log.key(), processInstanceKey=self.key,
            activateInstructions=[{"elementId": element} for element in elements],
        )  # fmt: skip

    def migrate(self, process_key: int, version: int) -> None:
        """An operator moves it to another version."""
        self._place["processDefinitionKey"] = process_key
        self._shared |= {"processDefinitionKey": process_key, "version": version}
        self._life(self.key, self._process, "PROCESS", "ELEMENT_MIGRATED")

    def ask(
        self, element: str, *, due: datetime | None = None, groups: Sequence[str] = ("reps",), users: Sequence[str] = ()
    ) -> Asked:
        return Asked(self, element, due, groups, users)

    def fail(self, element: str, message: str, *, job: int | None = None) -> int:
        key = self.log.key()
        self._incident(key, element, message, job, "CREATED")
        return key

    def mend(self, key: int, element: str, message: str, *, job: int | None = None) -> None:
        self._incident(key, element, message, job, "RESOLVED")

    def wait_for_retry(self, job: int, element: str, *, seconds: float) -> None:
        """A job fails, and waits so long for its next try."""
        self._job(job, element, "FAILED", self.log.now + timedelta(seconds=seconds))

    def comes_again(self, job: int, element: str) -> None:
        """Its back-off is over."""
        self._job(job, element, "RECURRED_AFTER_BACKOFF", self.log.now)

    def _job(self, key: int, element: str, intent: str, recurring: datetime) -> None:
        self.log.write(
            "JOB", intent, key, **self._place, elementId=element, elementInstanceKey=key + 1, type=f"task.{element}",
            retries=2, retryBackoff=1_000, recurringTime=int(recurring.timestamp() * 1000),
        )  # fmt: skip

    def _incident(self, key: int, element: str, message: str, job: int | None, intent: str) -> None:
        self.log.write(
            "INCIDENT", intent, key, **self._place, elementId=element, elementInstanceKey=key + 1, jobKey=job or -1,
            errorType="JOB_NO_RETRIES", errorMessage=message,
        )  # fmt: skip

    def _life(self, key: int, element: str, kind: str, intent: str) -> None:
        self.log.write(
            "PROCESS_INSTANCE",
            intent,
            key,
            **self._shared,
            elementId=element,
            bpmnElementType=kind,
            flowScopeKey=self.key,
        )


class Asked:
    """One user task in the log, and the element it belongs to."""

    def __init__(
        self, instance: Instance, element: str, due: datetime | None, groups: Sequence[str], users: Sequence[str]
    ) -> None:
        self.instance, self.element = instance, element
        self.key = instance.log.key()
        self._element_key = instance.enter(element, "USER_TASK")
        self._groups, self._users = list(groups), list(users)
        self._due = due.isoformat() if due else ""
        self._assignee = ""
        self._write("CREATED")

    def assign(self, who: str) -> None:
        self._assignee = who
        self._write("ASSIGNED")

    def complete(self) -> None:
        self._write("COMPLETED")
        self.instance.leave(self._element_key, self.element, "USER_TASK")

    def cancel(self) -> None:
        self._write("CANCELED")
        self.instance.leave(self._element_key, self.element, "USER_TASK", forced=True)

    def _write(self, intent: str) -> None:
        self.instance.log.write(
            "USER_TASK", intent, self.key, **self.instance._place, elementId=self.element,
            elementInstanceKey=self._element_key, assignee=self._assignee, candidateGroupsList=self._groups,
            candidateUsersList=self._users, dueDate=self._due,
        )  # fmt: skip
