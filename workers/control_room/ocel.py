"""OCEL 2.0 as JSON (van der Aalst and others 2023, ocel-standard.org): activities that ended, and the objects they are about.

Objects are what the read model and the business tables know: the process instance, the lead, its account, its owner, who did a
task; of a process that is not about a lead its case. Objects are written as they are met; events go to a temporary file
first, because the format has them apart.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import IO, Any

from psycopg.rows import DictRow

from workers.control_room.cases import Case

SPOOLED = 8 * 2**20
"""Bytes of events that are kept in memory; more go to disk."""
ALWAYS = "1970-01-01T00:00:00Z"
"""The time of an attribute that does not change, as the standard has it."""
OBJECTS: Mapping[str, Mapping[str, str]] = {
    "process_instance": {
        "process": "string",
        "version": "integer",
        "state": "string",
        "started": "time",
        "ended": "time",
    },
    "lead": {"name": "string", "company": "string", "source": "string", "state": "string"},
    "account": {"name": "string"},
    "rep": {"name": "string"},
    "person": {},
    "case": {"process": "string"},
}
"""Object types, and the types of their attributes."""
EVENT = {"label": "string", "kind": "string", "outcome": "string", "started": "time", "due": "time"}
"""The attributes of an event, and their types; it is of the moment when the activity ended."""


async def write(slices: AsyncIterator[Sequence[Case]]) -> AsyncIterator[bytes]:
    """The parts of a log."""
    with tempfile.SpooledTemporaryFile(SPOOLED) as spool:
        log = _Log(spool)
        yield b'{"objects":['
        async for found in slices:
            yield await asyncio.to_thread(log.objects_of, found)
        yield b'\n],"events":['
        spool.seek(0)
        while part := await asyncio.to_thread(spool.read, 2**18):
            yield part
    yield b'\n],"objectTypes":' + _json(_types(OBJECTS))
    yield b',"eventTypes":' + _json(_types(dict.fromkeys(sorted(log.event_types), EVENT))) + b"}\n"


class _Log:
    """Knows what was written."""

    def __init__(self, spool: IO[bytes]) -> None:
        self._spool = spool
        self._written: set[str] = set()
        """Ids of accounts, people and other objects that many cases share."""
        self._first_object = self._first_event = True
        self.event_types: set[str] = set()

    def objects_of(self, found: Sequence[Case]) -> bytes:
        """What a slice adds to the objects; its events are put aside."""
        objects = [item for case in found for item in self._objects(case)]
        text = _list(objects, first=self._first_object)
        self._first_object = self._first_object and not objects
        events = [event for case in found for event in self._events(case)]
        self._spool.write(_list(events, first=self._first_event))
        self._first_event = self._first_event and not events
        return text

    def _objects(self, case: Case) -> Iterator[dict[str, Any]]:
        head, about = case.head, _about(case)
        instance = {
            "process": head["process"], "version": head["version"], "state": case.state, "started": head["started_at"],
            "ended": head["ended_at"],
        }  # fmt: skip
        related = [(about, "works on")] if about else []
        yield _object("process_instance", _instance(head["key"]), instance, related)
        account = _account(case)
        owner = f"rep:{head['owner_id']}" if head["owner_id"] else None
        if about and self._new(about):
            if head["lead_id"]:
                lead = {
                    "name": head["name"], "company": head["company"], "source": head["source"],
                    "state": head["lead_state"],
                }  # fmt: skip
                yield _object("lead", about, lead, [(account, "comes from"), (owner, "belongs to")])
            else:
                yield _object("case", about, {"process": head["process"]}, [])
        if account and self._new(account):
            yield _object("account", account, {"name": head["account"]}, [])
        if owner and self._new(owner):
            yield _object("rep", owner, {"name": head["owner"]}, [])
        for one in case.activities:
            person = _person(one)
            if person and self._new(person):
                yield _object("rep" if one["rep_id"] else "person", person, {"name": one["rep"]}, [])

    def _new(self, name: str) -> bool:
        new = name not in self._written
        self._written.add(name)
        return new

    def _events(self, case: Case) -> Iterator[dict[str, Any]]:
        head, about = case.head, _about(case)
        for one in case.activities:
            if one["ended_at"] is None:
                continue
            kind = f"{head['process']}.{one['element']}"
            self.event_types.add(kind)
            given = {
                "label": one["label"], "kind": one["kind"], "outcome": "completed" if one["completed"] else "cut short",
                "started": one["started_at"], "due": one["due_at"],
            }  # fmt: skip
            yield {
                "id": f"event:{one['key']}",
                "type": kind,
                "time": _moment(one["ended_at"]),
                "attributes": [
                    {"name": name, "value": _value(value)} for name, value in given.items() if value is not None
                ],
                "relationships": _related(
                    [
                        (_instance(head["key"]), "part of"),
                        (about, "about"),
                        (_account(case), "for"),
                        (_person(one) if one["completed"] else None, "done by"),
                    ]
                ),
            }


def _about(case: Case) -> str | None:
    head = case.head
    if head["lead_id"]:
        return f"lead:{head['lead_id']}"
    return f"case:{head['process']}:{head['case_id']}" if head["case_id"] else None


def _account(case: Case) -> str | None:
    return f"account:{case.head['account_id']}" if case.head["account_id"] else None


def _person(activity: DictRow) -> str | None:
    if activity["rep_id"]:
        return f"rep:{activity['rep_id']}"
    return f"person:{activity['assignee']}" if activity["assignee"] else None


def _instance(key: int) -> str:
    return f"instance:{key}"


def _object(
    kind: str, name: str, given: Mapping[str, Any], related: Sequence[tuple[str | None, str]]
) -> dict[str, Any]:
    return {
        "id": name,
        "type": kind,
        "attributes": [
            {"name": key, "time": ALWAYS, "value": _value(value)}
            for key, value in given.items()
            if key in OBJECTS[kind] and value is not None
        ],
        "relationships": _related(related),
    }


def _related(found: Sequence[tuple[str | None, str]]) -> list[dict[str, str]]:
    return [{"objectId": name, "qualifier": qualifier} for name, qualifier in found if name]


def _types(found: Mapping[str, Mapping[str, str]]) -> list[dict[str, Any]]:
    return [
        {"name": name, "attributes": [{"name": key, "type": kind} for key, kind in attributes.items()]}
        for name, attributes in found.items()
    ]


def _value(value: Any) -> Any:  # noqa: ANN401 - of any of the format's types
    return _moment(value) if isinstance(value, datetime) else value


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _list(items: Sequence[Mapping[str, Any]], *, first: bool) -> bytes:
    text = b",\n".join(_json(item) for item in items)
    return text if first or not items else b",\n" + text


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
