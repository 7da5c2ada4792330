"""Sales: collecting them from where they are kept, checking and repairing them."""

from __future__ import annotations

from datetime import date
from typing import ClassVar, Protocol

from workers.forecast_review.domain.history import Findings, History
from workers.forecast_review.domain.organisation import Organisation
from workers.runtime.errors import BusinessError


class HistoryUnavailable(BusinessError):
    """Sales could not be collected; a person decides. Brings ``history_why``."""

    code: ClassVar[str] = "history_unavailable"


class NoUsableHistory(BusinessError):
    """Nothing of what was collected can be forecast; a person decides. Brings ``history_why``."""

    code: ClassVar[str] = "no_usable_history"


class HistoryDesk(Protocol):
    """Collections are immutable; all of it happens in the job's transaction, long work in a thread beside the loop."""

    async def collect(self, forecast_id: str, collection: int, organisation: Organisation, *, today: date) -> History:
        """Collect the organisation's sales and keep them; months that are not over on `today` are left out.

        Raises:
            HistoryUnavailable: the source does not answer.
            NoUsableHistory: there are no sales, or none that can be forecast.
        """
        ...

    async def check(self, history_id: str) -> Findings:
        """Check a collection by the declared rules and keep each finding."""
        ...

    async def repair(self, history_id: str, decided_by: str) -> int:
        """Record the repair of each finding that has one, and who decided it; how many there are."""
        ...
