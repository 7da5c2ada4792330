"""A record of Salesforce's, as it was at a moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

from workers.connectors.answers import Answer, SystemDown
from workers.connectors.records import Record

CHANGED = "LastModifiedDate"


@dataclass(frozen=True, slots=True)
class Read(Record):
    """A record as it was at a moment."""

    at: datetime | None
    """By Salesforce's own clock, in whole seconds; None: it did not say."""

    @property
    def changed(self) -> datetime | None:
        """When it was last changed, in whole seconds; None: that was not asked for."""
        return self.moment(CHANGED)

    @property
    def settled(self) -> bool | None:
        """Whether a change since it was read would have another stamp; None: that is not known."""
        if self.changed is None or self.at is None:
            return None
        return self.changed < self.at

    def moment(self, name: str) -> datetime | None:
        """A field of date and time, in whole seconds; None: it is none."""
        try:
            return datetime.strptime(self.get(name) or "", "%Y-%m-%dT%H:%M:%S.%f%z").replace(microsecond=0)
        except ValueError:
            return None


def record_of(body: object, answer: Answer) -> Read:
    """A record of an answer's body, as it was when Salesforce answered.

    Raises:
        SystemDown: it is no record.
    """
    values = body if isinstance(body, dict) else {}
    if not isinstance(values.get("Id"), str):
        raise SystemDown("Salesforce's answer is no record.")
    at = None
    told = answer.headers.get("date")
    if told:
        try:
            at = parsedate_to_datetime(told)
        except ValueError:
            at = None
    return Read(values["Id"], {name: _text(value) for name, value in values.items()}, at)


def _text(value: object) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int | float) else None
