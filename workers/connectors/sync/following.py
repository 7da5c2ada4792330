"""Records that are said to have changed: read, and followed; deletions and merges too."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import partial

from workers.connectors.records import Record
from workers.connectors.sync import ledger
from workers.connectors.sync.keeping import Keeper, Kept
from workers.connectors.sync.runs import Difference
from workers.runtime.errors import PermanentError, TransientError
from workers.runtime.outbox import OutboxRow


class Follower:
    """Of one account."""

    def __init__(self, keeper: Keeper) -> None:
        self.keeper = keeper
        self._side, self._pool = keeper.side, keeper.pool

    async def follow(self, record_ids: Collection[str]) -> Kept:
        """Look at records by the ids under which we know them; of others nothing is done.

        Raises:
            SystemPause, SystemDown, SystemRefused: the CRM can't be asked; a repeat goes on from there.
        """
        async with self._pool.connection() as connection:
            known = await ledger.of_records(connection, self._side.source, record_ids)
        if not known:
            return Kept()
        read_at = await ledger.now(self._pool)
        found = await self.keeper.ask(partial(self._side.read, list(known)))
        missing = known.keys() - found.keys()
        deleted = await self.keeper.ask(partial(self._side.deleted, missing)) if missing else set()
        kept = Kept()
        for record_id in sorted(deleted):
            for lead_id in known[record_id]:
                kept.differences.append(await self._withdrawn(lead_id, record_id, f"deleted in {self._side.title}"))
        ours = self._side.system.mapping.kept.lead_id
        left = {record.id: record for record in found.values()}
        for record_id, record in found.items():
            if record.id != record_id:
                for lead_id in known[record_id]:
                    kept.differences.append(await self._merged(lead_id, record_id, record))
                    if record.get(ours) is None:  # it was read before it got the id
                        left[record.id] = replace(record, properties={**record.properties, ours: lead_id})
        kept.add(await self.keeper.keep(left.values(), read_at))
        return kept

    async def __call__(self, row: OutboxRow) -> None:
        """Deliver a row of channel ``crm.conflict``: a person said that what the CRM says is taken.

        Raises:
            PermanentError: the payload is not ours, or the record is gone.
            TransientError: changes of ours are on their way there.
        """
        record_id, fields = row.payload.get("record_id"), row.payload.get("fields")
        if not isinstance(record_id, str) or not isinstance(fields, list):
            raise PermanentError("This row names no record and fields; drop it, or correct its payload.")
        read_at = await ledger.now(self._pool)
        async with self._side.system.asked():
            found = await self._side.read([record_id])
            if record_id not in found:
                raise PermanentError(f"The record is not in {self._side.title} any more; skip this.")
            kept = await self.keeper.keep(found.values(), read_at, only=frozenset(map(str, fields)))
        if kept.unsettled:
            raise TransientError("The record is being changed, by us or by people; it is looked at again.")

    async def _merged(self, lead_id: str, record_id: str, winner: Record) -> Difference:
        """The lead's record was merged into another one, which is its record now, unless that is another lead's."""
        mapping = self._side.system.mapping
        holder = winner.get(mapping.kept.lead_id)
        if holder not in {None, lead_id}:
            why = f"merged in {self._side.title} with the record of {holder}"
            return await self._withdrawn(lead_id, record_id, why)
        if holder is None:
            faults = await self.keeper.ask(partial(self._side.write, {winner.id: {mapping.kept.lead_id: lead_id}}))
            if winner.id in faults:
                raise faults[winner.id].raised("write the lead's id")
        async with self._pool.connection() as connection:
            await ledger.moved(connection, lead_id, winner.id)
            why = "Its record was merged into another one, which it goes on with."
            await self.keeper.following.note(connection, lead_id, "redirected", why, record=winner.id)
        return Difference("gone there", lead_id, record_id, (), f"merged into {winner.id}, which it goes on with")

    async def _withdrawn(self, lead_id: str, record_id: str, why: str) -> Difference:
        async with self._pool.connection() as connection:
            asked = await self.keeper.following.withdraw(connection, lead_id, why)
            await ledger.gone(connection, lead_id)
            if not asked:
                await self.keeper.following.note(connection, lead_id, "gone_there", f"Its record was {why}.")
        return Difference("gone there", lead_id, record_id, (), f"{why}; " + ("withdrawn" if asked else "noted"))
