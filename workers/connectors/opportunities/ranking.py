"""A ranking as the fields of opportunities that it fills, and contacts that were made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from workers.connectors.leads import System
from workers.connectors.opportunities.mapping import LONGEST, OpportunityMapping
from workers.connectors.publishing.ledger import Ledger
from workers.connectors.publishing.publisher import Publisher
from workers.connectors.publishing.records import Records, Values
from workers.office.outside_targets import Wanted
from workers.runtime.database import Pool
from workers.runtime.errors import PermanentError


class RankingPublisher(Publisher):
    """`RankingTarget` on the fields that the mapping names."""

    def __init__(
        self,
        system: System[Any, Any],  # Any: whichever system it is
        records: Records,
        ledger: Ledger,
        pool: Pool,
        mapping: OpportunityMapping,
        *,
        place: str,
    ) -> None:
        async def translate(wanted: Wanted) -> Mapping[str, Values]:
            return fields_of(mapping, wanted)

        super().__init__(system, records, ledger, pool, translate, place=place, strict=False)
        self._contacted_at = mapping.write.get("contacted_at")

    async def contacted(self, opportunity_ids: Sequence[str], at: datetime) -> None:
        """See `RankingTarget.contacted`; done only if the mapping says where."""
        if self._contacted_at is None:
            return
        said = {self._contacted_at: at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
        async with self._system.asked():
            for start in range(0, len(opportunity_ids), self._records.batch):
                part = opportunity_ids[start : start + self._records.batch]
                wrong = await self._records.write(dict.fromkeys(part, (said, "")))
                again = [error for error in wrong.values() if not isinstance(error, PermanentError)]
                if error := next(iter([*again, *wrong.values()]), None):
                    raise error


def fields_of(mapping: OpportunityMapping, wanted: Wanted) -> Mapping[str, Values]:
    """What each opportunity is to say; a field that the ranking has nothing for is emptied."""
    found: dict[str, Values] = {}
    for opportunity_id, ranked in wanted.items():
        given: Mapping[str, Any] = ranked if isinstance(ranked, Mapping) else {}
        found[opportunity_id] = {field: _text(given.get(name)) for name, field in mapping.ranking.items()}
    return found


def _text(value: object) -> str | None:
    """As a system takes it; a text is cut where its field ends."""
    if value is None or value == "":
        return None
    text = f"{value:.2f}" if isinstance(value, float) else str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
