"""The CRM's activities: another system, told through the outbox."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Protocol

CHANNEL = "crm.activity"
"""The outbox channel of activities. The payload is the activity as it is from now on."""

ActivityState = Literal["planned", "done", "dropped", "missed", "removed"]


class CrmActivities(Protocol):
    """Planned contacts at the lead or opportunity."""

    async def put(
        self,
        follow_up_id: str,
        state: ActivityState,
        *,
        subject_kind: str,
        subject_id: str,
        rep_id: str,
        channel: str,
        due_at: datetime,
        result: str = "",
    ) -> None:
        """Write the activity of a follow-up, in the job's transaction; what the CRM has of it is replaced."""
        ...

    async def remove(self, follow_up_id: str) -> None:
        """Take the activity out again, behind what is on its way there; one that is done stays."""
        ...
