"""What the rules judge, as plain values, and how it is read from the database and from the mail folder."""

from __future__ import annotations

import hashlib
import mailbox
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

Row = Mapping[str, Any]  # Any: a row of the database


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail in the mailbox."""

    message_id: str
    to: str
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class Instance:
    """A process instance as the engine's search shows it."""

    key: int
    lead_id: str
    state: str
    """``ACTIVE``, ``COMPLETED`` or ``CANCELED``."""
    definition: int = 0
    """Key of the process definition that it runs by."""


@dataclass(frozen=True, slots=True)
class Step:
    """An element instance."""

    key: int
    instance: int
    element_id: str
    kind: str
    """``SERVICE_TASK``, ``USER_TASK``, ``END_EVENT``, ``INTERMEDIATE_CATCH_EVENT``."""
    state: str
    """``ACTIVE``, ``COMPLETED`` or ``TERMINATED``."""


@dataclass(frozen=True, slots=True)
class Incident:
    """Something that waits for an operator."""

    instance: int
    element_id: str
    message: str


@dataclass(frozen=True)
class Engine:
    """What the engine says of one process."""

    instances: Sequence[Instance] = ()
    steps: Sequence[Step] = ()
    incidents: Sequence[Incident] = ()


@dataclass(frozen=True)
class Ledger:
    """What those outside did and were told: written by who sent the leads, not by who routed them."""

    accepted: Mapping[str, str] = field(default_factory=dict)
    """Lead id → the sender's id, for each answer 202."""
    asked: frozenset[str] = frozenset()
    """Sender's ids of all leads sent; the answer to some may have been lost."""
    withdrawn: frozenset[str] = frozenset()
    """Leads whose withdrawal was answered with 202."""


TABLES = {
    "leads": "SELECT * FROM routing.leads",
    "assignments": "SELECT * FROM routing.assignments",
    "credits": "SELECT * FROM routing.credits",
    "reps": "SELECT id, email, daily_capacity, open_capacity FROM routing.reps",
    "effects": "SELECT * FROM runtime.effects",
    "closed": "SELECT * FROM runtime.closed_cases",
    "outbox": "SELECT * FROM runtime.outbox",
    "delivered": "SELECT * FROM runtime.delivered",
    "dead": "SELECT * FROM runtime.dead_letters WHERE settled_at IS NULL",
    "timeline": "SELECT business_id, at, action, facts FROM runtime.timeline ORDER BY at, id",
    "choices": "SELECT * FROM runtime.version_choices WHERE process = 'lead_routing'",
    "splits": "SELECT process, stable_key, canary_key, share, entries FROM runtime.version_splits",
    "crm_leads": "SELECT * FROM crm.leads",
    "crm_log": "SELECT * FROM crm.change_log ORDER BY id",
}


@dataclass(frozen=True)
class Evidence:
    """Everything at one moment."""

    tables: Mapping[str, Sequence[Row]]
    """Names of `TABLES` → rows."""
    mails: Sequence[Mail]
    engine: Engine
    ledger: Ledger
    domain: str = "example.com"
    """Of the sender's address: the right half of a Message-ID."""

    @cached_property
    def leads(self) -> Mapping[str, Row]:
        """The book, by lead id."""
        return {row["lead_id"]: row for row in self.tables["leads"]}

    @cached_property
    def effects(self) -> Mapping[tuple[str, str, str], Row]:
        """By lead id, element id and loop index."""
        return {(row["business_id"], row["element_id"], row["loop_index"]): row for row in self.tables["effects"]}

    @cached_property
    def assignments(self) -> Mapping[tuple[str, str], Row]:
        """By lead id and round (as text, as loops are)."""
        return {(row["lead_id"], str(row["round"])): row for row in self.tables["assignments"]}

    @cached_property
    def lead_of(self) -> Mapping[int, str]:
        """Process instance → lead id, as the engine's variables say."""
        return {one.key: one.lead_id for one in self.engine.instances}

    @cached_property
    def completed(self) -> Mapping[tuple[int, str], AbstractSet[int]]:
        """Process instance and element id → the element instances that the engine counts as completed."""
        steps = self.engine.steps
        return _gathered(((one.instance, one.element_id), one.key) for one in steps if one.state == "COMPLETED")

    @cached_property
    def committed(self) -> Mapping[tuple[int, str], AbstractSet[int]]:
        """Process instance and element id → the element instances that have an effect."""
        rows = self.tables["effects"]
        return _gathered(((r["process_instance_key"], r["element_id"]), r["element_instance_key"]) for r in rows)

    @cached_property
    def stopped(self) -> Mapping[str, str]:
        """Lead id → the named reason why it waits for an operator: an incident or a dead letter."""
        found = {row["business_id"]: f"dead letter in {row['channel']}: {row['reason']}" for row in self.tables["dead"]}
        for one in self.engine.incidents:
            found[self.lead_of.get(one.instance, "?")] = f"incident at {one.element_id}: {one.message}"
        return found

    @cached_property
    def crm_story(self) -> Mapping[str, Mapping[str, Mapping[str, tuple[str | None, str | None]]]]:
        """Lead id → change id → field → (value before, value after), replayed from the CRM's own log."""
        now: dict[str, dict[str, str | None]] = defaultdict(lambda: {"owner_id": None, "status": "new"})
        found: dict[str, dict[str, dict[str, tuple[str | None, str | None]]]] = defaultdict(dict)
        for row in self.tables["crm_log"]:
            state = now[row["external_id"]]
            change = found[row["external_id"]].setdefault(
                row["change_id"], {name: (value, value) for name, value in state.items()}
            )
            if row["field"] in state:
                change[row["field"]] = (state[row["field"]], row["new"])
                state[row["field"]] = row["new"]
        return found

    def message_id(self, external_id: str) -> str:
        """The Message-ID of an outbox row's mail, which depends on nothing else."""
        return f"<{hashlib.sha256(f'mail:{external_id}'.encode()).hexdigest()[:32]}@{self.domain}>"


def _gathered(found: Iterable[tuple[tuple[int, str], int]]) -> Mapping[tuple[int, str], AbstractSet[int]]:
    gathered: dict[tuple[int, str], set[int]] = defaultdict(set)
    for at, key in found:
        gathered[at].add(key)
    return gathered


def read_tables(dsn: str) -> dict[str, list[Row]]:
    """All tables as of one moment.

    Raises:
        psycopg.OperationalError: the database is away.
    """
    with psycopg.connect(dsn, row_factory=dict_row, connect_timeout=10) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        return {name: list(connection.execute(query.encode()).fetchall()) for name, query in TABLES.items()}


def read_mails(folder: Path) -> list[Mail]:
    """The mails of a Maildir, in no order."""
    if not folder.is_dir():
        return []
    box = mailbox.Maildir(folder, create=False)
    return list(parse_mails(box.get_bytes(key) for key in box.keys()))  # noqa: SIM118 - a mailbox is no mapping


def parse_mails(contents: Iterator[bytes]) -> Iterator[Mail]:
    """Mails as they were received."""
    parser = BytesParser(policy=default)
    for content in contents:
        message = parser.parsebytes(content)
        assert isinstance(message, EmailMessage)  # what this policy makes
        body = message.get_body(("plain",))
        text = body.get_content() if body else ""
        yield Mail(str(message["Message-ID"]), str(message["To"]), str(message["Subject"]), text)
