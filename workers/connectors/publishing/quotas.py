"""Quotas of people: what the record of each person and period of a forecast is to say."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, ClassVar, Literal

from workers.connectors.leads import System
from workers.connectors.mapping import Part
from workers.connectors.publishing.publisher import NotTaken, shown
from workers.connectors.publishing.records import Records, Values
from workers.office.outside_targets import QuotaOf, Wanted

Role = Literal["rep", "manager", "director", "finance", "ops"]
"""As people.csv has it."""


class QuotaMapping(Part):
    """What quotas need of a system."""

    period: Literal["month", "quarter"] = "month"
    """What the forecasts there are divided into."""
    roles: frozenset[Role] = frozenset({"rep", "manager", "director"})
    """Whose quotas are written: a rep's own, and that of the unit that somebody leads."""


@dataclass(frozen=True, slots=True)
class Period:
    """One of a forecast's, by its first and its last day."""

    first: date
    last: date


class QuotaRecords(Records):
    """Quotas, by the person's address and the first day of the period: ``ana@example.com 2027-01-01``."""

    amount: ClassVar[str]
    """The field of the amount; nothing in it: there is no such quota."""

    @abstractmethod
    async def terms(self, currency: str, first: date, last: date) -> tuple[Sequence[Period], Values]:
        """The periods there between two days, and what each record says beside its amount.

        Raises:
            NotTaken: quotas of this currency, or of these days, can't be written there.
            SystemDown, SystemPause, SystemRefused: see `connectors.answers`.
        """


class QuotaValues:
    """A person's months → what the records of that person are to say."""

    def __init__(
        self, system: System[Any, Any], records: QuotaRecords, mapping: QuotaMapping
    ) -> None:  # Any: whichever system
        self._system = system
        self._records = records
        self._mapping = mapping

    async def __call__(self, wanted: Wanted) -> Mapping[str, Values]:
        """See `publisher.Translate`.

        Raises:
            NotTaken: names who is nobody there, or which months are in no period.
        """
        people = await self._people(wanted)
        if not people:
            raise NotTaken("nobody of `quota.roles` in the mapping has a quota in it")
        months = {month for one in people.values() for month in one.months}
        currencies = {one.currency for one in people.values()}
        if not months or len(currencies) != 1:
            raise NotTaken(
                "it has no quotas by month: they were planned by an older version of Fairlead. Plan them anew"
            )
        periods, more = await self._records.terms(currencies.pop(), min(months), max(months))
        found: dict[str, Values] = {}
        for email, quota in people.items():
            for first, cents in by_period(quota.months, periods, self._mapping.period).items():
                found[f"{email} {first}"] = {self._records.amount: f"{cents // 100}.{cents % 100:02}", **more}
        return found

    async def _people(self, wanted: Wanted) -> dict[str, QuotaOf]:
        chosen, emails = dict[str, QuotaOf](), dict[str, str]()
        for who, quota in sorted(wanted.items()):
            assert isinstance(quota, QuotaOf)  # what quota approval and we agree on
            if quota.role in self._mapping.roles:
                chosen[who] = quota
                emails[who] = (quota.email or await self._system.book.email(who) or "").lower()
        known = await self._system.owners.of_emails(self._system.client, {one for one in emails.values() if one})
        nobody = [email or who for who, email in emails.items() if email not in known]
        if nobody:
            raise NotTaken(
                f"it does not know {shown(nobody)}: no active user of {self._records.title} has the e-mail address that "
                "people.csv says; mend that, or leave the role out of `quota.roles` in the mapping"
            )
        names = dict[str, str]()
        for who, email in emails.items():
            if (other := names.setdefault(email, who)) != who:
                raise NotTaken(f"{other} and {who} have the same e-mail address, {email}")
        return {email: chosen[who] for email, who in names.items()}


def with_places(amount: str | None) -> str | None:
    """An amount as we write it, with two places; one that has more stays as it is."""
    try:
        exact = Decimal(amount or "")
        rounded = exact.quantize(Decimal("0.01"))
    except InvalidOperation:
        return amount
    return f"{rounded:f}" if rounded == exact else f"{exact:f}"


def by_period(months: Mapping[date, int], periods: Collection[Period], kind: str) -> dict[date, int]:
    """Cents by the first day of each period.

    Raises:
        NotTaken: a month is in none, or a period has months that the quotas say nothing of.
    """
    found: dict[date, int] = {}
    counted = 0
    for period in periods:
        inside = [month for month in months if period.first <= month <= period.last]
        whole = (period.last.year - period.first.year) * 12 + period.last.month - period.first.month + 1
        if inside and (period.first.day != 1 or len(inside) != whole):
            raise NotTaken(
                f"the {kind} from {period.first} to {period.last} there is not made of whole months of these quotas, which go "
                f"from {min(months)} on"
            )
        if inside:
            found[period.first] = sum(months[month] for month in inside)
            counted += len(inside)
    if counted != len(months):
        raise NotTaken(f"it has no {kind}s, or some twice, for all months from {min(months)} to {max(months)}")
    return found
