"""Salesforce's leads as `sync` keeps them equal with ours: few by REST, very many by Bulk API 2.0, by the same rules."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from workers.connectors.answers import Json, SystemDown
from workers.connectors.people import NoOwner
from workers.connectors.records import Record
from workers.connectors.salesforce import answers, conditional, soql
from workers.connectors.salesforce.answers import Fault
from workers.connectors.salesforce.bulk import Bulk, JobGone
from workers.connectors.salesforce.crm import Salesforce
from workers.connectors.salesforce.read import CHANGED, Read
from workers.connectors.salesforce.tables import EMPTIES
from workers.connectors.sync.patience import patiently
from workers.connectors.sync.side import Outcome, Page, Side

SOURCE = "salesforce"
"""Of leads that were made there."""

PAGE = 200
"""Records; as many are written at once."""
JOB_PAGE = 5_000
"""Records of a job's results that are taken at once: so many are in memory, and done again if we are killed."""
JOB_SECONDS = 60.0
"""So long a job is waited for before its name is kept once more."""

LOCK_TRIES = 4
LOCK_SECONDS = 0.25
"""A locked row is tried again after 0 to 0.5, 1 and 2 s (full jitter)."""

_JOB = "job:"
"""Before the id of a job and the locator of its results, where a page goes on."""
_TAKEN = "(taken)"
"""Instead of a locator: all results were taken, and the job may go."""

CREATED, CONVERTED, DELETED, MASTER = "CreatedDate", "IsConverted", "IsDeleted", "MasterRecordId"
STATUS = "Status"
"""Salesforce's own; ours is another field."""


@dataclass(frozen=True, slots=True)
class Jobs:
    """How very many records are read and written."""

    bulk: Bulk
    records: int
    """From so many on."""


class SalesforceSide(Side):
    """See `Side`."""

    title = "Salesforce"
    source = SOURCE

    def __init__(self, salesforce: Salesforce, jobs: Jobs | None = None) -> None:
        """`jobs` None: everything by REST, for who has no minutes to wait."""
        super().__init__(salesforce)
        self._client = salesforce.client
        self._jobs = jobs
        if jobs is not None:
            self.batch = JOB_PAGE
        self._keeps = salesforce.mapping.keeps
        self._fields = salesforce.mapping.of_lead() | {CREATED, CHANGED, CONVERTED, STATUS}

    async def page(self, after: str | None) -> Page:
        """See `Side.page`. By ids, as a query's own cursor does not outlive us; a job's does, for seven days."""
        if self._jobs is not None:
            if after is not None and after.startswith(_JOB):
                return await self._job_page(self._jobs.bulk, *after.removeprefix(_JOB).split(":", 1))
            if after is None and await self._client.about("Lead") >= self._jobs.records:
                return Page([], await self._new_job(self._jobs.bulk))
        elif after is not None and after.startswith(_JOB):  # the setting was changed since
            after = None
        where = f"Id > {soql.text(after)}" if after else "Id != null"
        found = await self._client.query(soql.select(self._fields, "Lead", where, order="Id", most=PAGE))
        return Page(found, found[-1].id if len(found) == PAGE else None)

    async def read(self, record_ids: Collection[str]) -> Mapping[str, Record]:
        """See `Side.read`."""
        found: dict[str, Record] = {
            one.id: one for one in await self._by_ids(record_ids) if one.get(DELETED) == "false"
        }
        merged = {
            one.id: one.get(MASTER) or ""
            for one in await self._by_ids(set(record_ids) - found.keys())
            if one.get(MASTER) is not None
        }
        # A master may have been merged itself since.
        winners = await self.read(set(merged.values())) if merged else {}
        return found | {one: winners[master] for one, master in merged.items() if master in winners}

    async def deleted(self, record_ids: Collection[str]) -> set[str]:
        """See `Side.deleted`."""
        return {one.id for one in await self._by_ids(record_ids) if one.get(DELETED) == "true"}

    async def write(
        self, values: Mapping[str, Mapping[str, str]], read: Mapping[str, Record] | None = None
    ) -> Mapping[str, Fault]:
        """See `Side.write`. What a job could not write, or did not come to, is written by itself. A job has no conditions:
        what people change while it runs, in the very fields that we write, is overwritten.
        """
        outcomes: dict[str, str | Fault] = {}
        jobs = self._jobs
        if jobs is not None and len(values) >= jobs.records:
            # A table has no way to say that a text is just this.
            fit = {one: given for one, given in values.items() if EMPTIES not in given.values()}
            outcomes = await jobs.bulk.write("Lead", fit) if fit else {}
        rest = {
            one: given
            for one, given in values.items()
            if (found := outcomes.get(one)) is None or (isinstance(found, Fault) and found.of_the_job)
        }
        outcomes |= await self._few(rest, read or {})
        if untold := values.keys() - outcomes.keys():
            raise SystemDown(
                f"Salesforce's answer does not say what became of {len(untold)} leads; they are sent again."
            )
        return {one: fault for one, fault in outcomes.items() if isinstance(fault, Fault)}

    async def add(self, changes: Sequence[Json], run: int) -> Mapping[str, Record]:
        """See `Side.add`. A lead whose address a record there has is not made: it may have to take that one over."""
        if self._jobs is None or len(changes) < self._jobs.records:
            return {}
        taken = await self._addresses({str(change["fields"].get("email") or "") for change in changes} - {""})
        made: dict[str, dict[str, str]] = {}
        for change in changes:
            lead_id, email = str(change["lead_id"]), str(change["fields"].get("email") or "").lower()
            try:
                values = await self.system.properties(None, change, f"reconcile:{run}:{lead_id}")
            except NoOwner:  # who sends it alone says so
                continue
            if account := str(change.get("account_id") or ""):
                values[self._keeps.account] = account
            if email not in taken and EMPTIES not in values.values():
                made[lead_id] = values
        outcomes = await self._jobs.bulk.write("Lead", made, key=self._keeps.lead_id) if made else {}
        return {one: Record(there, made[one]) for one, there in outcomes.items() if isinstance(there, str)}

    async def _addresses(self, emails: Collection[str]) -> set[str]:
        """Which of these addresses leads there have, in small letters."""
        found, ordered = set[str](), sorted(emails)
        for start in range(0, len(ordered), PAGE):
            among = ", ".join(soql.text(one) for one in ordered[start : start + PAGE])
            query = soql.select({"Id", "Email"}, "Lead", f"Email IN ({among})")
            found |= {(one.get("Email") or "").lower() for one in await patiently(partial(self._client.query, query))}
        return found

    def created(self, record: Record) -> datetime | None:
        """See `Side.created`."""
        return record.moment(CREATED) if isinstance(record, Read) else None

    def changed(self, record: Record) -> datetime | None:
        """See `Side.changed`. In whole seconds; of the lead, not of a field."""
        return record.moment(CHANGED) if isinstance(record, Read) else None

    def ended(self, record: Record) -> bool:
        """See `Side.ended`: a converted lead is an opportunity from then on, and can't be written."""
        return record.get(CONVERTED) == "true"

    def outcome(self, record: Record) -> Outcome | None:
        """See `Side.outcome`: a converted lead, or one whose Status says that nothing came of it."""
        converted = self.ended(record)
        if not converted and record.get(STATUS) not in self.system.mapping.not_converted:
            return None
        return Outcome(converted, self.changed(record))

    async def _few(self, values: Mapping[str, Mapping[str, str]], read: Mapping[str, Record]) -> dict[str, str | Fault]:
        """Write by single requests; locked rows once more, a little later and without the others."""
        outcomes: dict[str, str | Fault] = {}
        for tried in range(LOCK_TRIES):
            if tried:
                await asyncio.sleep(random.uniform(0, LOCK_SECONDS * 2**tried))  # noqa: S311 - not all at once
            outcomes |= await self._unless_changed(values, read)
            values = {
                one: given
                for one, given in values.items()
                if isinstance(found := outcomes.get(one), Fault) and found.locked
            }
            if not values:
                break
        return outcomes

    async def _unless_changed(
        self, values: Mapping[str, Mapping[str, str]], read: Mapping[str, Record]
    ) -> dict[str, str | Fault]:
        """Write those that were read on the condition that they are as they were, the others by collections."""
        as_read = {one: record for one in values if isinstance(record := read.get(one), Read)}
        since = {one: record.changed for one, record in as_read.items() if record.changed is not None}
        # Of this very second a later change would look the same.
        early = {one for one in since if as_read[one].settled is False}
        outcomes: dict[str, str | Fault] = dict.fromkeys(early, answers.changed())
        fitting = {one: values[one] for one in since if one not in early}
        outcomes |= await conditional.write(self._client, "Lead", fitting, since)
        return outcomes | await self._client.update_all(
            "Lead", {one: values[one] for one in values.keys() - since.keys()}
        )

    async def _new_job(self, bulk: Bulk) -> str:
        job = await bulk.query(soql.select(self._fields, "Lead", "Id != null"))
        return f"{_JOB}{job}:"

    async def _job_page(self, bulk: Bulk, job: str, locator: str) -> Page:
        """A page of a job's results; without records while there are none yet, so that it is kept where it is."""
        at = f"{_JOB}{job}:"
        if locator == _TAKEN:  # not before the last page was kept
            await bulk.forget("query", job)
            return Page([], None)
        try:
            if not locator and not await bulk.answered(job, within=JOB_SECONDS):
                return Page([], at)
            found, following = await bulk.results(job, locator, JOB_PAGE, self._fields)
        except JobGone:
            return Page([], await self._new_job(bulk))
        return Page(found, at + (following or _TAKEN), snapshot=True)

    async def _by_ids(self, record_ids: Collection[str]) -> list[Read]:
        found: list[Read] = []
        ordered = sorted(record_ids)
        for start in range(0, len(ordered), PAGE):
            among = ", ".join(soql.text(one) for one in ordered[start : start + PAGE])
            query = soql.select(self._fields | {DELETED, MASTER}, "Lead", f"Id IN ({among})", order="Id")
            found += await self._client.query(query, deleted=True)
        return found
