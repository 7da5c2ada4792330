"""What happened in a case, as a CloudEvent: the same whether Kafka or a webhook brings it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from cloudevents.core.v1.event import CloudEvent
from pydantic import AwareDatetime, BaseModel, Field

OUR_SOURCE = "/fairlead"
"""``source`` of the events that we tell; with the region's name behind it where there are several installations."""
TYPE_PREFIX = "fairlead."
"""Before a timeline's action: ``fairlead.assigned``."""


class Happened(BaseModel):
    """The data of an event that we tell: an entry of a case's timeline. Further fields may come."""

    case: str = Field(description="Business id of the case, for instance a lead's.")
    action: str = Field(description="What happened; with the prefix it is the event's type.")
    at: AwareDatetime = Field(description="When, by the database's clock.")
    actor: str = Field(description="`system`, a task, another system's name, or a person's log-in.")
    why: str = Field(description="For people; may be empty.")
    facts: dict[str, Any] = Field(description="What depends on the action.")  # Any: JSON


def event_id(external_id: str, region: str | None) -> str:
    """The id of an event, also as a webhook's: each region counts its events for itself, and a receiver may hear several."""
    return external_id if region is None else f"{region}:{external_id}"


def case_event(external_id: str, case: str, payload: Mapping[str, Any], region: str | None) -> CloudEvent:
    """The event that tells what happened in a case.

    `payload` is what the database's trigger wrote: ``action``, ``at``, ``actor``, ``why``, ``facts``. The same
    `external_id` gives the same `event_id`. `region`: `settings.Regions.here`.

    Raises:
        KeyError, TypeError, ValueError: the payload is none of those.
    """
    attributes: dict[str, Any] = {
        "specversion": "1.0",
        "id": event_id(external_id, region),
        "source": OUR_SOURCE if region is None else f"{OUR_SOURCE}/{region}",
        "type": TYPE_PREFIX + payload["action"],
        "subject": case,
        "time": datetime.fromisoformat(payload["at"]),
        "datacontenttype": "application/json",
        "partitionkey": case,
    }
    data = {"case": case, **{name: payload[name] for name in Happened.model_fields if name != "case"}}
    return CloudEvent(attributes, data)
