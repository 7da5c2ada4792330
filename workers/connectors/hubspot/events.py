"""What HubSpot's webhooks say: which record changed, and how; never the record itself.

https://developers.hubspot.com/docs/api/webhooks
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

CHANNEL = "hubspot.contact"
"""The outbox channel of contacts that are to be read from HubSpot and taken as leads. The payload: ``contact_id``."""

MOST = 100
"""Events in one request."""

_CONTACT = "0-1"
_Id = Annotated[int, Field(strict=True, ge=0, lt=2**63)]


class HubSpotEvent(BaseModel):
    """One event. Of what else it says nothing is used, as HubSpot adds to it over time."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    event_id: _Id = Field(alias="eventId")
    subscription_id: _Id = Field(alias="subscriptionId")
    portal_id: _Id = Field(alias="portalId")
    occurred_at: _Id = Field(alias="occurredAt")
    subscription_type: Annotated[str, Field(alias="subscriptionType", strict=True, max_length=100)]
    object_id: _Id | None = Field(default=None, alias="objectId")
    object_type: Annotated[str | None, Field(alias="objectTypeId", strict=True, max_length=100)] = None

    @property
    def identity(self) -> str:
        """The same for each attempt. HubSpot says of ``eventId`` that it "is not guaranteed to be unique"."""
        parts = (self.portal_id, self.subscription_id, self.event_id, self.object_id, self.occurred_at)
        return ":".join(map(str, parts))

    @property
    def new_contact(self) -> str | None:
        """The id of the contact that was created, if one was."""
        kind = self.subscription_type
        created = kind == "contact.creation" or (kind == "object.creation" and self.object_type == _CONTACT)
        return str(self.object_id) if created and self.object_id is not None else None
