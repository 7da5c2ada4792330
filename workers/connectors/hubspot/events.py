"""What HubSpot's webhooks say: which record changed, and how; never the record itself.

https://developers.hubspot.com/docs/api/webhooks
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

CHANNEL = "hubspot.contact"
"""The outbox channel of contacts that are to be read from HubSpot: new ones become leads, of known ones the changes are
followed. The payload: ``contact_id``, and ``changed`` if it is not new.
"""

MOST = 100
"""Events in one request."""

_CONTACT = "0-1"
_CHANGES = {"propertyChange", "deletion", "privacyDeletion", "merge", "restore"}
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
    merged: Annotated[list[_Id], Field(alias="mergedObjectIds", max_length=1_000)] = Field(default_factory=list)
    merged_into: _Id | None = Field(default=None, alias="primaryObjectId")
    object_type: Annotated[str | None, Field(alias="objectTypeId", strict=True, max_length=100)] = None

    @property
    def identity(self) -> str:
        """The same for each attempt. HubSpot says of ``eventId`` that it "is not guaranteed to be unique"."""
        parts = (self.portal_id, self.subscription_id, self.event_id, self.object_id, self.occurred_at)
        return ":".join(map(str, parts))

    @property
    def new_contact(self) -> str | None:
        """The id of the contact that was created, if one was."""
        return str(self.object_id) if self._kind == "creation" and self.object_id is not None else None

    @property
    def changed_contacts(self) -> set[str]:
        """The ids of contacts that were changed, deleted or merged."""
        if self._kind not in _CHANGES:
            return set()
        return {str(one) for one in (self.object_id, self.merged_into, *self.merged) if one is not None}

    @property
    def _kind(self) -> str:
        """What happened, if it happened to a contact."""
        what, _, kind = self.subscription_type.partition(".")
        return kind if what == "contact" or (what == "object" and self.object_type == _CONTACT) else ""
