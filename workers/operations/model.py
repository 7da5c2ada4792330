"""What can be stuck, how a part of it is chosen, and what became of an action on it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, TypeVar

Json = dict[str, Any]
"""A JSON object."""

Dependency = Literal["engine", "crm", "mail"]
"""What others depend on, and can be asked whether it answers (`operations.dependencies`)."""


@dataclass(frozen=True, slots=True)
class Incident:
    """A place at which the engine stopped a process instance and waits for somebody."""

    key: int
    process: str
    element: str
    business_id: str
    message: str
    error_type: str
    since: datetime | None
    process_instance_key: int
    job_key: int | None = None
    element_instance_key: int | None = None
    channel: str = ""

    @property
    def subject(self) -> str:
        """What stays the same when it is retried and fails again; the incident's own key doesn't."""
        if self.job_key is not None:
            return f"job:{self.job_key}"
        return f"element:{self.process_instance_key}:{self.element_instance_key or self.element}"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A row that left the outbox undelivered."""

    key: int
    channel: str
    business_id: str
    external_id: str
    message: str
    tries: int
    since: datetime | None
    settled: str = ""
    process: str = ""
    element: str = ""

    @property
    def subject(self) -> str:
        """What stays the same when it is retried and fails again."""
        return f"{self.channel}:{self.external_id}"


@dataclass(frozen=True, slots=True)
class Stuck:
    """Something that ought to have gone on by itself, and has not."""

    kind: Literal["outbox", "element", "lead"]
    key: str
    business_id: str
    message: str
    since: datetime | None
    process: str = ""
    element: str = ""
    channel: str = ""
    process_instance_key: int = 0
    process_definition_key: int = 0

    @property
    def subject(self) -> str:
        """What it is, as the audit trail names it."""
        return f"{self.kind}:{self.key}"


Item = TypeVar("Item", Incident, DeadLetter, Stuck)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A choice among what is listed; what is not set chooses all."""

    keys: frozenset[str] = frozenset()
    element: str = ""
    """Element id, or a task's job type: ``lead_routing.suggest_owners`` fits every place where it is used."""
    process: str = ""
    channel: str = ""
    business_id: str = ""
    text: str = ""
    """Part of the error's message, in any case."""
    older: timedelta | None = None
    limit: int = field(default=1_000)

    @property
    def everything(self) -> bool:
        """Whether nothing is left out but by `limit`."""
        return self == Wanted(limit=self.limit)

    def fits(self, one: Incident | DeadLetter | Stuck, now: datetime) -> bool:
        """Whether it is chosen."""
        return all(
            (
                not self.keys or str(one.key) in self.keys,
                not self.element or _is_at(self.element, one.process, one.element),
                not self.process or self.process == one.process,
                not self.channel or self.channel == one.channel,
                not self.business_id or self.business_id == one.business_id,
                not self.text or self.text.casefold() in one.message.casefold(),
                self.older is None or (one.since is not None and one.since <= now - self.older),
            )
        )

    def of(self, items: Iterable[Item], now: datetime | None = None) -> list[Item]:
        """Those chosen, in the order given."""
        moment = now or datetime.now(UTC)
        return [one for one in items if self.fits(one, moment)][: self.limit]


@dataclass(frozen=True, slots=True)
class Done:
    """What became of an action on one target."""

    target: str
    business_id: str
    outcome: str
    """``done``, ``refused: why``, or ``failed: why``."""

    @property
    def ok(self) -> bool:
        """Whether it took effect."""
        return self.outcome == "done"


class NotAnAge(ValueError):
    """An age is a number and a unit: 90s, 10m, 2h or 3d."""


def age(text: str) -> timedelta:
    """Read ``90s``, ``10m``, ``2h`` or ``3d``.

    Raises:
        NotAnAge: it is something else.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd])", text.strip())
    if found is None:
        raise NotAnAge(NotAnAge.__doc__)
    unit = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}[found[2]]
    return timedelta(**{unit: float(found[1])})


def ok(done: Sequence[Done]) -> bool:
    """Whether every action took effect."""
    return all(one.ok for one in done)


def _is_at(wanted: str, process: str, element: str) -> bool:
    context, dot, function = wanted.rpartition(".")
    if dot and process and context != process:
        return False
    return element == function or element.startswith(f"{function}__")
