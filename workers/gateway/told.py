"""What other systems tell of leads, by whichever door it comes in: signed webhooks, or Kafka.

Each event has its effect once, in one transaction with the note that it was seen. An event of a kind that is not known
here is noted and left alone, so that a sender may tell more than we want to hear.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from psycopg import AsyncConnection
from psycopg.rows import DictRow
from pydantic import BaseModel, Field

from workers.gateway import commands, events, intake
from workers.gateway.contracts import Identity, LeadIn, Outcome, Withdrawal
from workers.settings import Regions

LEAD_CREATED = "lead.created"
LEAD_WITHDRAWN = "lead.withdrawn"
LEAD_OUTCOME = "lead.outcome"

Became = Literal["started", "duplicate", "ignored", "noted"]
"""What became of an event: a lead is taken; it, or its lead, came before; it is of no concern; a lead was told of it."""


class LeadWithdrawn(Withdrawal):
    """The data of `LEAD_WITHDRAWN`: a lead of the same source is not to be worked on any more."""

    external_id: Identity = Field(description="The sender's id of the lead.")


class LeadOutcome(Outcome):
    """The data of `LEAD_OUTCOME`: what became of a lead of the same source."""

    external_id: Identity = Field(description="The sender's id of the lead.")


TYPES: Mapping[str, type[BaseModel]] = {
    LEAD_CREATED: LeadIn,
    LEAD_WITHDRAWN: LeadWithdrawn,
    LEAD_OUTCOME: LeadOutcome,
}
"""The contract of each type of event: a model of its data."""


@dataclass(frozen=True, slots=True)
class Told:
    """An event."""

    source: str
    """Of the lead: whose ids its data speak of."""
    sender: str
    """Within which event ids are unique."""
    event_id: str
    type: str
    data: Mapping[str, Any]  # Any: JSON


class TooEarly(LookupError):
    """The event is about a lead that has not come in yet; nothing was noted, so it can be told again."""

    def __init__(self, external_id: str) -> None:
        super().__init__("The lead that this is about is not known yet. Tell it again later.")
        self.external_id = external_id


def check_region(told: Told, regions: Regions) -> None:
    """Raises `intake.OfAnotherRegion` if the event tells of a new lead that is not for this installation."""
    if told.type == LEAD_CREATED:
        intake.check_region(told.data, regions)


async def take(connection: AsyncConnection[DictRow], told: Told, *, ttl_seconds: int) -> Became:
    """Let an event have its effect, in the caller's transaction.

    Raises:
        pydantic.ValidationError: the data are not those of its type.
        TooEarly: it is about a lead that is not known.
    """
    model = TYPES.get(told.type)
    data = told.data
    if told.type == LEAD_CREATED:
        # Without an id of its own the lead has the event's; its source is what the door says, whatever it says itself.
        data = {"external_id": told.event_id, **data, "source": told.source}
    given = None if model is None else model.model_validate(data)
    if not await events.first_seen(connection, told.sender, [told.event_id]):
        return "duplicate"
    match given:
        case LeadIn():
            [taken] = await intake.take(connection, [intake.Incoming(given, data)], ttl_seconds=ttl_seconds)
            return "duplicate" if taken.duplicate else "started"
        case LeadWithdrawn():
            lead_id = await _lead(connection, told.source, given.external_id)
            try:
                asked = await commands.withdraw(
                    connection, lead_id, given.why, actor=told.source, ttl_seconds=ttl_seconds
                )
            except commands.LeadFinished:
                return "ignored"
            return "noted" if asked else "duplicate"
        case LeadOutcome():
            lead_id = await _lead(connection, told.source, given.external_id)
            await commands.record_outcome(connection, lead_id, given.converted, at=given.at, actor=told.source)
            return "noted"
    return "ignored"


async def _lead(connection: AsyncConnection[DictRow], source: str, external_id: str) -> str:
    found = await connection.execute(
        "SELECT lead_id FROM routing.leads WHERE source = %s AND external_id = %s", (source, external_id)
    )
    row = await found.fetchone()
    if row is None:
        raise TooEarly(external_id)
    return str(row["lead_id"])
