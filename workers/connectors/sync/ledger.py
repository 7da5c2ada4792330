"""What both sides agreed on last, for each lead (`sync.records`), and our own side of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from workers.connectors.mapping import LeadMapping
from workers.connectors.records import Record
from workers.connectors.sync import judging
from workers.lead_routing.domain.lead import Lead
from workers.lead_routing.ports.crm import CHANNEL
from workers.runtime.database import Pool

Owner = tuple[str | None] | None

TELLING = timedelta(minutes=1)
"""A lead's process books its owner by one task, and tells the CRM by the next: more than lies between them."""

ENDED = frozenset({"merged", "discarded", "withdrawn"})
"""States of a lead that follows nothing any more."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A lead of ours, locked, and what is known of its record there."""

    lead_id: str
    lead: Lead | None
    """None: not registered yet."""
    state: str
    outcome_known: bool
    owner_id: str | None
    just_assigned: bool
    """Whether the lead got its owner within `TELLING`."""
    changed_at: datetime
    """When the lead's fields changed last here."""
    under_way: bool
    """Whether changes of ours are still on their way there."""
    overtaken: bool
    """Whether something was agreed on when the record may have been read already."""
    record_id: str | None
    """None: nothing was agreed on yet."""
    base: Mapping[str, str | None]
    owner_known: bool
    owner_there: str | None
    """With `owner_known`: whose it was there when that was seen or written last."""
    digest: str | None
    outcome: bool | None
    """What was said there last of how the lead ended; None: nothing was."""
    gone: bool

    @property
    def open(self) -> bool:
        """Whether it still follows what happens there."""
        return self.state not in ENDED and not self.outcome_known


_READ = """
    SELECT l.lead_id, l.lead, l.state, l.converted IS NOT NULL AS outcome_known, l.owner_id,
        coalesce(l.assigned_at > clock_timestamp() - %(telling)s, false) AS just_assigned,
        coalesce(l.lead_changed_at, l.received_at) AS changed_at,
        EXISTS (SELECT FROM runtime.outbox o WHERE o.channel = %(channel)s AND o.business_id = l.lead_id) AS under_way,
        coalesce(s.agreed_at > %(read_at)s, false) AS overtaken,
        s.record_id, coalesce(s.base, '{}') AS base, coalesce(s.owner_known, false) AS owner_known,
        s.owner_id AS owner_there, s.digest, s.outcome, s.gone_at IS NOT NULL AS gone
    FROM routing.leads l LEFT JOIN sync.records s ON s.lead_id = l.lead_id
    WHERE l.lead_id = ANY(%(lead_ids)s) ORDER BY l.lead_id FOR NO KEY UPDATE OF l
"""

_NOTE = """
    INSERT INTO sync.records AS s (lead_id, system, record_id, base, owner_known, owner_id, digest)
    SELECT * FROM unnest(%s::text[], %s::text[], %s::text[], %s::jsonb[], %s::bool[], %s::text[], %s::text[])
    ON CONFLICT (lead_id) DO UPDATE SET
        system = excluded.system, record_id = excluded.record_id, base = s.base || excluded.base,
        owner_known = s.owner_known OR excluded.owner_known, digest = excluded.digest, agreed_at = now(), gone_at = NULL,
        owner_id = CASE WHEN excluded.owner_known THEN excluded.owner_id ELSE s.owner_id END
"""


@dataclass(frozen=True, slots=True)
class Agreed:
    """What is to be noted of a lead."""

    lead_id: str
    record_id: str
    base: Mapping[str, str | None]
    """Fields that are agreed on now; what was agreed on of others stays."""
    owner: Owner
    """Whose it is there, in a tuple; None: that was not seen, and stays as it was."""
    digest: str | None = None


async def now(pool: Pool) -> datetime:
    """The database's clock, by which it is known what was read before what was written."""
    async with pool.connection() as connection:
        row = await (await connection.execute("SELECT clock_timestamp() AS now")).fetchone()
    assert row is not None  # a SELECT without FROM has one row
    moment: datetime = row["now"]
    return moment


async def read(
    connection: AsyncConnection[DictRow], lead_ids: Collection[str], read_at: datetime | None = None
) -> dict[str, Entry]:
    """Leads, whose rows are locked until the transaction ends.

    `read_at`: `now` before their records were read, None: they were not.
    """
    cursor = await connection.execute(
        _READ, {"channel": CHANNEL, "lead_ids": sorted(lead_ids), "read_at": read_at, "telling": TELLING}
    )
    found = {}
    for row in await cursor.fetchall():
        lead = None if row["lead"] is None else Lead(**row["lead"])
        found[row["lead_id"]] = Entry(**{**row, "lead": lead})
    return found


async def note(connection: AsyncConnection[DictRow], system: str, agreed: Sequence[Agreed]) -> None:
    """Note what was agreed on."""
    if not agreed:
        return
    ordered = sorted(agreed, key=lambda one: one.lead_id)
    await connection.execute(
        _NOTE,
        (
            [one.lead_id for one in ordered],
            [system] * len(ordered),
            [one.record_id for one in ordered],
            [Jsonb(dict(one.base)) for one in ordered],
            [one.owner is not None for one in ordered],
            [one.owner[0] if one.owner else None for one in ordered],
            [one.digest for one in ordered],
        ),
    )


async def delivered(pool: Pool, system: str, mapping: LeadMapping, lead_id: str, record: Record, owner: Owner) -> None:
    """Note what a record says after we wrote it; `owner`: whom we gave it to, None: that was not written."""
    async with pool.connection() as connection:
        cursor = await connection.execute("SELECT lead FROM routing.leads WHERE lead_id = %s", (lead_id,))
        row = await cursor.fetchone()
        if row is None or row["lead"] is None:  # of another database, or written before it was registered
            return
        there, unusable = judging.theirs(mapping, record)
        here = judging.ours(mapping, row["lead"])
        base = {name: value for name, value in there.items() if value == here[name] and name not in unusable}
        await note(connection, system, [Agreed(lead_id, record.id, base, owner)])


async def met(
    connection: AsyncConnection[DictRow],
    system: str,
    mapping: LeadMapping,
    records: Mapping[str, tuple[Record, str | None]],
) -> None:
    """Note records, by the id there, that were just taken as leads: what they and their owners are is agreed on."""
    cursor = await connection.execute(
        "SELECT lead_id, external_id FROM routing.leads WHERE source = %s AND external_id = ANY(%s)",
        (system, sorted(records)),
    )
    agreed = []
    for row in await cursor.fetchall():
        record, owner = records[row["external_id"]]
        there, unusable = judging.theirs(mapping, record)
        base = {name: value for name, value in there.items() if name not in unusable}
        agreed.append(Agreed(row["lead_id"], record.id, base, (owner,)))
    await note(connection, system, agreed)


async def of_records(
    connection: AsyncConnection[DictRow], system: str, record_ids: Collection[str]
) -> dict[str, list[str]]:
    """Which leads have a record there, by the record's id; those whose record is gone are left out."""
    cursor = await connection.execute(
        "SELECT record_id, lead_id FROM sync.records WHERE system = %s AND record_id = ANY(%s) AND gone_at IS NULL"
        " ORDER BY lead_id",
        (system, sorted(record_ids)),
    )
    found: dict[str, list[str]] = {}
    for row in await cursor.fetchall():
        found.setdefault(row["record_id"], []).append(row["lead_id"])
    return found


async def ended(connection: AsyncConnection[DictRow], system: str, said: Mapping[str, tuple[str, bool]]) -> set[str]:
    """Note what records say of how leads of ours ended, by lead its record's id and whether it converted; of which leads
    that is another word than the last. Of two who say the same at once one is told so.
    """
    ordered = sorted(said)
    cursor = await connection.execute(
        """
        INSERT INTO sync.records AS s (lead_id, system, record_id, outcome)
        SELECT lead_id, %s, record_id, outcome FROM unnest(%s::text[], %s::text[], %s::bool[]) AS new (lead_id, record_id, outcome)
        ON CONFLICT (lead_id) DO UPDATE SET outcome = excluded.outcome
            WHERE s.outcome IS DISTINCT FROM excluded.outcome RETURNING lead_id
        """,
        (system, ordered, [said[one][0] for one in ordered], [said[one][1] for one in ordered]),
    )
    return {row["lead_id"] for row in await cursor.fetchall()}


async def gone(connection: AsyncConnection[DictRow], lead_id: str) -> None:
    """The lead's record is not there any more."""
    await connection.execute("UPDATE sync.records SET gone_at = now() WHERE lead_id = %s", (lead_id,))


async def moved(connection: AsyncConnection[DictRow], lead_id: str, record_id: str) -> None:
    """The lead's record is another one now: the one that it was merged into."""
    await connection.execute("UPDATE sync.records SET record_id = %s WHERE lead_id = %s", (record_id, lead_id))


async def waits_for_a_person(
    connection: AsyncConnection[DictRow],
    channel: str,
    external_id: str,
    lead_id: str,
    payload: Mapping[str, Any],
    why: str,
) -> bool:
    """Put something among the dead letters, where people decide; False if this one was there before, settled or not."""
    cursor = await connection.execute(
        """
        INSERT INTO runtime.dead_letters (id, channel, business_id, external_id, payload, created_at, tries, reason)
        SELECT nextval(pg_get_serial_sequence('runtime.outbox', 'id')), %(channel)s, %(lead)s, %(external_id)s, %(payload)s,
            now(), 0, %(why)s
        WHERE NOT EXISTS (SELECT FROM runtime.dead_letters
                          WHERE channel = %(channel)s AND external_id = %(external_id)s)
          AND NOT EXISTS (SELECT FROM runtime.outbox WHERE channel = %(channel)s AND external_id = %(external_id)s)
        """,
        {"channel": channel, "lead": lead_id, "external_id": external_id, "payload": Jsonb(dict(payload)), "why": why},
    )
    return cursor.rowcount == 1
