"""What several tasks do alike. Tasks don't import each other; they import this."""

from __future__ import annotations

from datetime import datetime

from workers.forecast_review.domain.deadlines import Deadlines, Sla
from workers.forecast_review.ports import ForecastReviewPorts


async def deadlines(
    ports: ForecastReviewPorts, organisation: str, sla: Sla, *, not_after: datetime | None = None
) -> Deadlines:
    """Deadlines from now on in the organisation's working time, none of them later than `not_after`."""
    due = await ports.book.deadlines(
        organisation, {"remind_at": sla.remind, "due_at": sla.due, "escalate_at": sla.escalate}, ports.clock()
    )
    return Deadlines(**{name: min(at, not_after) if not_after else at for name, at in due.items()})
