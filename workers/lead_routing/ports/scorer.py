"""The scorer: how likely a lead is to convert, and why."""

from __future__ import annotations

from typing import ClassVar, Protocol

from workers.lead_routing.domain.lead import Lead
from workers.lead_routing.domain.matching import Enrichment
from workers.lead_routing.domain.score import Score
from workers.runtime.errors import BusinessError


class ScorerUnavailable(BusinessError):
    """There is no model that can score the lead; the table decides."""

    code: ClassVar[str] = "scorer_unavailable"


class Scorer(Protocol):
    """Scores leads with the active model."""

    async def score(self, lead: Lead, enrichment: Enrichment | None) -> Score:
        """Score one lead.

        Raises:
            ScorerUnavailable: nothing was trained yet, the stored model is broken, or the lead lacks what it needs.
        """
        ...
