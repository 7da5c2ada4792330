"""HubSpot's quotas: targets of a goal, one for each owner and period, whose amounts are written.

https://developers.hubspot.com/docs/api-reference/latest/crm/objects/goals/guide. A goal is more than its targets, as what
it measures, and loses by each that is deleted. So people make the goal with all of them, and we write amounts.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta

from workers.connectors.answers import Json
from workers.connectors.hubspot.crm import HubSpot
from workers.connectors.hubspot.mapping import Quotas
from workers.connectors.hubspot.publishing import HubSpotRecords
from workers.connectors.publishing.publisher import NotTaken, shown
from workers.connectors.publishing.quotas import Period, QuotaRecords, with_places
from workers.connectors.publishing.records import Found, Values
from workers.connectors.records import Record

AMOUNT, GOAL, OWNER, START, MILESTONE = (
    "hs_target_amount", "hs_goal_name", "hubspot_owner_id", "hs_start_datetime", "hs_milestone",
)  # fmt: skip
MILESTONES = {"month": "monthly", "quarter": "quarterly"}
MONTHS = {"month": 1, "quarter": 3}


class HubSpotQuotas(HubSpotRecords, QuotaRecords):
    """Targets of the goal that the mapping names."""

    amount = AMOUNT

    def __init__(self, hubspot: HubSpot) -> None:
        super().__init__(hubspot, "goal_targets", [AMOUNT])
        self._owners = hubspot.owners
        self._mapping: Quotas = hubspot.mapping.quota

    async def terms(self, currency: str, first: date, last: date) -> tuple[Sequence[Period], Values]:
        """See `QuotaRecords.terms`. Periods are those of the calendar."""
        account = await self._client.ask("GET", "/account-info/v3/details", "read the account") or {}
        if account.get("companyCurrency") != currency:
            raise NotTaken(f"the quotas are in {currency}, and its goals are in {account.get('companyCurrency')}")
        return list(periods(self._mapping.period, first, last)), {}

    async def find(self, names: Collection[str]) -> Mapping[str, Found]:
        """See `Records.find`.

        Raises:
            NotTaken: the goal has no target of somebody for a period, or two; the message says what to do.
        """
        parts = {name: name.rpartition(" ") for name in names}
        owners = await self._owners.of_emails(self._client, {email for email, _, _ in parts.values()})
        keys = {(owners.get(email, ""), day): name for name, (email, _, day) in parts.items()}
        targets = await self._client.search_all("goal_targets", self._filters(keys), [OWNER, START, GOAL])
        ids: dict[str, str] = {}
        for one in targets:
            day = (one.get(START) or "")[:10]
            meant = keys.get((one.get(OWNER) or "", day))
            if meant is None or one.get(GOAL) != self._mapping.named(day[:4]):
                continue
            if meant in ids:
                raise NotTaken(
                    f"two goals there are called {one.get(GOAL)} and have a target of {meant}: rename one of them"
                )
            ids[meant] = one.id
        if missing := sorted(set(names) - ids.keys()):
            goal, kind = self._mapping.named(missing[0].rpartition(" ")[2][:4]), MILESTONES[self._mapping.period]
            raise NotTaken(
                f"its goal {goal} has no {kind} target of {shown(missing)}: make the goal there with all of them (Reporting → "
                "Goals), or correct `quota` in the mapping"
            )
        # A search may be some seconds behind; what is read by ids is not.
        found = await self.read(ids.values())
        return {name: found[one] for name, one in ids.items() if one in found}

    def _filters(self, keys: Collection[tuple[str, str]]) -> list[Json]:
        owners, days = ({key[part] for key in keys} for part in (0, 1))
        first, last = (_milliseconds(day) for day in (min(days), max(days)))
        return [
            {"propertyName": OWNER, "operator": "IN", "values": sorted(owners)},
            {"propertyName": MILESTONE, "operator": "EQ", "value": MILESTONES[self._mapping.period]},
            {"propertyName": START, "operator": "GTE", "value": first},
            {"propertyName": START, "operator": "LTE", "value": last},
        ]

    def _found(self, record: Record) -> Found:
        return Found(record.id, {AMOUNT: with_places(record.get(AMOUNT))})


def periods(kind: str, first: date, last: date) -> Sequence[Period]:
    """The months or quarters of the calendar that have a day between two, in their order."""
    size, found = MONTHS[kind], list[Period]()
    begins = first.replace(month=(first.month - 1) // size * size + 1, day=1)
    while begins <= last:
        following = (begins + timedelta(days=31 * size)).replace(day=1)
        found.append(Period(begins, following - timedelta(days=1)))
        begins = following
    return found


def _milliseconds(day: str) -> str:
    return str(int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() * 1_000))
