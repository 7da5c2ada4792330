"""How leads ended there. A webhook, a look, an import and the comparison all read records, and all come by here."""

from __future__ import annotations

from collections.abc import Mapping

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from workers.connectors.records import Record
from workers.connectors.sync import ledger
from workers.connectors.sync.ledger import Entry
from workers.connectors.sync.runs import Difference
from workers.connectors.sync.side import Ended, Outcome, Side


def words(side: Side, entries: Mapping[str, Entry], held: Mapping[str, Record]) -> dict[str, Outcome]:
    """What records say of leads of ours that they did not say before, by the leads' ids."""
    said = {lead_id: side.outcome(held[lead_id]) for lead_id in entries}
    return {
        lead_id: one for lead_id, one in said.items() if one is not None and one.converted != entries[lead_id].outcome
    }


async def note(
    connection: AsyncConnection[DictRow],
    side: Side,
    ended: Ended,
    new: Mapping[str, Outcome],
    held: Mapping[str, Record],
    *,
    write: bool = True,
) -> list[Difference]:
    """Have our book take what `words` gave, in the transaction in which the leads were locked; each that was new after all.

    `write` False: only say what it would take.
    """
    took = set(new)
    if write and new:
        took = await ledger.ended(
            connection, side.source, {lead_id: (held[lead_id].id, one.converted) for lead_id, one in new.items()}
        )
        for lead_id in sorted(took):
            await ended(connection, lead_id, new[lead_id])
    became = "noted" if write else "not noted"
    return [
        Difference(
            "ended there", one, held[one].id, (), f"{'it converted' if new[one].converted else 'it is lost'}; {became}"
        )
        for one in sorted(took)
    ]
